public import Arrangements
public import ConvexPrograms
import Tensors

/// Frank-Wolfe (conditional gradient) for ReLU networks, with cone-constrained principal components as the oracle.
///
/// The convex program over all cells is a problem over the hull of atoms `Phi(u) G` with unit filters `u` and unit
/// output weights `G`:
///
///     minimize  L(F) + penalty * tau     subject to  (F, tau) in conv { (0, 0), (T Phi(u) G, T) }
///
/// Each iteration looks for the atom of most negative slope, which is the filter of largest dual norm
/// `|Phi(u)' nu|_F` at the gradient `nu = grad L(F)`, and moves towards it. At every point
///
///     gap = <nu, F> + penalty * tau + T max(0, max_u |Phi(u)' nu|_F - penalty)
///
/// bounds the distance to the optimum when the maximum is bounded over all filters; with ascent alone it is an estimate.
///
/// - Complexity: One pricing per iteration, and O(`n K h`) for the new atom; away steps and full correction keep
///   the `n c` predictions of each atom in use.
/// - Source: Jaggi, *Revisiting Frank-Wolfe*, ICML 2013 (steps, gap, full correction); Lacoste-Julien & Jaggi, *On the
///   Global Linear Convergence of Frank-Wolfe Optimization Variants*, NeurIPS 2015 (away steps); Tsuji, Tanaka & Pokutta,
///   *Pairwise Conditional Gradients without Swap Steps and Sparser Kernel Herding*, ICML 2022 (pairs in use before new
///   atoms); Harchaoui, Juditsky &
///   Nemirovski, *Conditional gradient algorithms for norm-regularized smooth convex optimization*, 2015 (the penalised
///   form); Sahiner et al., ICLR 2021 (the oracle).
public struct FrankWolfe: Sendable {
  /// How far, and along what, an iteration moves.
  ///
  /// Plain steps (`fixed`, `lineSearch`) have an error of `2 C / (k + 2)` with `C = smoothness (2 T rho)^2`, which is too slow
  /// where the optimum mixes features that nearly coincide: most of each step is undone by the next. Of the 14 problems
  /// of `FrankWolfeTests`, at the budget of an optimum, 7 are within `1e-3` of the optimum after 5,000 fixed steps, 2 after
  /// as many line searches and 5 after as many away steps; the worst is off by `4e-2`, `2e-1` and `1e-2`. Pairwise
  /// steps prove `1e-3` on all of them in 6 to 47 iterations, full correction in 3 to 21.
  public enum Step: String, Sendable, CaseIterable {
    /// `2 / (k + 2)` towards the new atom. The objective may rise.
    case fixed
    /// The best point between the present one and the new atom.
    case lineSearch = "line-search"
    /// As `lineSearch`, or away from the worst atom in use where that is steeper.
    case away
    /// Line searches from the worst atom in use towards the best, many for each new atom, until the slopes of the two
    /// differ by half the gap.
    case pairwise
    /// The best point of the hull of all atoms in use, by an active-set Newton method.
    case fullyCorrective = "fully-corrective"
  }

  /// Which problem is solved.
  public enum Form: Sendable, Equatable {
    /// `minimize L(F)` subject to `sum_j |u_j| |W_j|_F <= budget`.
    case constrained(budget: Double)
    /// `minimize L(F) + lambda sum_j |u_j| |W_j|_F`, with `T = L(0) / lambda`, which no solution exceeds.
    case penalized
  }

  /// What a run returns.
  public struct Result: Sendable {
    /// The network at the point returned, balanced.
    public let network: Network
    /// `L(F)`, plus `lambda tau` in the penalised form, at the point returned.
    public let objective: Double
    /// Largest lower bound met; rigorous up to rounding when an oracle priced all cells, else 0.
    public let lowerBound: Double
    /// Relative gap if the largest dual norms found were the true ones: an estimate, not a certificate.
    public let estimatedGap: Double
    /// Iterations done.
    public let iterations: Int
    /// Cones, arcs or faces that pricing over all cells looked at.
    public let pricedNodeCount: Int
    /// Whether the last pricing over all cells visited every face: its bound is the dual norm itself.
    public let isPricingExact: Bool
    /// How the run ended.
    public let status: SolveStatus
    /// `(objective - lowerBound) / objective`, proven over all cells.
    public var relativeGap: Double {
      objective > 0 ? max(0, objective - lowerBound) / objective : 0
    }
  }

