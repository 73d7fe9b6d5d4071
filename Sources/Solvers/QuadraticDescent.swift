public import ConvexPrograms
import Convolutions
import Tensors

/// Local search for quadratic networks whose output weights are fixed signs.
///
/// Every window and output has `m` filters of output weight `+1` and `m` of `-1`; the filters alone are trained:
///
///     minimize L(F) + lambda sum_j |u_j|^2,   M_qt = U+' U+ - U-' U-   (rows of U+ and U- are filters)
///
/// With `R_qt` the gradient of the loss by `M_qt`, the gradients are `2 U+ (R + lambda I)` and `2 U- (lambda I - R)`. Where the rows
/// have a dependence `a' U+ = 0`, as they always do for `m > h`, the direction `a b'` changes `M` in second order alone and
/// has curvature `2 b' (R + lambda I) b`: a point without negative curvature has `|R|_2 <= lambda`, and if it is stationary it
/// solves the convex program over all networks. The search descends by L-BFGS or by gradient steps, and leaves saddles along
/// `a b'`.
///
/// - Source: Soltanolkotabi, Javanmard & Lee, *Theoretical insights into the optimization landscape of over-parameterized
///   shallow neural networks*, IEEE Trans. Inf. Theory 2019 (dense, no penalty). The form with a penalty, windows and outputs
///   is derived here.
public struct QuadraticDescent: Sendable {
  /// How the search descends between escapes.
  public enum Method: Sendable {
    /// Limited-memory BFGS.
    case lbfgs
    /// Gradient steps of adaptive length.
    case gradientDescent
  }

  /// How the search descends between escapes.
  public var method: Method
  /// Filters of each sign for every window and output; nil for `h + 1`, the least that always has an escape.
  public var filtersPerSign: Int?
  /// Size of the entries of the random start; zero starts at the saddle of the network without neurons.
  public var startSize = 0.1
  /// Seed of the random start.
  public var seed: UInt64

  /// A search with given method.
  ///
  /// - Parameters:
  ///   - method: How the search descends.
  ///   - filtersPerSign: Filters of each sign for every window and output; nil for `h + 1`.
  ///   - seed: Seed of the random start.
  public init(method: Method = .lbfgs, filtersPerSign: Int? = nil, seed: UInt64 = 0) {
    (self.method, self.filtersPerSign, self.seed) = (method, filtersPerSign, seed)
  }

  /// Where a search ended.
  public struct Solution: Sendable {
    /// All filters with their output weights `+1` and `-1`, unused ones too.
    public let network: Network
    /// Objective with the penalty `lambda sum_j |u_j|^2`.
    public let objective: Double
    /// Dual value of the convex program at the gradient, a lower bound of every network up to rounding.
    public let lowerBound: Double
    /// Descent steps taken.
    public let iterations: Int
    /// Saddles left along a direction of negative curvature.
    public let escapeCount: Int
    /// How the search ended.
    public let status: SolveStatus
    /// `(objective - lowerBound) / objective`, at least 0.
    public var relativeGap: Double {
      objective > lowerBound ? (objective - lowerBound) / objective : 0
    }
  }

  /// Trains the filters.
  ///
  /// - Parameters:
  ///   - program: The convex program of the problem, which bounds the objective from below.
  ///   - lambda: Regularization strength, not negative.
  ///   - limits: Gap to reach and limits; `iterations` counts descent steps.
  ///   - observer: Receives a line per round of descent.
  /// - Returns: The last point; the objective never rose. The gap is of first order in the gradient and the objective of second,
  ///   so descent ends as `stalled` where gaps below about `1e-7` are asked for.
  /// - Throws: `ProgramError` when the network has an unexpected shape.
  /// - Complexity: Two products with the moments and O(`a c m h^2`) per evaluation.
  public func solve(
    _ program: QuadraticProgram, lambda: Double, limits: SolveLimits = SolveLimits(),
    observer: TraceObserver = { _ in }
  ) throws -> Solution {
    let watch = Stopwatch()
    let factors = QuadraticFactors(
      program, lambda: lambda,
      filtersPerSign: filtersPerSign ?? program.problem.geometry.patchDimension + 1)
    var generator = SeededGenerator(seed: seed)
    var x = (0..<factors.count).map { _ in startSize * generator.normal() }
    var (iterations, escapes, stalls, status) = (0, 0, 0, SolveStatus.iterationLimit)
    var point = factors.point(at: x)
    while true {
      observer(
        TraceRow(
          phase: "local", iteration: iterations, seconds: watch.seconds,
          objective: point.value, lowerBound: point.lowerBound, neuronCount: factors.neuronCount))
      if point.value - point.lowerBound <= limits.relativeGap * point.value {
        status = .solved
        break
      }
      if let interruption = limits.interruption(since: watch) {
        status = interruption
        break
      }
      guard iterations < limits.iterations else { break }
      guard stalls < 3, point.value.isFinite else {
        status = .stalled
        break
      }
      let before = point.value
      if let escaped = factors.escape(from: x, point) {
        (x, escapes) = (escaped, escapes + 1)
      }
      let run = descend(factors, from: x, limits, watch, limits.iterations - iterations)
      (x, iterations) = (run.point, iterations + max(1, run.iterations))
      point = factors.point(at: x)
      stalls = before - point.value <= 1e-15 * abs(before) ? stalls + 1 : 0
    }
    return Solution(
      network: try factors.network(at: x), objective: point.value, lowerBound: point.lowerBound,
      iterations: iterations, escapeCount: escapes, status: status)
  }

  private func descend(
    _ factors: QuadraticFactors, from start: [Double], _ limits: SolveLimits, _ watch: Stopwatch,
    _ most: Int
  ) -> LBFGS.Result {
    let evaluate: ([Double]) -> (Double, [Double]) = { factors.valueAndGradient(at: $0) }
    guard method == .gradientDescent else {
      return LBFGS(memory: 30, iterations: min(100, most), relativeDecrease: 0).minimize(
        from: start, shouldStop: { _, _, _ in limits.interruption(since: watch) != nil },
        evaluate: evaluate)
    }
    var x = start
    var (value, gradient) = evaluate(x)
    var step = 1 / max(BLAS.norm(gradient), 1e-300)
    var iteration = 0
    while iteration < min(500, most), limits.interruption(since: watch) == nil, step > 1e-30 {
      var next = x
      BLAS.add(-step, gradient, to: &next)
      let (trial, slope) = evaluate(next)
      if trial <= value - 0.5 * step * BLAS.dot(gradient, gradient) {
        (x, value, gradient) = (next, trial, slope)
        step *= 1.5
        iteration += 1
      } else {
        step *= 0.5
      }
    }
    return LBFGS.Result(point: x, value: value, iterations: iteration)
  }
}
