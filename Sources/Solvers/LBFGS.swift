import Tensors

/// Limited-memory BFGS for functions that are smooth almost everywhere.
///
/// The line search brackets a point with sufficient decrease and a weak Wolfe condition by bisection, which also
/// works across the kinks of ReLU networks.
///
/// - Source: Nocedal & Wright, *Numerical Optimization*, 2006, algorithm of the two-loop recursion; Lewis & Overton,
///   *Nonsmooth optimization via quasi-Newton methods*, Math. Program. 2013 (line search).
package struct LBFGS: Sendable {
  /// Pairs of steps and gradient changes kept.
  var memory = 20
  /// Most iterations.
  var iterations = 200
  /// Stops when the decrease over ten iterations, relative to the value, falls below this.
  var relativeDecrease = 1e-12

  package init(memory: Int = 20, iterations: Int = 200, relativeDecrease: Double = 1e-12) {
    self.memory = memory
    self.iterations = iterations
    self.relativeDecrease = relativeDecrease
  }

  /// Vectors of the length of the point that a minimization holds: the pairs kept, and points, gradients and directions of
  /// the line search.
  package var vectorCount: Int { 2 * memory + 8 }

  /// Where a minimization ended.
  package struct Result {
    package var point: [Double]
    package var value: Double
    package var iterations: Int
  }

  /// Minimizes a function from a start; the value never rises above the start's.
  ///
  /// - Parameters:
  ///   - start: First point.
  ///   - shouldStop: Asked after each iteration with its number, the value and the point.
  ///   - evaluate: Value and gradient at a point.
  /// - Returns: The last point, its value and the iterations taken.
  package func minimize(
    from start: [Double], shouldStop: (Int, Double, [Double]) -> Bool = { _, _, _ in false },
    evaluate: ([Double]) -> (Double, [Double])
  ) -> Result {
    var x = start
    var (value, gradient) = evaluate(x)
    var pairs: [(s: [Double], y: [Double], rho: Double)] = []
    var history = [value]
    var iteration = 0
    while iteration < iterations {
      let direction = descent(gradient, pairs)
      let slope = BLAS.dot(direction, gradient)
      guard slope < 0 else {
        if pairs.isEmpty { break }
        pairs.removeAll()
        continue
      }
      let first = pairs.isEmpty ? min(1, 1 / BLAS.norm(gradient)) : 1
      guard
        let found = search(
          from: x, value: value, slope: slope, direction: direction, firstStep: first,
          evaluate: evaluate)
      else {
        if pairs.isEmpty { break }
        pairs.removeAll()
        continue
      }
      iteration += 1
      var (s, y) = (found.point, found.gradient)
      BLAS.add(-1, x, to: &s)
      BLAS.add(-1, gradient, to: &y)
      let curvature = BLAS.dot(s, y)
      if curvature > 1e-16 * BLAS.norm(s) * BLAS.norm(y) {
        pairs.append((s, y, 1 / curvature))
        if pairs.count > memory { pairs.removeFirst() }
      }
      (x, value, gradient) = (found.point, found.value, found.gradient)
      history.append(value)
      if shouldStop(iteration, value, x) { break }
      if history.count > 10,
        history[history.count - 11] - value <= relativeDecrease * abs(value)
      {
        break
      }
    }
    return Result(point: x, value: value, iterations: iteration)
  }

  private func descent(
    _ gradient: [Double], _ pairs: [(s: [Double], y: [Double], rho: Double)]
  ) -> [Double] {
    var q = gradient
    var alphas: [Double] = []
    for pair in pairs.reversed() {
      let alpha = pair.rho * BLAS.dot(pair.s, q)
      alphas.append(alpha)
      BLAS.add(-alpha, pair.y, to: &q)
    }
    if let last = pairs.last {
      let scale = 1 / (last.rho * BLAS.dot(last.y, last.y))
      for i in q.indices { q[i] *= scale }
    }
    for (pair, alpha) in zip(pairs, alphas.reversed()) {
      BLAS.add(alpha - pair.rho * BLAS.dot(pair.y, q), pair.s, to: &q)
    }
    for i in q.indices { q[i] = -q[i] }
    return q
  }

  /// A step with sufficient decrease and, if one is found in 30 trials, a weak Wolfe slope; nil when none decreases.
  private func search(
    from x: [Double], value: Double, slope: Double, direction: [Double], firstStep: Double,
    evaluate: ([Double]) -> (Double, [Double])
  ) -> (point: [Double], value: Double, gradient: [Double])? {
    var (low, high, step) = (0.0, Double.infinity, firstStep)
    var best: (point: [Double], value: Double, gradient: [Double])?
    for _ in 0..<30 {
      var point = x
      BLAS.add(step, direction, to: &point)
      let (trial, gradient) = evaluate(point)
      if !(trial <= value + 1e-4 * step * slope) {
        high = step
      } else {
        best = (point, trial, gradient)
        if BLAS.dot(gradient, direction) >= 0.9 * slope { return best }
        low = step
      }
      step = high.isFinite ? (low + high) / 2 : 2 * low
    }
    guard let best, best.value < value else { return nil }
    return best
  }
}
