import Tensors

/// What counting or listing the cells of an arrangement would take, known before either is begun.
public struct CountForecast: Sendable, Equatable {
  /// Number of distinct lines of normals.
  public let lineCount: Int
  /// Exact rank of the lines.
  public let rank: Int
  /// Upper bound on the number of cells, reached in general position.
  ///
  /// `2 sum_{k < rank} C(lines - 1, k)`; `nil` when it exceeds `UInt128`.
  public let cellUpperBound: UInt128?
  /// Estimated seconds for `CentralArrangement.characteristicPolynomial` on one thread.
  ///
  /// `C(lines, rank - 1)` rows at 25 nanoseconds and `C(lines, rank - 2)` restrictions at 300;
  /// degenerate arrangements take less.
  public let countingSeconds: Double
  /// Estimated seconds for listing all cells up to sign on one thread, at 80 nanoseconds each.
  public let listingSeconds: Double

  /// The forecast for a number of lines of some rank.
  ///
  /// - Parameters:
  ///   - lines: Number of distinct lines, at least 1.
  ///   - rank: Exact rank of the lines, at least 1.
  /// - Precondition: `1 <= rank <= lines`.
  public init(lines: Int, rank: Int) {
    precondition(
      1 <= rank && rank <= lines, "CountForecast: expected a rank in 1...\(lines), found \(rank)")
    lineCount = lines
    self.rank = rank
    cellUpperBound = Self.generalPositionCellCount(lines: lines, rank: rank)
    // Steps as floating-point numbers, since binomials of many lines exceed every integer.
    var (binomial, half) = (1.0, 0.0)
    for k in 0..<rank {
      half += binomial
      binomial *= Double(lines - 1 - k) / Double(k + 1)
    }
    var (restrictions, steps) = (0.0, 1.0)
    for k in 0..<rank - 1 {
      restrictions = steps
      steps *= Double(lines - k) / Double(k + 1)
    }
    countingSeconds = steps * 25e-9 + restrictions * 300e-9
    listingSeconds = half * 80e-9
  }

  /// `2 sum_{k < rank} C(lines - 1, k)`, or `nil` when a term exceeds `UInt128`.
  private static func generalPositionCellCount(lines: Int, rank: Int) -> UInt128? {
    var (sum, binomial): (UInt128, UInt128) = (0, 1)
    for k in 0..<rank {
      let (next, overflows) = sum.addingReportingOverflow(binomial)
      guard !overflows else { return nil }
      sum = next
      if k + 1 == rank { break }
      let product = binomial.multipliedFullWidth(by: UInt128(lines - 1 - k))
      guard product.high < UInt128(k + 1) else { return nil }
      binomial = UInt128(k + 1).dividingFullWidth(product).quotient
    }
    let (total, overflows) = sum.multipliedReportingOverflow(by: 2)
    return overflows ? nil : total
  }
}

extension CentralArrangement {
  /// Bounds and time estimates for counting and listing the cells.
  ///
  /// - Complexity: O(`lines * patchDimension^2`).
  public var countForecast: CountForecast {
    let rank = CountingRows(essential.rows).columnBasis().count
    return CountForecast(lines: essential.lineCount, rank: rank)
  }
}
