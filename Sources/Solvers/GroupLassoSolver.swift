package import ConvexPrograms
package import Tensors

/// Solver for output weights over fixed filters: a group lasso, to high accuracy.
///
/// FISTA finds the support; Newton steps on the nonzero blocks, where the objective is smooth, give the last digits. The gap of the whole program decides when it is done.
package struct GroupLassoSolver: Sendable {
  /// Proximal steps before each series of Newton steps.
  package var proximalSteps: Int
  /// Newton steps in a series, at most.
  package var newtonSteps: Int

  package init(proximalSteps: Int = 40, newtonSteps: Int = 15) {
    self.proximalSteps = proximalSteps
    self.newtonSteps = newtonSteps
  }

  /// Minimizes the program over output weights.
  ///
  /// - Parameters:
  ///   - program: A program whose map is dense and whose regularizer is a group norm.
  ///   - start: First weights of shape `[m * a, c]`.
  ///   - limits: Gap to reach; `iterations` counts proximal steps.
  /// - Returns: Output weights with their gap; its `iterations` counts all proximal steps.
  package func solve(
    _ program: CompositeProgram, from start: Matrix, limits: SolveLimits
  ) -> FISTA.Solution {
    let watch = Stopwatch()
    var point = start
    var spent = 0
    while true {
      var inner = limits
      inner.seconds = limits.seconds - watch.seconds
      inner.iterations = min(proximalSteps, limits.iterations - spent)
      let solution = FISTA(measureInterval: max(1, proximalSteps / 2)).solve(
        program, from: point, limits: inner)
      spent += solution.iterations
      guard solution.status == .iterationLimit, spent < limits.iterations else {
        return FISTA.Solution(
          point: solution.point, objective: solution.objective, lowerBound: solution.lowerBound,
          iterations: spent, status: solution.status)
      }
      point = newton(program, from: solution.point, limits: inner, watch: watch)
    }
  }

  /// Newton steps on the support of a point; the objective never rises.
  private func newton(
    _ program: CompositeProgram, from start: Matrix, limits: SolveLimits, watch: Stopwatch
  ) -> Matrix {
    guard let map = program.map as? DenseFeatureMap else { return start }
    var active = ActiveBlocks(program, map: map, point: start)
    for _ in 0..<newtonSteps {
      guard active.blocks.count > 0, limits.interruption(since: watch) == nil, active.step() else {
        break
      }
    }
    return active.expanded(like: start)
  }
}
