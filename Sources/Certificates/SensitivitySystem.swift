import ConvexPrograms
import Tensors

/// The Hessian of the objective by the free coordinates of a network, and the Jacobian of its predictions.
///
/// Coordinates of neuron `j` are those of its filter in its face and its output weights; those of the output bias come last,
/// for softmax without their mean, which the loss does not see.
struct SensitivitySystem {
  /// Samples handled at a time.
  private static let chunk = 64

  let patches: PooledPatches
  let weights: Matrix
  let network: Network
  let faces: [FaceCoordinates]
  let loss: any Loss
  let lambda: Double
  let predictions: Matrix
  let gradient: Matrix
  /// The gradient of the loss by the responses of each neuron, as a map of its filter, `[c a, h]`.
  let correlations: [Matrix]
  /// First coordinate of each neuron, and that of the output bias.
  let offsets: [Int]
  /// Orthonormal changes of the output bias that the loss sees, `[b, c]`.
  let biasBasis: Matrix
  /// Number of coordinates.
  let count: Int

  init(
    _ patches: PooledPatches, weights: Matrix, network: Network, faces: [FaceCoordinates],
    loss: any Loss, lambda: Double, predictions: Matrix
  ) throws {
    (self.patches, self.weights, self.network, self.faces) = (patches, weights, network, faces)
    (self.loss, self.lambda, self.predictions) = (loss, lambda, predictions)
    let gradient = loss.gradient(at: predictions)
    self.gradient = gradient
    correlations = faces.map {
      MaskedDualNorm.correlation(patches, weights: weights, mask: $0.mask, dual: gradient)
    }
    let size = weights.rows * loss.outputCount
    var offsets = [0]
    for face in faces { offsets.append((offsets.last ?? 0) + face.basis.rows + size) }
    self.offsets = offsets
    biasBasis =
      network.outputBias == nil
      ? Matrix(rows: 0, columns: loss.outputCount) : try Self.biasBasis(loss)
    count = (offsets.last ?? 0) + biasBasis.rows
  }

  /// Orthonormal rows: all changes of the output bias that the loss sees.
  private static func biasBasis(_ loss: any Loss) throws -> Matrix {
    let c = loss.outputCount
    guard loss is SoftmaxLoss else { return .identity(c) }
    let centering = Matrix(
      rows: c, columns: c,
      elements: (0..<c * c).map { ($0 / c == $0 % c ? 1 : 0) - 1 / Double(c) })
    let (values, vectors) = try LAPACK.symmetricEigen(centering)
    return vectors.selectingRows(values.indices.filter { values[$0] > 0.5 })
  }

  var windows: Int { weights.rows }
  var outputs: Int { loss.outputCount }

  /// The row of a correlation that belongs to output weight `q c + t`.
  func correlationRow(ofWeight w: Int) -> Int { w % outputs * windows + w / outputs }

  /// Calls a closure with consecutive samples and the transposed Jacobian of their predictions, `[count, samples c]`.
  func forEachChunk(_ body: (Range<Int>, Matrix) throws -> Void) rethrows {
    for start in stride(from: 0, to: patches.sampleCount, by: Self.chunk) {
      let samples = start..<min(start + Self.chunk, patches.sampleCount)
      try body(samples, jacobian(samples))
    }
  }

  private func jacobian(_ samples: Range<Int>) -> Matrix {
    let (a, c, h) = (windows, outputs, patches.patchDimension)
    let width = samples.count * c
    var result = Matrix(rows: count, columns: width)
    for (j, face) in faces.enumerated() {
      let pooled = face.pooled(patches, weights: weights, samples: samples)
      let filter = Array(network.filters.row(j))
      let k = face.basis.rows
      for s in 0..<samples.count {
        for q in 0..<a {
          let row = Array(pooled[(s * a + q) * h..<(s * a + q + 1) * h])
          let response = BLAS.dot(row, filter)
          let along = (0..<k).map { BLAS.dot(row, Array(face.basis.row($0))) }
          for t in 0..<c {
            let weight = network.outputWeights[j * a + q, t]
            for e in 0..<k { result[offsets[j] + e, s * c + t] += weight * along[e] }
            result[offsets[j] + k + q * c + t, s * c + t] = response
          }
        }
      }
    }
    let first = offsets.last ?? 0
    for b in 0..<biasBasis.rows {
      for s in 0..<samples.count {
        for t in 0..<c { result[first + b, s * c + t] = biasBasis[b, t] }
      }
    }
    return result
  }