  /// How an iteration moves.
  public var step: Step
  /// Which problem is solved.
  public var form: Form
  /// Seed of the ascents.
  public var seed: UInt64
  /// Directions that ascent tries per iteration.
  public var starts: Int
  /// Prices all cells where ascent finds no reason to go on; nil to end there.
  public var oracle: (any PricingOracle)?
  /// Whether the oracle bounds the gap at every iteration, not only when it may end the run.
  public var boundsEveryIteration: Bool

  /// A method with given parts.
  public init(
    step: Step = .fullyCorrective, form: Form = .penalized, seed: UInt64 = 0, starts: Int = 48,
    oracle: (any PricingOracle)? = nil, boundsEveryIteration: Bool = false
  ) {
    (self.step, self.form, self.seed, self.starts) = (step, form, seed, starts)
    (self.oracle, self.boundsEveryIteration) = (oracle, boundsEveryIteration)
  }

  /// Trains a ReLU network.
  ///
  /// - Parameters:
  ///   - problem: A problem with ReLU activation; its strength counts in the penalised form only.
  ///   - limits: Relative gap to prove (with an oracle) or to estimate, and limits.
  ///   - observer: Receives a line per iteration.
  /// - Returns: The best point found. Its status is `solved` when the gap was proven over all cells, `converged` when ascent
  ///   found nothing better, `stalled` when steps no longer lower the objective.
  /// - Throws: `ProgramError` when the activation is not ReLU, the budget or the strength is not positive and finite, or
  ///   there is no start.
  public func solve(
    _ problem: TrainingProblem, limits: SolveLimits = SolveLimits(),
    observer: TraceObserver = { _ in }
  ) throws -> Result {
    let watch = Stopwatch()
    var state = try FrankWolfeState(problem, method: self)
    while true {
      let pricing = state.price(limits, watch)
      observer(
        TraceRow(
          phase: "frank-wolfe", iteration: state.iteration, seconds: watch.seconds,
          objective: state.objective,
          lowerBound: state.lowerBound > 0 ? state.lowerBound : nil,
          dualNormRatio: problem.lambda > 0 ? pricing.largestNorm / problem.lambda : nil,
          neuronCount: state.atoms.count))
      if let ending = state.ending(limits, watch) { return try state.result(ending) }
      state.advance(pricing, limits, watch)
    }
  }

  /// Penalty of `tau` and the largest `tau` of a form.
  func scales(_ problem: TrainingProblem) throws -> (penalty: Double, budget: Double) {
    guard problem.activation == .relu else {
      throw ProgramError(
        place: "activation", expected: "relu for Frank-Wolfe", found: problem.activation.rawValue,
        advice: "Linear and gated networks have solvers of their own.")
    }
    guard starts >= 1 else {
      throw ProgramError(
        place: "Frank-Wolfe, starts", expected: "at least 1", found: "\(starts)",
        advice: "Use the default when in doubt.")
    }
    switch form {
    case .constrained(let budget):
      guard budget > 0, budget.isFinite else {
        throw ProgramError(
          place: "budget", expected: "a positive bound on sum_j |u_j| |W_j|", found: "\(budget)",
          advice: "Give a positive budget.")
      }
      return (0, budget)
    case .penalized:
      guard problem.lambda > 0, problem.lambda.isFinite else {
        throw ProgramError(
          place: "lambda", expected: "a positive strength", found: "\(problem.lambda)",
          advice: "Give a positive --lambda or --lambda-ratio, or a budget.")
      }
      let zero = Matrix(rows: problem.sampleCount, columns: problem.outputCount)
      // A loss of zero at zero leaves nothing to do; any budget serves.
      let loss = problem.reducedLoss.value(at: zero)
      return (problem.lambda, loss > 0 ? loss / problem.lambda : 1)
    }
  }
}
