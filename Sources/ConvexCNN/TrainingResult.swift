import Solvers

/// What `train` and `certify` report, in the keys of the result JSON.
///
/// Every number is finite or null; every key is always present.
public struct TrainingResult: Sendable, Equatable, Codable {
  /// A part of the work and how long it took.
  public struct Phase: Sendable, Equatable, Codable {
    /// Name of the part.
    public let name: String
    /// Wall-clock seconds.
    public let seconds: Double

    /// A part of the work.
    public init(name: String, seconds: Double) {
      self.name = name
      self.seconds = seconds
    }
  }

  /// A neuron that entered during a repair.
  public struct Escape: Sendable, Equatable, Codable {
    /// Dual norm of its filter at the network before, over lambda.
    public let dualNormOverLambda: Double
    /// Decrease of the objective that the line search promised.
    public let predictedDecrease: Double
    /// Objective before.
    public let before: Double
    /// Objective after, recomputed.
    public let after: Double
    /// Neurons before.
    public let neuronCount: Int

    /// The record of an escape.
    init(_ escape: MonotoneRepair.Escape) {
      (dualNormOverLambda, predictedDecrease) = (escape.dualNormRatio, escape.predictedDecrease)
      (before, after, neuronCount) = (escape.before, escape.after, escape.neuronCount)
    }
  }

  /// Version of these keys.
  public var schema = Package.schema
  /// Version of the package.
  public var version = Package.version
  /// `solved`, `converged`, `iteration-limit`, `time-limit`, `interrupted`, or `certified` when nothing was solved.
  public var status: String
  /// What the status means and what to try next.
  public var statusAdvice: String
  /// Objective of the network on the training data, recomputed by the certifier.
  public var objective: Finite
  /// Proven lower bound of the optimum over the scope.
  public var lowerBound: Finite
  /// `objective - lowerBound`.
  public var gap: Finite
  /// `gap / objective`.
  public var relativeGap: Finite
  /// The certificate in one sentence.
  public var claim: String
  /// Over which cells the bound holds.
  public var scope: String
  /// Kind of the bound.
  public var bound: String
  /// Proven upper bound of the dual norm at the network, over lambda; null when there is none.
  public var dualNormOverLambda: Finite
  /// Regularization strength.
  public var lambda: Finite
  /// Smallest strength whose solution is zero; for ReLU a lower bound of it found by ascent.
  public var lambdaMax: Finite
  /// How `lambdaMax` was found.
  public var lambdaMaxKind: String
  /// Number of neurons of the network.
  public var neuronCount: Int
  /// Number of cells the program was solved over; where cells are generated and for Frank-Wolfe, the patterns that the
  /// filters of the network have, under max pooling of winners.
  public var cellCount: Int
  /// Mean loss.
  public var loss: Finite
  /// `lambda` times what `regularizer` says, so that `objective = loss + regularization`.
  public var regularization: Finite
  /// Share of training samples classified correctly; null for regression.
  public var trainAccuracy: Finite
  /// Share of held-out samples classified correctly; null without any.
  public var testAccuracy: Finite
  /// Mean loss of the held-out samples; null without any.
  public var testLoss: Finite
  /// How new cells were found.
  public var pricing: String
  /// Gap that the best dual norm found by pricing suggests: an estimate, never a proof.
  public var estimatedGap: Finite
  /// Relative gap of the loss under the budget that Frank-Wolfe was given, bounded by the solver over all cells; null
  /// without a budget.
  public var budgetGap: Finite
  /// Neurons that entered during a repair, in order; empty for other solvers.
  public var escapes: [Escape] = []
  /// Different activation patterns of the network's own neurons; null where they were not asked for.
  public var ownCellCount = Finite(nil)
  /// Proven relative gap to the best network over those cells alone: about 0 for a stationary point.
  public var ownCellsGap = Finite(nil)
  /// What `lambda` multiplies in the objective, in words.
  public var regularizer: String
  /// Dimension of the span of the pooled second moments of the samples, for quadratic networks; null for others.
  public var momentRank = Finite(nil)
  /// Curvature at the filters that a local search ended at; empty for other solvers and above
  /// `Certifier.denseQuadraticLimit` unknowns.
  public var curvature: [LocalLandscape] = []
  /// How the features of a program over gates were kept: `dense`, `float`, `gram` or `streamed`; null without such a program.
  public var features = Nullable<String>(nil)
  /// Bytes of memory that were allowed; null for no limit.
  public var memoryLimit = Finite(nil)
  /// Largest resident memory of the process, in bytes; null where it was not asked for.
  public var peakMemory = Finite(nil)
  /// Wall-clock seconds of all phases.
  public var seconds: Finite
  /// Parts of the work.
  public var phases: [Phase]
  /// The model flags.
  public var model: TrainingConfiguration
}