  /// The Hessian of the loss times each row of a transposed Jacobian, same shape.
  func weighted(_ jacobian: Matrix, _ samples: Range<Int>) -> Matrix {
    var result = jacobian
    let width = jacobian.columns
    predictions.elements.withUnsafeBufferPointer { f in
      jacobian.elements.withUnsafeBufferPointer { rows in
        result.elements.withUnsafeMutableBufferPointer { out in
          guard let f = f.baseAddress, let rows = rows.baseAddress, let out = out.baseAddress
          else { return }
          for i in 0..<jacobian.rows {
            loss.hessianProduct(
              samples: samples, predictions: f + samples.lowerBound * outputs,
              direction: rows + i * width, into: out + i * width)
          }
        }
      }
    }
    return result
  }

  /// The Hessian of `L + (lambda / 2) sum_j (|u_j|^2 + |W_j|_F^2)` by the coordinates, `[count, count]`.
  ///
  /// - Complexity: O(`n c count^2`).
  func hessian() -> Matrix {
    var result = gaussNewton()
    addPenaltyAndResidual(to: &result)
    return result
  }

  /// The part of the Hessian that the curvature of the loss makes, `J H_L J'`, `[count, count]`.
  func gaussNewton() -> Matrix {
    var result = Matrix(rows: count, columns: count)
    forEachChunk { samples, jacobian in
      let part = BLAS.product(
        weighted(jacobian, samples), .plain, jacobian, .transposed)
      BLAS.add(1, part.elements, to: &result.elements)
    }
    return result
  }

  /// Adds the other part of the Hessian: `lambda`, and the gradient of the loss times second derivatives of predictions.
  func addPenaltyAndResidual(to result: inout Matrix) {
    let size = windows * outputs
    for (j, face) in faces.enumerated() {
      let map = BLAS.product(correlations[j], .plain, face.basis, .transposed)
      let (first, k) = (offsets[j], face.basis.rows)
      for w in 0..<size {
        let row = correlationRow(ofWeight: w)
        for e in 0..<k {
          result[first + e, first + k + w] += map[row, e]
          result[first + k + w, first + e] += map[row, e]
        }
      }
      for e in first..<offsets[j + 1] { result[e, e] += lambda }
    }
  }

  /// The coordinates of the penalized weights: the gradient of `(1/2) sum_j (|u_j|^2 + |W_j|_F^2)`.
  func penalized() -> [Double] {
    var result = [Double](repeating: 0, count: count)
    let size = windows * outputs
    for (j, face) in faces.enumerated() {
      let filter = Array(network.filters.row(j))
      for e in 0..<face.basis.rows {
        result[offsets[j] + e] = BLAS.dot(Array(face.basis.row(e)), filter)
      }
      for w in 0..<size {
        result[offsets[j] + face.basis.rows + w] = network.outputWeights.elements[j * size + w]
      }
    }
    return result
  }

