import Arrangements
public import ConvexPrograms
import Convolutions
import Tensors

/// The convex program under max pooling with every cell of the arrangement a block of its own, by its definition.
///
/// Hyperplanes are those of all patches and of all differences of two patches of a sample. A cell is a witness with one sign
/// per hyperplane; its cone has all of them as constraints, redundant or not, and its features are the patches that win at
/// the witness.
public struct UnmergedCells {
  /// The program.
  public let program: ConeProgram
  /// Number of different lists of winners (-1 where no patch is active) that the witnesses have.
  public let patternCount: Int

  /// All cells of a problem with max pooling, one window and one output.
  ///
  /// - Parameter problem: The problem.
  /// - Throws: `ArrangementError` when all patches are zero.
  public init(_ problem: TrainingProblem) throws {
    let h = problem.geometry.patchDimension
    let samples = (0..<problem.sampleCount).map { problem.patches(ofSample: $0) }
    var normals: [[Double]] = []
    for sample in samples {
      for first in 0..<sample.rows {
        normals.append(Array(sample.row(first)))
        for second in 0..<first {
          normals.append(zip(sample.row(first), sample.row(second)).map { $0 - $1 })
        }
      }
    }
    normals = normals.filter { $0.contains { $0 != 0 } }
    let arrangement = try CentralArrangement(normals: Matrix(normals))
    var cones: [ActivationCone] = []
    var winners: [[Int]] = []
    for pattern in try arrangement.cells {
      guard let witness = arrangement.cell(of: pattern)?.witness else { continue }
      cones.append(
        ActivationCone(
          normals: Matrix(
            normals.map { row in
              Self.product(row, witness) > 0 ? row : row.map { -$0 }
            })))
      winners.append(samples.map { Self.winner($0, witness) })
    }
    var features = Matrix(rows: samples.count, columns: cones.count * h)
    for (b, list) in winners.enumerated() {
      for (i, winner) in list.enumerated() where winner >= 0 {
        for e in 0..<h { features[i, b * h + e] = samples[i][winner, e] }
      }
    }
    program = ConeProgram(
      problem: problem, cones: cones, features: features, cellCount: cones.count)
    patternCount = Set(winners).count
  }

  private static func winner(_ sample: Matrix, _ filter: [Double]) -> Int {
    let products = (0..<sample.rows).map { product(Array(sample.row($0)), filter) }
    let best = products.indices.reduce(0) { products[$1] > products[$0] ? $1 : $0 }
    return products[best] > 0 ? best : -1
  }

  private static func product(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
  }
}
