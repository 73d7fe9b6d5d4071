public import ConvexPrograms
import Convolutions
public import Tensors

/// A ReLU problem on row sums of digits whose optimal set an independent program knows.
///
/// The numbers are those of `Tests/Oracles/optimal_sets.py`: filters of length `h` on signals of eight entries, sum pooling,
/// one output, squared loss.
public struct DigitProfile: Sendable, CustomStringConvertible {
  /// Number of samples `n`.
  public let sampleCount: Int
  /// Length of the filters.
  public let h: Int
  /// Sums of pixels of each row, `[n, 8]`; the signals are these over 128.
  public let sums: [Int]
  /// Targets, 1 or -1.
  public let labels: [Int]
  /// Strength of the un-normalised objective, `n lambda`.
  public let beta: Double
  /// Smallest strength whose solution is zero, un-normalised.
  public let largestBeta: Double
  /// Number of cells with an active row.
  public let cellCount: Int
  /// Optimal value of the un-normalised objective.
  public let optimum: Double
  /// `sum_j |u_j| |W_j|` of all optima.
  public let totalMass: Double
  /// Directions of largest correlation.
  public let neuronCount: Int
  /// Rank of their outputs.
  public let rank: Int
  /// Neurons after pruning one optimum.
  public let prunedCount: Int
  /// Trace of the derivative of the fit by the targets.
  public let degreesOfFreedom: Double
  /// Length of the derivative of the fit by `beta`.
  public let fitSlopeNorm: Double
  /// Least and largest share of each direction in the total mass, by the largest.
  public let shares: [(Double, Double)]

  /// Shape and strength.
  public var description: String { "n \(sampleCount), h \(h), beta \(beta)" }

  /// The signals as a batch of shape `[n, 1, 1, 8]`.
  public var images: Tensor {
    Tensor(shape: [sampleCount, 1, 1, 8], elements: sums.map { Double($0) / 128 })
  }

  /// The problem on mean losses, whose optimum is `optimum / n`.
  ///
  /// - Parameters:
  ///   - targets: Other targets than the labels.
  ///   - beta: Another strength.
  /// - Returns: The problem.
  /// - Throws: `GeometryError` or `ProgramError`, which no row gives cause for.
  public func problem(targets: [Double]? = nil, beta: Double? = nil) throws -> TrainingProblem {
    try TrainingProblem(
      images: images, geometry: PatchGeometry(length: 8, filterLength: h),
      pooling: Pooling(parsing: "sum"), activation: .relu,
      loss: SquaredLoss(
        targets: Matrix(
          rows: sampleCount, columns: 1, elements: targets ?? labels.map { Double($0) })),
      lambda: (beta ?? self.beta) / Double(sampleCount))
  }
}
