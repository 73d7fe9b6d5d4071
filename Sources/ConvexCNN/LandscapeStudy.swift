public import Certificates
import ConvexPrograms
import Solvers
import Tensors

/// What `ccnn landscape` reports.
///
/// Every number is finite or null; every key is always present.
public struct LandscapeStudy: Sendable, Equatable, Codable {
  /// A hyperplane of the patches on which a filter lies.
  public struct Hyperplane: Sendable, Equatable, Codable {
    /// Number of the neuron.
    public var neuron: Int
    /// Sample of the first patch on the hyperplane.
    public var sample: Int
    /// Position of that patch.
    public var position: Int
    /// Number of patches on the hyperplane.
    public var patchCount: Int
    /// Fractional activation of the first patch, strictly between 0 and 1 where the filter is held; null where there is none.
    public var fraction: Finite
    /// Multiplier of the first patch.
    public var multiplier: Finite
    /// What all patches can change in the slope along the unit normal.
    public var range: Finite
  }

  /// The neuron that lowers the objective.
  public struct Escape: Sendable, Equatable, Codable {
    /// Unit filter.
    public var filter: [Double]
    /// Unit output weights, `a c` numbers in the order window, output.
    public var outputWeights: [Double]
    /// Dual norm of the filter over lambda.
    public var dualNormOverLambda: Finite
    /// Product of the norms of its filter and output weights once inserted.
    public var mass: Finite
    /// By how much the objective falls.
    public var decrease: Finite
  }

  /// The criterion by the size of the loss alone.
  public struct Threshold: Sendable, Equatable, Codable {
    /// Mean loss.
    public var loss: Finite
    /// The loss it asks for, with the constant derived for one hidden layer.
    public var limit: Finite
    /// The loss it asks for, with the constant of the paper as recalled.
    public var paperLimit: Finite
    /// Whether the loss is below `limit`.
    public var isMet: Bool
    /// Why it fails at stationary networks.
    public var reason: String
  }

  /// The determinant identity.
  public struct Determinant: Sendable, Equatable, Codable {
    /// Order of the determinants.
    public var order: Int
    /// Samples evaluated.
    public var sampleCount: Int
    /// Largest difference to the predictions, over the largest of 1 and their sizes.
    public var largestError: Finite
  }

  /// Version of these keys.
  public var schema = Package.schema
  /// Version of the package.
  public var version = Package.version
  /// `global`, `strict-minimum-not-global`, `strict-minimum`, `not-global` or `not-certified`.
  public var verdict: String
  /// The verdict in words and numbers.
  public var claim: String
  /// Whether the network is certified to be a strict isolated local minimum.
  public var isStrictMinimum: Bool
  /// Whether its relative gap is at most the target.
  public var isGlobal: Bool
  /// Why it is not certified as a local minimum; empty where it is.
  public var reasons: String
  /// Objective of the network.
  public var objective: Finite
  /// Mean loss of the network.
  public var loss: Finite
  /// Proven lower bound of the objectives of all networks.
  public var lowerBound: Finite
  /// `(objective - lowerBound) / objective`.
  public var relativeGap: Finite
  /// Regularization strength.
  public var lambda: Finite
  /// Number of neurons.
  public var neuronCount: Int
  /// Norm of the gradient within the faces.
  public var slope: Finite
  /// Largest share of it by the weights of one neuron, over lambda times their norm.
  public var relativeSlope: Finite
  /// Largest difference of the norms of filter and output weights of a neuron, over their sum.
  public var imbalance: Finite
  /// Sines of angles to hyperplanes up to this count as zero.
  public var kinkTolerance: Finite
  /// Distance to the network whose filters lie on the hyperplanes exactly.
  public var projectionDistance: Finite
  /// Newton steps made before; null without `--polish`.
  public var polishStepCount: Finite
  /// Distance of the weights that these moved; null without `--polish`.
  public var polishDistance: Finite
  /// Hyperplanes on which filters lie.
  public var kinks: [Hyperplane]
  /// Free weights within the faces.
  public var coordinateCount: Int
  /// `dense`, or `lanczos` for an estimate from above; null without neurons.
  public var hessian: Nullable<String>
  /// Smallest eigenvalue of the Hessian within the faces.
  public var smallestEigenvalue: Finite
  /// What rounding may change in it.
  public var roundingMargin: Finite
  /// Lower bound on it, from the independence of the neurons' outputs.
  public var curvatureLowerBound: Finite
  /// Smallest eigenvalue of the normalized Gram matrix of the outputs of the neurons.
  public var independence: Finite
  /// Bound on the curvature of the loss along unit changes of the weights.
  public var lossCurvature: Finite
  /// Largest correlation of a neuron's face with the gradient; lambda at stationary neurons.
  public var largestResidualNorm: Finite
  /// Least distance of a filter to a hyperplane on which it does not lie.
  public var pieceRadius: Finite
  /// No other stationary point in the faces is so near.
  public var isolationRadius: Finite
  /// The Hessian is at least half of the proven curvature within this distance.
  public var convexityRadius: Finite
  /// An exact stationary point is at least so near; null where none is proven.
  public var existenceRadius: Finite
  /// Bound on the dual norm over lambda.
  public var dualNormOverLambda: Finite
  /// Largest dual norm of a filter found, over lambda.
  public var attainedDualNormOverLambda: Finite
  /// How the dual norm was bounded.
  public var bound: String
  /// The neuron that lowers the objective; null where none was found, and at the global optimum.
  public var escape: Nullable<Escape>
  /// The criterion by the size of the loss alone; null for other losses than the squared.
  public var threshold: Nullable<Threshold>
  /// The determinant identity; null where the determinants are too large.
  public var determinant: Nullable<Determinant>
  /// Wall-clock seconds.
  public var seconds: Finite
  /// The model flags.
  public var model: TrainingConfiguration
}

