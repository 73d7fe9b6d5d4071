public import ConvexPrograms
import Convolutions
public import Tensors

/// A ReLU problem on signals whose optimum over all cells is known between two bounds that agree to `1e-11`.
///
/// The bounds are those of an independent program with its own verification, `Tests/Oracles/certified_optima.py`. Data
/// come from `OracleNumbers`: signals first, then targets.
public struct CertifiedOptimum: Sendable, CustomStringConvertible {
  /// What is special about the problem.
  public let name: String
  /// Seed of the numbers.
  public let seed: Int
  /// Number of samples `n`.
  public let sampleCount: Int
  /// Length of the signals.
  public let length: Int
  /// Length of the filters.
  public let h: Int
  /// Text of the pooling.
  public let pooling: String
  /// Name of the loss.
  public let loss: String
  /// Number of outputs `c`.
  public let outputs: Int
  /// Regularization strength of the un-normalised objective, `n lambda`.
  public let beta: Double
  /// Number of cells of the arrangement, both of each pair.
  public let cellCount: Int
  /// Objective of a network that the script found, mean loss.
  public let upperBound: Double
  /// Dual value that the script verified over all faces, mean loss.
  public let lowerBound: Double
  /// Whether networks have an output bias.
  public var hasOutputBias = false

  /// The name, the shape and the optimum.
  public var description: String {
    "\(name), h \(h), \(cellCount) cells, seed \(seed), optimum \(upperBound)"
  }

  /// Regularization strength of the mean-loss objective.
  public var lambda: Double { beta / Double(sampleCount) }

  /// The signals as a batch of shape `[n, 1, 1, length]`.
  public var images: Tensor {
    var numbers = OracleNumbers(seed: seed)
    return Tensor(
      shape: [sampleCount, 1, 1, length],
      elements: numbers.matrix(rows: sampleCount, columns: length).elements)
  }

  /// The problem on mean losses.
  ///
  /// - Parameter threads: Threads that passes over the data use.
  /// - Returns: The problem over the signals.
  /// - Throws: `GeometryError` or `ProgramError`, which no row gives cause for.
  public func problem(threads: Int = 1) throws -> TrainingProblem {
    var numbers = OracleNumbers(seed: seed)
    let signals = numbers.matrix(rows: sampleCount, columns: length)
    let targets = numbers.matrix(rows: sampleCount, columns: outputs)
    let ownLoss: any Loss =
      switch loss {
      case "squared": SquaredLoss(targets: targets)
      case "logistic": LogisticLoss(labels: targets.elements.map { $0 >= 0 ? 1 : -1 })
      default:
        SoftmaxLoss(
          classes: (0..<sampleCount).map { i in
            // The first of the largest entries, as in the script.
            (0..<outputs).reduce(0) { targets[i, $1] > targets[i, $0] ? $1 : $0 }
          }, count: outputs)
      }
    return try TrainingProblem(
      images: Tensor(shape: [sampleCount, 1, 1, length], elements: signals.elements),
      geometry: PatchGeometry(length: length, filterLength: h),
      pooling: Pooling(parsing: pooling), activation: .relu, loss: ownLoss, lambda: lambda,
      hasOutputBias: hasOutputBias, threads: threads)
  }
}