  /// Filters, output weights and output bias of a change of the coordinates.
  func weights(
    of step: [Double]
  ) -> (filters: Matrix, outputWeights: Matrix, outputBias: [Double]?) {
    var filters = Matrix(rows: faces.count, columns: patches.patchDimension)
    var outer = network.outputWeights
    let size = windows * outputs
    for (j, face) in faces.enumerated() {
      let k = face.basis.rows
      for e in 0..<k {
        for d in 0..<filters.columns { filters[j, d] += step[offsets[j] + e] * face.basis[e, d] }
      }
      for w in 0..<size { outer.elements[j * size + w] = step[offsets[j] + k + w] }
    }
    guard network.outputBias != nil else { return (filters, outer, nil) }
    var bias = [Double](repeating: 0, count: outputs)
    for b in 0..<biasBasis.rows {
      BLAS.add(step[(offsets.last ?? 0) + b], Array(biasBasis.row(b)), to: &bias)
    }
    return (filters, outer, bias)
  }

  /// The least slope of the objective away from the faces, over the sum of what the rows on hyperplanes can change; nil
  /// without hyperplanes, negative where a filter that leaves its hyperplanes lowers the objective or there are too many
  /// directions to try.
  ///
  /// With `r` the gradient by the filter where rows on hyperplanes are inactive, and `a_l`, `b_l` what those add on the
  /// sides of `x_l` and `-x_l`, the slope along `d` is `r . d + sum_l a_l (x_l . d)_+ + b_l (-x_l . d)_+`. It is linear in
  /// every cell of the hyperplanes, so it is positive everywhere when it is on the rays of the cells.
  func kinkMargin() throws -> Double? {
    var margin: Double?
    for j in faces.indices where faces[j].normals.rows > 0 {
      guard let least = try leastLeavingSlope(of: j) else { return -1 }
      margin = min(margin ?? .infinity, least.slope / least.scale)
    }
    return margin
  }

  /// The least slope of the objective when a filter leaves its hyperplanes along a unit ray, and what their rows can change.
  ///
  /// - Returns: nil where there are too many rays to try, or rows change nothing.
  func leastLeavingSlope(of j: Int) throws -> (slope: Double, scale: Double)? {
    let (face, size) = (faces[j], windows * outputs)
    var slope = [Double](repeating: 0, count: patches.patchDimension)
    for w in 0..<size {
      BLAS.add(
        network.outputWeights.elements[j * size + w],
        Array(correlations[j].row(correlationRow(ofWeight: w))), to: &slope)
    }
    BLAS.add(lambda, Array(network.filters.row(j)), to: &slope)
    let bounds = (0..<face.normals.rows).map { sides(of: face, line: $0, neuron: j) }
    let scale = bounds.reduce(0) { $0 + abs($1.above) + abs($1.below) }
    guard scale > 0, let rays = try face.leavingRays(limit: 20_000) else { return nil }
    var least = Double.infinity
    for ray in rays {
      var value = BLAS.dot(slope, ray)
      for (line, bound) in bounds.enumerated() {
        let product = BLAS.dot(Array(face.normals.row(line)), ray)
        if abs(product) > 1e-10 {
          value += abs(product) * (product > 0 ? bound.above : bound.below)
        }
      }
      least = min(least, value)
    }
    return (least, scale)
  }

  /// What the rows of a hyperplane add to the slope along its normal, on both of its sides.
  func sides(
    of face: FaceCoordinates, line: Int, neuron j: Int
  ) -> (above: Double, below: Double) {
    var (above, below) = (0.0, 0.0)
    for (row, isPositive) in face.rowsOnLine[line] {
      let slope = slope(ofRow: row, neuron: j) * BLAS.norm(Array(patches.rows.row(row)))
      if isPositive { above += slope } else { below += slope }
    }
    return (above, below)
  }

  /// What the loss gains for each unit that a row adds to its response to a neuron.
  func slope(ofRow row: Int, neuron j: Int) -> Double {
    let (i, k) = (row / patches.patchesPerSample, row % patches.patchesPerSample)
    var slope = 0.0
    for q in 0..<windows where weights[q, k] != 0 {
      for t in 0..<outputs {
        slope += weights[q, k] * gradient[i, t] * network.outputWeights[j * windows + q, t]
      }
    }
    return slope
  }
}
