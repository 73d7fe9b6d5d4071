import Arrangements
public import ConvexPrograms
import Convolutions
public import Tensors

/// A ReLU problem with a gate in each of some cells, whose optimum over these cells an independent program knows.
///
/// The numbers are those of `Tests/Oracles/given_cells.py`, which gives CVXPY and Clarabel the rows of all patches for every
/// cell. Data come from `OracleNumbers`: images, targets, gates.
public struct GivenCellsProblem: Sendable, CustomStringConvertible {
  /// Seed of the numbers.
  public let seed: Int
  /// Number of samples `n`.
  public let sampleCount: Int
  /// Height and width of the images.
  public let size: Int
  /// Height and width of the filters.
  public let filter: Int
  /// Number of gates `P`.
  public let cellCount: Int
  /// Name of the loss: `squared` or `logistic`.
  public let loss: String
  /// Regularization strength.
  public let lambda: Double
  /// The optimum over the cells.
  public let optimum: Double

  /// Shape and strength.
  public var description: String {
    "n \(sampleCount), \(filter)x\(filter) of \(size)x\(size), \(cellCount) cells, \(loss), \(lambda)"
  }

  /// Optima by CVXPY 1.9.3 and Clarabel 0.11.1 on 2026-11-27, gaps of 1e-10: `python3 Tests/Oracles/given_cells.py`.
  public static let all = [
    GivenCellsProblem(
      seed: 31, sampleCount: 60, size: 5, filter: 3, cellCount: 12, loss: "squared", lambda: 0.02,
      optimum: 0.4370893429127347),
    GivenCellsProblem(
      seed: 32, sampleCount: 40, size: 4, filter: 4, cellCount: 20, loss: "squared", lambda: 0.01,
      optimum: 0.06203486216424856),
    GivenCellsProblem(
      seed: 33, sampleCount: 30, size: 4, filter: 3, cellCount: 10, loss: "logistic", lambda: 0.01,
      optimum: 0.2852540795973575),
    GivenCellsProblem(
      seed: 34, sampleCount: 50, size: 6, filter: 2, cellCount: 8, loss: "squared", lambda: 0.05,
      optimum: 0.5495188296700401),
  ]

  /// The images as a batch.
  public var images: Tensor { numbers.images }

  /// A gate in each cell, `[P, h]`.
  public var gates: Matrix { numbers.gates }

  /// The targets, one per sample; their signs are the labels of the logistic loss.
  public var targets: Matrix { numbers.targets }

  private var numbers: (images: Tensor, targets: Matrix, gates: Matrix) {
    var numbers = OracleNumbers(seed: seed)
    let images = numbers.matrix(rows: sampleCount, columns: size * size).elements
    let targets = numbers.matrix(rows: sampleCount, columns: 1)
    var gates = numbers.matrix(rows: cellCount, columns: filter * filter)
    // The second term keeps gates off the hyperplanes, whose normals have short fractions too.
    for e in gates.elements.indices { gates.elements[e] += numbers.next() / 300 }
    return (Tensor(shape: [sampleCount, 1, size, size], elements: images), targets, gates)
  }

  /// The problem.
  ///
  /// - Parameter threads: Threads that passes over the data use.
  /// - Returns: The problem on mean losses with sum pooling.
  /// - Throws: `GeometryError` or `ProgramError`, which no row gives cause for.
  public func problem(threads: Int = 1) throws -> TrainingProblem {
    let numbers = numbers
    return try TrainingProblem(
      images: numbers.images,
      geometry: PatchGeometry(
        channels: 1, imageHeight: size, imageWidth: size, filterHeight: filter,
        filterWidth: filter),
      pooling: Pooling(parsing: "sum"), activation: .relu,
      loss: loss == "squared"
        ? SquaredLoss(targets: numbers.targets)
        : LogisticLoss(labels: numbers.targets.elements.map { $0 >= 0 ? 1 : -1 }),
      lambda: lambda, threads: threads)
  }
}
