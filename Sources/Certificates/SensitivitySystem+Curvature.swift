import ConvexPrograms
import Tensors

/// The map from a neuron's filter within its face to the slopes by its output weights, by its largest singular pair.
struct ResidualPair {
  /// Largest singular value: the residual part of the Hessian has eigenvalues from minus this.
  let largest: Double
  /// Second singular value; 0 without one.
  let second: Double
  /// The unit vector `(r, -l) / sqrt(2)` of the neuron's coordinates, where the residual part is `-largest`.
  let direction: [Double]
}

extension SensitivitySystem {
  /// The gradient of the objective by the coordinates.
  func slope() -> [Double] {
    var result = penalized().map { lambda * $0 }
    let size = windows * outputs
    for (j, face) in faces.enumerated() {
      let map = BLAS.product(correlations[j], .plain, face.basis, .transposed)
      let (first, k) = (offsets[j], face.basis.rows)
      let filter = BLAS.product(
        correlations[j], .plain,
        Matrix(rows: network.filters.columns, columns: 1, elements: Array(network.filters.row(j))))
      for w in 0..<size {
        let row = correlationRow(ofWeight: w)
        let weight = network.outputWeights.elements[j * size + w]
        for e in 0..<k { result[first + e] += weight * map[row, e] }
        result[first + k + w] += filter[row, 0]
      }
    }
    for b in 0..<biasBasis.rows {
      for i in 0..<gradient.rows {
        result[(offsets.last ?? 0) + b] += BLAS.dot(
          Array(gradient.row(i)), Array(biasBasis.row(b)))
      }
    }
    return result
  }

  /// The singular pairs of all neurons.
  ///
  /// - Throws: `LAPACK.Failure` when a singular value iteration does not converge.
  func residualPairs() throws -> [ResidualPair] {
    try faces.enumerated().map { j, face in
      let rows = (0..<windows * outputs).map(correlationRow(ofWeight:))
      let map = BLAS.product(
        correlations[j].selectingRows(rows), .plain, face.basis, .transposed)
      let (u, values, vt) = try LAPACK.singularValues(map)
      guard let largest = values.first else {
        return ResidualPair(largest: 0, second: 0, direction: [])
      }
      let half = 0.5.squareRoot()
      return ResidualPair(
        largest: largest, second: values.count > 1 ? values[1] : 0,
        direction: vt.row(0).map { half * $0 } + (0..<u.rows).map { -half * u[$0, 0] })
    }
  }

  /// The Hessian of the objective times a vector of coordinates.
  ///
  /// - Complexity: O(`n c count`), without the Hessian.
  func hessianProduct(_ vector: [Double]) -> [Double] {
    let column = Matrix(rows: count, columns: 1, elements: vector)
    var result = [Double](repeating: 0, count: count)
    forEachChunk { samples, jacobian in
      let moved = BLAS.product(jacobian, .transposed, column, .plain).transposed
      let part = BLAS.product(jacobian, .plain, weighted(moved, samples), .transposed)
      BLAS.add(1, part.elements, to: &result)
    }
    let size = windows * outputs
    for (j, face) in faces.enumerated() {
      let (first, k) = (offsets[j], face.basis.rows)
      let map = BLAS.product(correlations[j], .plain, face.basis, .transposed)
      for w in 0..<size {
        let row = correlationRow(ofWeight: w)
        for e in 0..<k {
          result[first + e] += map[row, e] * vector[first + k + w]
          result[first + k + w] += map[row, e] * vector[first + e]
        }
      }
      for e in first..<offsets[j + 1] { result[e] += lambda * vector[e] }
    }
    return result
  }

  /// The curvature of the loss along some directions, `E J H_L J' E'`, and the trace of `J H_L J'`.
  ///
  /// - Parameter directions: `E`, `[d, count]`.
  /// - Returns: The matrix `[d, d]` and the trace.
  /// - Complexity: O(`n c count d`).
  func lossCurvature(along directions: Matrix) -> (matrix: Matrix, trace: Double) {
    var result = Matrix(rows: directions.rows, columns: directions.rows)
    var trace = 0.0
    forEachChunk { samples, jacobian in
      trace += BLAS.dot(weighted(jacobian, samples).elements, jacobian.elements)
      guard directions.rows > 0 else { return }
      let moved = BLAS.product(directions, .plain, jacobian)
      let part = BLAS.product(weighted(moved, samples), .plain, moved, .transposed)
      BLAS.add(1, part.elements, to: &result.elements)
    }
    return (result, trace)
  }

  /// `(mean_i max_j |A_ij|^2)^(1/2)`, where `A_ij` maps the filter of neuron `j` in its face to its pooled responses.
  ///
  /// Second derivatives of the predictions along unit directions have at most this root mean square.
  func responseBound() -> Double {
    let (h, n) = (patches.patchDimension, patches.sampleCount)
    var largest = [Double](repeating: 0, count: n)
    for face in faces {
      let pooled = face.pooled(patches, weights: weights, samples: 0..<n)
      let inside = BLAS.product(
        Matrix(rows: n * windows, columns: h, elements: pooled), .plain, face.basis, .transposed
      ).elements
      let size = windows * face.basis.rows
      for i in 0..<n {
        let part = inside[i * size..<(i + 1) * size]
        largest[i] = max(largest[i], part.reduce(0) { $0 + $1 * $1 })
      }
    }
    return (largest.reduce(0, +) / Double(max(n, 1))).squareRoot()
  }
}
