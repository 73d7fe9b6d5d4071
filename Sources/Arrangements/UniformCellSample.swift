/// Independent draws of cells that were all equally likely, and what they say about their number.
public struct UniformCellSample: Sendable, Equatable {
  /// Number of draws asked for.
  public let wanted: Int
  /// Number of draws.
  public private(set) var count = 0
  /// Number of sets of lines drawn, up to the one of the last draw.
  public private(set) var attempts = 0
  /// Packed patterns over the lines, `wordsPerCell` words each, in the order drawn.
  ///
  /// Bit `r % 64` of word `r / 64` belongs to line `r`.
  public private(set) var words: [UInt64] = []
  /// Words of a pattern.
  public let wordsPerCell: Int
  /// Number of lines, the length of a pattern.
  public let lineCount: Int
  /// Number of sets of lines there are.
  private let setCount: Double

  /// Whether there are as many draws as asked for.
  ///
  /// If not, the sets drawn reached their limit: raise it, or sample directions where the acceptance
  /// is tiny.
  public var isComplete: Bool { count == wanted }

  /// The pattern over the lines of a draw.
  ///
  /// - Precondition: `0 <= index < count`.
  public subscript(index: Int) -> ActivationPattern {
    precondition(index >= 0 && index < count, "UniformCellSample: draw \(index) of \(count)")
    return ActivationPattern(
      bits: Array(words[index * wordsPerCell..<(index + 1) * wordsPerCell]), count: lineCount)
  }

  /// Unbiased estimate of the probability that a set is accepted.
  ///
  /// `(count - 1) / (attempts - 1)` when the last set drawn was accepted as the last one wanted, and
  /// `count / attempts` when the sets reached their limit. Zero without sets.
  ///
  /// - Source: Girshick, Mosteller & Savage, *Unbiased Estimates for Certain Binomial Sampling
  ///   Problems with Applications*, Annals of Mathematical Statistics 1946.
  public var acceptance: Double {
    guard attempts > 0 else { return 0 }
    guard isComplete, attempts > 1 else { return Double(count) / Double(attempts) }
    return Double(count - 1) / Double(attempts - 1)
  }

  /// Unbiased estimate of the number of pairs of opposite cells, `acceptance` times the number of
  /// sets.
  public var estimatedHalfCellCount: Double { acceptance * setCount }

  /// Standard error of `estimatedHalfCellCount`.
  ///
  /// The root of an unbiased estimate of the variance, `p (1 - p) / (attempts - 2)` for the
  /// acceptance `p`, and of the same with `attempts - 1` when the sets reached their limit. Zero when
  /// every set was accepted or none, which does not prove that all are; infinite with fewer than
  /// three sets.
  public var standardError: Double {
    let freedom = isComplete ? attempts - 2 : attempts - 1
    guard freedom > 0 else { return .infinity }
    let p = acceptance
    return setCount * (p * (1 - p) / Double(freedom)).squareRoot()
  }

  /// How much of the arrangement the draws have seen.
  public var coverage: SamplingCoverage {
    SamplingCoverage(patterns: (0..<count).map { self[$0] })
  }

  /// What one seed gave.
  struct Chunk {
    var sets = 0
    /// Which sets were accepted, and the patterns of their cells.
    var accepted: [Int] = []
    var words: [UInt64] = []
    var isDefective = false
  }

  init(wanted: Int, setCount: Double, wordsPerCell: Int, lineCount: Int) {
    (self.wanted, self.setCount) = (wanted, setCount)
    (self.wordsPerCell, self.lineCount) = (wordsPerCell, lineCount)
  }

  /// Takes a chunk's draws, as many as are wanted.
  mutating func append(_ chunk: Chunk) {
    let taken = min(wanted - count, chunk.accepted.count)
    words += chunk.words[..<(taken * wordsPerCell)]
    count += taken
    attempts += isComplete && taken > 0 ? chunk.accepted[taken - 1] + 1 : chunk.sets
  }
}
