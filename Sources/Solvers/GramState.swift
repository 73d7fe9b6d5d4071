import ConvexPrograms
import Tensors

/// Accelerated proximal gradient for a squared loss whose `A' A` and `A' Y` are known.
///
/// The method of `FISTA`, with `A'A V` carried along in place of predictions: a step costs one product with `A'A`, and
/// a measurement none. Along a move `M` the loss lies below the quadratic of curvature `L` exactly if `<M, A'A M> <= n L |M|^2`.
struct GramState: ProximalState {
  private let map: GramFeatureMap
  private let scale: Double
  private var x: Matrix
  private var image: Matrix
  private var previousX: Matrix
  private var previousImage: Matrix
  private var t = 1.0
  private var curvature = 1.0
  private(set) var iteration = 0
  private var regularization: Double

  init(_ program: CompositeProgram, _ map: GramFeatureMap, start: Matrix) {
    self.map = map
    scale = 1 / Double(max(1, map.sampleCount))
    x = start
    image = map.normalProduct(start)
    previousX = x
    previousImage = image
    regularization = program.regularizer.value(start)
    // The curvature along the first gradient, a lower estimate that backtracking raises.
    let gradient = map.correlation
    let length = BLAS.dot(gradient.elements, gradient.elements)
    let square = BLAS.dot(gradient.elements, map.normalProduct(gradient).elements)
    if length > 0, square.isNormal, length.isNormal { curvature = scale * square / length }
  }

  mutating func step(_ program: CompositeProgram) {
    iteration += 1
    let nextT = FISTA.nextMomentum(t)
    let momentum = (t - 1) / nextT
    let y = Self.extrapolate(x, previousX, momentum)
    let yImage = Self.extrapolate(image, previousImage, momentum)
    let slope = Self.difference(yImage, map.correlation)
    while true {
      var next = y
      BLAS.add(-scale / curvature, slope.elements, to: &next.elements)
      let nextRegularization = program.regularizer.prox(&next, step: program.lambda / curvature)
      let nextImage = map.normalProduct(next)
      let move = Self.difference(next, y)
      let length = BLAS.dot(move.elements, move.elements)
      let square = BLAS.dot(move.elements, Self.difference(nextImage, yImage).elements)
      if length == 0 || !length.isFinite || scale * square <= curvature * length {
        let against = BLAS.dot(move.elements, Self.difference(next, x).elements) < 0
        (previousX, previousImage) = against ? (next, nextImage) : (x, image)
        (x, image, regularization) = (next, nextImage, nextRegularization)
        t = against ? 1 : nextT
        if against { curvature *= 0.7 }
        return
      }
      curvature *= 1.5
    }
  }

  func measure(_ program: CompositeProgram) -> FISTA.Solution {
    let residual = map.residual(at: x, product: image)
    let loss = 0.5 * scale * residual.energy
    let dualNorm = scale * program.regularizer.dualNorm(residual.correlation)
    let feasible = dualNorm > 0 ? program.lambda / dualNorm : .infinity
    // -L*(s G) = -(n/2) s^2 |G|^2 - s <G, Y> with G = (A V - Y) / n.
    let (slope, bend) = (-scale * residual.alongTargets, scale * residual.energy)
    let s = bend > 0 ? max(0, min(feasible, slope / bend)) : 0
    return FISTA.Solution(
      point: x, objective: loss + program.lambda * regularization,
      lowerBound: max(0, s * (slope - 0.5 * s * bend)), iterations: iteration,
      status: .iterationLimit)
  }
}
