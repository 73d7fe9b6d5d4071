package import ConvexPrograms
package import Tensors

/// Solver for output weights over fixed filters: a group lasso, to high accuracy.
///
/// FISTA finds the support; Newton steps by conjugate gradients on the nonzero blocks, where the objective is smooth,
/// give the last digits. The gap of the whole program decides when it is done.
package struct GroupLassoSolver: Sendable {
  package init() {}

  /// Minimizes the program over output weights.
  ///
  /// - Parameters:
  ///   - program: A program whose map is dense and whose regularizer is a group norm.
  ///   - start: First weights of shape `[m * a, c]`.
  ///   - limits: Gap to reach; `iterations` counts proximal steps.
  package func solve(
    _ program: CompositeProgram, from start: Matrix, limits: SolveLimits
  ) -> FISTA.Solution {
    let watch = Stopwatch()
    var point = start
    var spent = 0
    while true {
      var inner = limits
      inner.seconds = limits.seconds - watch.seconds
      inner.iterations = min(150, limits.iterations - spent)
      let solution = FISTA(measureInterval: 10).solve(program, from: point, limits: inner)
      spent += max(1, solution.iterations)
      guard solution.status == .iterationLimit, spent < limits.iterations else { return solution }
      point = newton(program, from: solution.point, limits: inner, watch: watch)
    }
  }

  /// Newton steps on the support of a point; the objective never rises.
  private func newton(
    _ program: CompositeProgram, from start: Matrix, limits: SolveLimits, watch: Stopwatch
  ) -> Matrix {
    guard let map = program.map as? DenseFeatureMap else { return start }
    var active = ActiveBlocks(program, map: map, point: start)
    for _ in 0..<25 {
      guard active.blocks.count > 0, limits.interruption(since: watch) == nil, active.step() else {
        break
      }
    }
    return active.expanded(like: start)
  }
}

/// The nonzero blocks of a group lasso, where its objective is twice differentiable.
private struct ActiveBlocks {
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
    map = DenseFeatureMap(features: source.features.selectingColumns(columns), threads: source.threads)
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

  /// Conjugate gradients on `H p = -g` to a residual that falls with the gradient.
  private func newtonDirection(_ predictions: Matrix, _ norms: [Double], _ g: Matrix) -> Matrix {
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
    program.loss.hessianProduct(at: predictions, direction: &image)
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

extension Loss {
  /// Replaces a direction by its product with the Hessian at some predictions.
  fileprivate func hessianProduct(at predictions: Matrix, direction: inout Matrix) {
    direction.elements.withUnsafeMutableBufferPointer { d in
      predictions.elements.withUnsafeBufferPointer { f in
        guard let d = d.baseAddress, let f = f.baseAddress else { return }
        hessianProduct(samples: 0..<sampleCount, predictions: f, direction: d, into: d)
      }
    }
  }
}

extension Matrix {
  /// The matrix of some of the columns, in the order given.
  package func selectingColumns(_ indices: [Int]) -> Matrix {
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
