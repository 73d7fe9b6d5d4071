import ConvexPrograms
import Tensors

/// Predictions within a round of `AugmentedLagrangian`, with everything that a Newton step from them needs.
///
/// The dual objective `L*(nu) + |p|^2 / (2 sigma)` at `nu = grad L(F)` is `<F, nu> - L(F) + |p|^2 / (2 sigma)`; its
/// derivative by `nu` is the residual `F - A p`.
struct LagrangianPoint {
  let predictions: Matrix
  /// The proximal point `p`.
  let proximal: ProximalPoint
  /// `F - A p`, length `n`.
  let residual: [Double]
  /// Center of the round.
  let center: Matrix
  /// Step size of the round.
  let sigma: Double
  /// The dual point `nu = grad L(F)`.
  let dual: Matrix
  /// `A' nu`.
  let slope: [Double]
  private let value: Double

  init(
    _ program: some LagrangianProgram, predictions: Matrix, center: Matrix, sigma: Double
  ) {
    (self.predictions, self.center, self.sigma) = (predictions, center, sigma)
    let (loss, gradient) = program.loss.valueAndGradient(at: predictions)
    dual = gradient
    slope = program.slope(of: gradient)
    proximal = program.proximalPoint(center: center, slope: slope, sigma: sigma)
    residual = zip(predictions.elements, proximal.image).map { $0 - $1 }
    let p = proximal.point.elements
    value =
      BLAS.dot(predictions.elements, gradient.elements) - loss + BLAS.dot(p, p) / (2 * sigma)
  }

  /// The point after a Newton step, shortened until the dual objective falls; nil where rounding forbids progress.
  func descended(_ program: some LagrangianProgram) -> LagrangianPoint? {
    let roots = hessianRoots(program.loss)
    guard let direction = program.newtonDirection(at: self, roots: roots) else { return nil }
    // The derivative by nu is the residual, and nu changes by H times the direction.
    let decrease = -zip(zip(roots, residual), direction).reduce(0) {
      $0 + $1.0.0 * $1.0.0 * $1.0.1 * $1.1
    }
    guard decrease > 0 else { return nil }
    let slack = 1e-15 * (abs(value) + abs(BLAS.dot(predictions.elements, dual.elements)))
    var length = 1.0
    for _ in 0..<30 {
      var next = predictions
      BLAS.add(length, direction, to: &next.elements)
      guard next != predictions else { return nil }
      let trial = LagrangianPoint(program, predictions: next, center: center, sigma: sigma)
      // Where values drown in rounding a smaller residual decides.
      if trial.value < value - max(slack, 1e-4 * length * decrease) { return trial }
      let isClose = trial.value <= value + slack
      if isClose, BLAS.norm(trial.residual) < BLAS.norm(residual) { return trial }
      length *= 0.5
    }
    return nil
  }

  /// Whether a step was within rounding: the dual objective fell by no more than that, and the residual by less than a tenth.
  func isStalled(since last: LagrangianPoint) -> Bool {
    value >= last.value - 1e-15 * abs(value)
      && BLAS.norm(residual) > 0.9 * BLAS.norm(last.residual)
  }

  /// Square roots of the diagonal Hessian of the loss.
  private func hessianRoots(_ loss: any Loss) -> [Double] {
    let n = residual.count
    var diagonal = [Double](repeating: 1, count: n)
    diagonal.withUnsafeMutableBufferPointer { diagonal in
      predictions.elements.withUnsafeBufferPointer { predictions in
        guard let f = predictions.baseAddress, let d = diagonal.baseAddress else { return }
        loss.hessianProduct(samples: 0..<n, predictions: f, direction: d, into: d)
      }
    }
    return diagonal.map { max(0, $0).squareRoot() }
  }
}