extension Model {
  /// What is certified about this model at its data, in the landscape of its weights and among all networks.
  ///
  /// - Parameters:
  ///   - data: Training samples in the units of the data.
  ///   - targetGap: Relative gap within which it counts as global.
  ///   - kinkTolerance: Sines of angles between filter and hyperplane up to this count as zero.
  ///   - polishes: Whether to move to the stationary point nearby first; the landscape is then that of the network moved.
  ///   - effort: How hard to work on the dual norm.
  ///   - threads: Threads to use.
  /// - Returns: The landscape, what to report, and the model with the escape neuron inserted if there is one.
  /// - Throws: `InputError` when data and model do not go together, `CertificateError` for models without ReLU or with max
  ///   pooling, `LAPACK.Failure` when a factorization fails.
  public func landscape(
    on data: Dataset, targetGap: Double = 1e-6,
    kinkTolerance: Double = CriticalPoint.kinkTolerance, polishes: Bool = false,
    effort: BoundEffort = BoundEffort(),
    threads: Int = 1
  ) throws -> (landscape: Landscape, study: LandscapeStudy, improved: Model?) {
    try requireAllDirections()
    let clock = PhaseClock()
    let (task, _) = try prepared(data, lambda: nil, backend: .im2col, threads: threads)
    let certifier = Certifier(
      images: task.images, loss: task.loss, lambda: lambda, threads: threads)
    let refined =
      polishes ? try certifier.refined(network, kinkTolerance: kinkTolerance) : nil
    // Filters that were moved lie on their hyperplanes.
    let tolerance = polishes ? min(kinkTolerance, CriticalPoint.kinkTolerance) : kinkTolerance
    let landscape = try certifier.landscape(
      of: refined?.network ?? network, targetGap: targetGap, kinkTolerance: tolerance,
      effort: effort)
    var study = LandscapeStudy(landscape, configuration, network)
    study.kinkTolerance = Finite(kinkTolerance)
    study.polishStepCount = Finite(refined.map { Double($0.stepCount) })
    study.polishDistance = Finite(refined?.distance)
    if let refined, refined.distance > 0 {
      study.claim = "Of the network \(Float(refined.distance)) away in its weights: " + study.claim
    }
    study.seconds = Finite(clock.total)
    return (landscape, study, landscape.escape.map { replacing(network: $0.network) })
  }
}

extension LandscapeStudy {
  fileprivate init(
    _ landscape: Landscape, _ configuration: TrainingConfiguration, _ network: Network
  ) {
    let (point, certificate) = (landscape.point, landscape.certificate)
    let curvature = point.curvature
    let count = max(1, network.geometry.patchesPerSample)
    let bounds = [certificate.dualNormUpperBound, landscape.dualNorm.upperBound].compactMap { $0 }
    self.init(
      verdict: landscape.verdict.rawValue, claim: landscape.claim,
      isStrictMinimum: point.isStrictMinimum, isGlobal: certificate.isEstablished,
      reasons: landscape.reasons, objective: Finite(certificate.objective),
      loss: Finite(certificate.loss), lowerBound: Finite(certificate.lowerBound),
      relativeGap: Finite(certificate.relativeGap), lambda: Finite(certificate.lambda),
      neuronCount: point.neuronCount, slope: Finite(point.slope),
      relativeSlope: Finite(point.relativeSlope), imbalance: Finite(point.imbalance),
      kinkTolerance: Finite(nil), projectionDistance: Finite(point.projectionDistance),
      polishStepCount: Finite(nil), polishDistance: Finite(nil),
      kinks: point.kinks.map {
        Hyperplane(
          neuron: $0.neuron, sample: $0.patch / count, position: $0.patch % count,
          patchCount: $0.patchCount, fraction: Finite($0.fraction),
          multiplier: Finite($0.multiplier), range: Finite($0.range))
      },
      coordinateCount: curvature?.coordinateCount ?? 0,
      hessian: Nullable(curvature?.method.rawValue),
      smallestEigenvalue: Finite(curvature?.smallestEigenvalue),
      roundingMargin: Finite(curvature?.roundingMargin),
      curvatureLowerBound: Finite(curvature?.lowerBound),
      independence: Finite(curvature?.independence),
      lossCurvature: Finite(curvature?.lossCurvature),
      largestResidualNorm: Finite(curvature?.residualNorms.max()),
      pieceRadius: Finite(point.pieceRadius), isolationRadius: Finite(point.isolationRadius),
      convexityRadius: Finite(point.convexityRadius),
      existenceRadius: Finite(point.existenceRadius),
      dualNormOverLambda: Finite(bounds.min().map { $0 / certificate.lambda }),
      attainedDualNormOverLambda: Finite(landscape.dualNorm.largest / certificate.lambda),
      bound: certificate.bound.rawValue,
      escape: Nullable(
        landscape.escape.map {
          Escape(
            filter: $0.filter, outputWeights: $0.outputWeights.elements,
            dualNormOverLambda: Finite($0.dualNorm / certificate.lambda), mass: Finite($0.mass),
            decrease: Finite($0.decrease))
        }),
      threshold: Nullable(
        point.threshold.map {
          Threshold(
            loss: Finite($0.loss), limit: Finite($0.limit), paperLimit: Finite($0.paperLimit),
            isMet: $0.isMet, reason: ResidualThreshold.reason)
        }),
      determinant: Nullable(
        point.determinant.map {
          Determinant(
            order: $0.order, sampleCount: $0.sampleCount, largestError: Finite($0.largestError))
        }),
      seconds: Finite(nil), model: configuration)
  }
}
