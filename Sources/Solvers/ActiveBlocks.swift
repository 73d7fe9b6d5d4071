import ConvexPrograms
import Tensors

/// The nonzero blocks of a group lasso, where its objective is twice differentiable.
struct ActiveBlocks {
  let program: CompositeProgram
  let blockRows: Int
  var map: DenseFeatureMap
  var blocks: [Int]
  var weights: Matrix
  var objective: Double

  init(_ program: CompositeProgram, map: DenseFeatureMap, point: Matrix) {
    self.program = program
    blockRows = map.featureCount / max(1, program.regularizer.blockCount)
    self.map = map
    blocks = []
    weights = point
    objective = 0
    let norms = program.regularizer.blockDualNorms(point)
    restrict(from: map, to: norms.indices.filter { norms[$0] > 0 }, names: Array(norms.indices))
    objective = value(weights, map.predictions(of: point))
  }

  /// Keeps some of the present blocks, given by position; `names` are the blocks' numbers in the program.
  private mutating func restrict(from source: DenseFeatureMap, to kept: [Int], names: [Int]) {
    let columns = kept.flatMap { b in (0..<blockRows).map { b * blockRows + $0 } }
    map = DenseFeatureMap(
      features: source.features.selectingColumns(columns), threads: source.threads)
    weights = weights.selectingRows(columns)
    blocks = kept.map { names[$0] }
  }

  private func value(_ weights: Matrix, _ predictions: Matrix) -> Double {
    program.loss.value(at: predictions)
      + program.lambda * GroupNorm(blockCount: blocks.count).value(weights)
  }

  /// One damped Newton step; false when no step decreases the objective.
  mutating func step() -> Bool {
    let predictions = map.predictions(of: weights)
    let norms = GroupNorm(blockCount: blocks.count).blockDualNorms(weights)
    var gradient = map.adjoint(program.loss.gradient(at: predictions))
    forEachBlock { b, e in
      gradient.elements[e] += program.lambda * weights.elements[e] / norms[b]
    }
    let direction = newtonDirection(predictions, norms, gradient)
    var length = 1.0
    while length > 1e-8 {
      var trial = weights
      BLAS.add(length, direction.elements, to: &trial.elements)
      // A block that crosses zero stops there.
      let crossed = crossedBlocks(trial)
      forEachBlock { b, e in if crossed[b] { trial.elements[e] = 0 } }
      let next = value(trial, map.predictions(of: trial))
      if next < objective {
        let progress = objective - next
        (weights, objective) = (trial, next)
        if crossed.contains(true) {
          restrict(from: map, to: crossed.indices.filter { !crossed[$0] }, names: blocks)
        }
        return progress > 1e-16 * abs(objective)
      }
      length *= 0.5
    }
    return false
  }

  private func crossedBlocks(_ trial: Matrix) -> [Bool] {
    let size = blockRows * weights.columns
    return blocks.indices.map { b in
      var inner = 0.0
      for e in b * size..<(b + 1) * size { inner += weights.elements[e] * trial.elements[e] }
      return inner <= 0
    }
  }

  private func forEachBlock(_ body: (_ block: Int, _ element: Int) -> Void) {
    let size = blockRows * weights.columns
    for b in blocks.indices { for e in b * size..<(b + 1) * size { body(b, e) } }
  }

  /// Largest number of weights for which the Hessian is formed and factorised.
  private static let denseLimit = 3000

  /// The solution of `H p = -g`: by Cholesky factorisation where `H` is small, else by conjugate gradients.
  private func newtonDirection(_ predictions: Matrix, _ norms: [Double], _ g: Matrix) -> Matrix {
    guard g.elements.count <= ActiveBlocks.denseLimit else {
      return conjugateGradients(predictions, norms, g)
    }
    let hessian = denseHessian(predictions, norms)
    let scale = (0..<hessian.rows).reduce(0) { max($0, hessian[$1, $1]) }
    var damping = 1e-14 * scale
    // Where all curvature underflows, as at saturated predictions, damping stays zero.
    while damping > 0, damping <= scale {
      var damped = hessian
      for i in 0..<damped.rows { damped[i, i] += damping }
      if let p = try? LAPACK.solvePositiveDefinite(damped, g.elements.map { -$0 }) {
        return Matrix(rows: g.rows, columns: g.columns, elements: p)
      }
      damping *= 100
    }
    return conjugateGradients(predictions, norms, g)
  }

