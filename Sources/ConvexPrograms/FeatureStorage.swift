import Convolutions

/// How the features of a program over gates are kept.
public enum FeatureStorage: String, Sendable, CaseIterable, Codable {
  /// In double precision, `8 n d` bytes.
  case dense
  /// In single precision, `4 n d` bytes; sums are in double precision.
  case float
  /// Not at all: every product makes them anew from samples that are read in passing.
  case streamed
  /// As `A' A` and `A' Y`, `8 d^2` bytes, which is all that a squared loss needs.
  case gram
}

/// What the choice between kinds of storage depends on.
public struct FeatureDemand: Sendable, Equatable {
  /// Number of samples `n`.
  public var sampleCount: Int
  /// Patches per sample `K` times gates `P`: with `h` entries each, what features are made of.
  public var maskCount: Int
  /// Patch dimension `h`.
  public var patchDimension: Int
  /// Number of features `d`.
  public var featureCount: Int
  /// Number of outputs `c`.
  public var outputCount: Int
  /// Whether the loss is squared.
  public var isSquared: Bool
  /// Whether features lose their means, for an output bias and squared loss.
  public var isCentered: Bool
  /// Relative gap that is aimed at.
  public var relativeGap: Double
  /// Iterations of the solver that are expected.
  public var iterationCount: Int

  /// The demand of a program.
  ///
  /// - Parameters:
  ///   - problem: The problem.
  ///   - gateCount: Number of gates; 1 for a linear network.
  ///   - relativeGap: Relative gap that is aimed at.
  ///   - iterationCount: Iterations that are expected; some 500 for gaps around 1e-4.
  public init(
    _ problem: TrainingProblem, gateCount: Int, relativeGap: Double, iterationCount: Int = 500
  ) {
    sampleCount = problem.sampleCount
    maskCount = problem.geometry.patchesPerSample * gateCount
    patchDimension = problem.geometry.patchDimension
    featureCount = gateCount * problem.windowCount * patchDimension
    outputCount = problem.outputCount
    isSquared = problem.loss is SquaredLoss
    isCentered = isSquared && problem.hasOutputBias
    self.relativeGap = relativeGap
    self.iterationCount = iterationCount
  }
}

extension FeatureDemand {
  /// Largest dense features that are chosen where memory is not limited.
  public static let largestDenseBytes = ConeProgram.largestFeatureBytes
  /// Smallest relative gap for which single precision is chosen; its own error is about 1e-7.
  public static let smallestFloatGap = 1e-5

  /// Bytes of a block of features that are made in passing, a share of the memory there is.
  ///
  /// - Parameter budget: Bytes in all, nil for no limit.
  /// - Returns: Between 1 and 32 MiB.
  public static func blockBytes(budget: Int?) -> Int {
    guard let budget else { return 32 << 20 }
    return max(1 << 20, min(32 << 20, budget / 32))
  }

  /// Bytes that a solve takes, from the features on: these, vectors of the solver, and blocks.
  ///
  /// - Parameters:
  ///   - storage: How features are kept.
  ///   - blockBytes: Bytes of a block.
  /// - Returns: An upper estimate, checked against runs in `Benchmarks/RESULTS-memory.md`.
  public func bytes(_ storage: FeatureStorage, blockBytes: Int) -> Int {
    let (n, d, c) = (sampleCount, featureCount, outputCount)
    let row = 8 * d
    let vectors = 8 * (14 * n * c + 16 * d * c)
    switch storage {
    case .dense: return vectors + (isCentered ? 2 : 1) * 8 * n * d
    case .float: return vectors + 4 * n * d + max(blockBytes, row)
    case .streamed: return vectors + max(blockBytes, row)
    // Descents keep A'A times as many directions as there are filters, some hundreds.
    case .gram: return vectors + 8 * d * (d + min(d, 1000)) + max(blockBytes, row)
    }
  }

  /// Expected work of a solve, in multiplications of a dense product.
  ///
  /// Making a feature costs about 4 per gate, patch and entry; a stored number 8 for coming from memory (measured on two Zen 4
  /// cores, where products with few columns are bound by memory).
  ///
  /// - Parameter storage: How features are kept.
  /// - Returns: The work; infinite where the storage does not serve the loss or the gap.
  public func work(_ storage: FeatureStorage) -> Double {
    let (n, d, c) = (Double(sampleCount), Double(featureCount), Double(outputCount))
    let making = 4 * n * Double(maskCount) * Double(patchDimension)
    let products = 2 * Double(iterationCount)
    switch storage {
    case .dense: return making + products * n * d * (c + 8)
    case .float:
      return relativeGap < Self.smallestFloatGap
        ? .infinity : making + products * n * d * (c + 9)
    case .streamed: return products * (making + n * d * c)
    case .gram:
      return isSquared
        ? 2 * making + 0.6 * n * d * d + products * d * d * (c + 8) : .infinity
    }
  }

  /// The storage of least expected work that fits.
  ///
  /// - Parameters:
  ///   - budget: Bytes for the solve, nil for no limit but that of dense features.
  ///   - blockBytes: Bytes of a block.
  /// - Returns: The storage; nil when not even streamed features fit.
  public func storage(budget: Int?, blockBytes: Int) -> FeatureStorage? {
    let fitting = FeatureStorage.allCases.filter {
      let bytes = bytes($0, blockBytes: blockBytes)
      if let budget { return bytes <= budget }
      return $0 == .streamed || bytes <= Self.largestDenseBytes
    }
    return fitting.filter { work($0).isFinite }.min { work($0) < work($1) }
  }
}
