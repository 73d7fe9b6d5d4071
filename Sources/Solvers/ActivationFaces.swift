import ConvexPrograms
import Convolutions
import Tensors

/// Faces of the patch arrangement on which filters lie: the hyperplanes `x . u = 0` they nearly satisfy.
///
/// With max pooling the hyperplanes `(x_k - x_l) . u = 0` between the winner of a window and its rivals count too.
///
/// Optimal filters often lie on such faces. Descent over all directions jams there, because the objective has a kink;
/// within the face it is smooth.
struct ActivationFaces {
  /// Orthonormal normals of the face of each filter, shape `[k_j, h]`; no rows for filters inside a cell.
  let normals: [Matrix]

  /// True when no filter lies on a hyperplane.
  var isTrivial: Bool { normals.allSatisfy { $0.rows == 0 } }

  /// The faces of given filters.
  ///
  /// - Parameters:
  ///   - filters: Filters of shape `[m, h]`.
  ///   - problem: Problem whose patches are the normals.
  ///   - tolerance: Largest `|x . u| / (|x| |u|)` that counts as zero.
  /// - Complexity: O(`n K h m`).
  init(of filters: Matrix, in problem: TrainingProblem, tolerance: Double) {
    let unit = filters.withUnitRows
    let (m, h) = (unit.rows, unit.columns)
    var near = [[(cosine: Double, row: Int, patch: [Double])]](repeating: [], count: m)
    for i in 0..<problem.sampleCount {
      let patches = problem.patches(ofSample: i)
      let responses = BLAS.product(patches, .plain, unit, .transposed)
      for k in 0..<patches.rows {
        let length = patches.row(k).reduce(0) { $0 + $1 * $1 }.squareRoot()
        guard length > 0 else { continue }
        for j in 0..<m where abs(responses[k, j]) <= tolerance * length {
          near[j].append(
            (
              abs(responses[k, j]) / length, i * patches.rows + k,
              patches.row(k).map { $0 / length }
            ))
        }
      }
      guard !problem.poolingMap.isLinear else { continue }
      for j in 0..<m {
        for rival in ActivationFaces.rivals(
          patches, responses, column: j, windows: problem.poolingMap.windows, tolerance: tolerance)
        {
          near[j].append((rival.cosine, i * patches.rows + rival.position, rival.normal))
        }
      }
    }
    normals = near.map { rows in
      let sorted = rows.sorted {
        $0.cosine == $1.cosine ? $0.row < $1.row : $0.cosine < $1.cosine
      }
      return ActivationFaces.orthonormal(sorted.map(\.patch), limit: h - 1)
    }
  }

  /// The faces of some of the filters, in the order given.
  func selecting(_ indices: [Int]) -> ActivationFaces {
    ActivationFaces(normals: indices.map { normals[$0] })
  }

  private init(normals: [Matrix]) { self.normals = normals }

  /// The filters moved onto their faces.
  func projected(_ filters: Matrix) -> Matrix {
    var result = filters
    for (j, face) in normals.enumerated() {
      for row in 0..<face.rows {
        var inner = 0.0
        for e in 0..<face.columns { inner += face[row, e] * result[j, e] }
        for e in 0..<face.columns { result[j, e] -= inner * face[row, e] }
      }
    }
    return result
  }

  /// Differences between the winning patch of each window and the patches that nearly tie with it.
  private static func rivals(
    _ patches: Matrix, _ responses: Matrix, column: Int, windows: [Int], tolerance: Double
  ) -> [(cosine: Double, position: Int, normal: [Double])] {
    var winner: [Int: Int] = [:]
    for (k, window) in windows.enumerated() where responses[k, column] > 0 {
      guard let best = winner[window], responses[best, column] >= responses[k, column] else {
        winner[window] = k
        continue
      }
    }
    return windows.enumerated().compactMap { k, window in
      guard let best = winner[window], best != k else { return nil }
      let difference = zip(patches.row(best), patches.row(k)).map { $0 - $1 }
      let length = BLAS.norm(difference)
      let lead = responses[best, column] - responses[k, column]
      guard length > 0, lead <= tolerance * length else { return nil }
      return (lead / length, k, difference.map { $0 / length })
    }
  }

  /// Orthonormal basis of the first independent rows, at most `limit` of them (Gram-Schmidt, twice).
  private static func orthonormal(_ rows: [[Double]], limit: Int) -> Matrix {
    var basis: [[Double]] = []
    for row in rows where basis.count < limit {
      var rest = row
      for _ in 0..<2 {
        for b in basis { BLAS.add(-BLAS.dot(b, rest), b, to: &rest) }
      }
      let length = BLAS.norm(rest)
      if length > 1e-3 { basis.append(rest.map { $0 / length }) }
    }
    return Matrix(
      rows: basis.count, columns: rows.first?.count ?? 0, elements: basis.flatMap { $0 })
  }
}