  /// The Hessian in the order of the weights, shape `[d c, d c]`.
  private func denseHessian(_ predictions: Matrix, _ norms: [Double]) -> Matrix {
    let (d, c) = (map.featureCount, weights.columns)
    let biased = program.loss as? OutputBiasLoss
    let parts = biased?.curvatureParts(at: predictions)
    let (loss, predictions) = (biased?.base ?? program.loss, parts?.shifted ?? predictions)
    let curvature = loss.curvature(at: predictions)
    let pairs = (0..<c).flatMap { k in (k..<c).map { (k, $0) } }
    var result = Matrix(rows: d * c, columns: d * c)
    result.elements.withUnsafeMutableBufferPointer { out in
      guard let out = out.baseAddress else { return }
      Parallel.forEachChunk(of: pairs.count, chunk: 1, threads: map.threads) { index, _ in
        let (k, l) = pairs[index]
        var scaled = map.features
        scaled.elements.withUnsafeMutableBufferPointer { scaled in
          for i in 0..<predictions.rows {
            let factor = curvature[l][i, k]
            for e in i * d..<(i + 1) * d { scaled[e] *= factor }
          }
        }
        let block = BLAS.product(map.features, .transposed, scaled, .plain)
        for e in 0..<d {
          for f in 0..<d {
            out[(e * c + k) * d * c + f * c + l] = block[e, f]
            out[(f * c + l) * d * c + e * c + k] = block[e, f]
          }
        }
      }
    }
    for correction in parts?.corrections ?? [] {
      let column = map.adjoint(correction).elements
      for (e, element) in column.enumerated() {
        for f in column.indices { result[e, f] -= element * column[f] }
      }
    }
    let size = blockRows * c
    for b in blocks.indices {
      for e in b * size..<(b + 1) * size {
        for f in b * size..<(b + 1) * size {
          let along = weights.elements[e] * weights.elements[f] / (norms[b] * norms[b])
          result[e, f] += program.lambda / norms[b] * ((e == f ? 1 : 0) - along)
        }
      }
    }
    return result
  }

  /// Conjugate gradients on `H p = -g` to a residual that falls with the gradient.
  private func conjugateGradients(
    _ predictions: Matrix, _ norms: [Double], _ g: Matrix
  ) -> Matrix {
    var p = Matrix(rows: g.rows, columns: g.columns)
    var residual = g
    for i in residual.elements.indices { residual.elements[i] = -residual.elements[i] }
    var direction = residual
    var energy = BLAS.dot(residual.elements, residual.elements)
    let target = energy * min(1e-4, energy)
    for _ in 0..<min(400, g.elements.count + 10) {
      guard energy > max(target, 1e-300) else { break }
      let image = hessianProduct(predictions, norms, direction)
      let curvature = BLAS.dot(direction.elements, image.elements)
      guard curvature > 1e-18 * BLAS.dot(direction.elements, direction.elements) else { break }
      let alpha = energy / curvature
      BLAS.add(alpha, direction.elements, to: &p.elements)
      BLAS.add(-alpha, image.elements, to: &residual.elements)
      let next = BLAS.dot(residual.elements, residual.elements)
      let ratio = next / energy
      for i in direction.elements.indices {
        direction.elements[i] = residual.elements[i] + ratio * direction.elements[i]
      }
      energy = next
    }
    return p
  }

  private func hessianProduct(_ predictions: Matrix, _ norms: [Double], _ p: Matrix) -> Matrix {
    var image = map.predictions(of: p)
    program.loss.replaceByHessianProduct(&image, at: predictions)
    var result = map.adjoint(image)
    let size = blockRows * weights.columns
    for b in blocks.indices {
      var along = 0.0
      for e in b * size..<(b + 1) * size { along += weights.elements[e] * p.elements[e] }
      along /= norms[b] * norms[b]
      for e in b * size..<(b + 1) * size {
        result.elements[e] +=
          program.lambda / norms[b] * (p.elements[e] - along * weights.elements[e])
      }
    }
    return result
  }

  /// The point of the whole program, with zeros in the blocks left out.
  func expanded(like whole: Matrix) -> Matrix {
    var result = Matrix(rows: whole.rows, columns: whole.columns)
    let size = blockRows * whole.columns
    for (position, block) in blocks.enumerated() {
      for e in 0..<size {
        result.elements[block * size + e] = weights.elements[position * size + e]
      }
    }
    return result
  }
}

extension Matrix {
  /// The matrix of some of the columns, in the order given.
  func selectingColumns(_ indices: [Int]) -> Matrix {
    var result = Matrix(rows: rows, columns: indices.count)
    result.elements.withUnsafeMutableBufferPointer { out in
      elements.withUnsafeBufferPointer { source in
        for i in 0..<rows {
          for (j, column) in indices.enumerated() {
            out[i * indices.count + j] = source[i * columns + column]
          }
        }
      }
    }
    return result
  }
}
