import Certificates
public import ConvexPrograms
import Convolutions
import Solvers
import Tensors

/// A run of gradient descent on a smooth network, with the promise that was made before it.
public struct LinearRateStudy: Sendable, Equatable, Codable {
  /// Version of these keys.
  public var schema = Package.schema
  /// Version of the package.
  public var version = Package.version
  /// Name of the activation.
  public var activation: String
  /// Number of neurons.
  public var width: Int
  /// Seed of the start.
  public var seed: UInt64
  /// Whether a rate was promised before the run.
  public var isIssued: Bool
  /// Whether every step kept the promise; false without one.
  public var isKept: Bool
  /// Lower bound on the smallest singular value of the Jacobian at the start.
  public var smallestSingularValue: Finite
  /// Upper bound on the largest.
  public var largestSingularValue: Finite
  /// Lipschitz constant of the Jacobian.
  public var lipschitzConstant: Finite
  /// Norm of the residual at the start.
  public var residualNorm: Finite
  /// Largest norm for which a rate is promised.
  public var threshold: Finite
  /// Largest norm for which gradient flow has a rate.
  public var flowThreshold: Finite
  /// Step size, against the gradient of half the squared residual.
  public var stepSize: Finite
  /// Factor by which the residual falls at least in each step; null without a promise.
  public var rate: Finite
  /// Steps made.
  public var steps: Int
  /// First step that broke the promise; null when none did.
  public var firstViolation: Finite
  /// Norm of the residual at the end.
  public var finalResidualNorm: Finite
  /// What the rate promised for it; null without a promise.
  public var promisedResidualNorm: Finite
  /// Distance of the filters to the start.
  public var distance: Finite
  /// What was promised for it; null without a promise.
  public var distanceBound: Finite
  /// Mean loss at the end.
  public var loss: Finite
  /// The result in one sentence.
  public var claim: String
  /// Wall-clock seconds.
  public var seconds: Finite
  /// The model flags; their activation and strength do not matter here.
  public var model: TrainingConfiguration
}

extension Trainer {
  /// Trains a smooth network by gradient descent, without weight decay and with fixed output weights.
  ///
  /// The rate is promised, or refused, before the first step and checked after every step.
  ///
  /// - Parameters:
  ///   - data: Training samples; their loss must be the squared one.
  ///   - activation: Activation of every neuron.
  ///   - width: Number of neurons, even.
  ///   - steps: Most steps.
  ///   - learningRate: Step size against the gradient of the mean loss where no rate is promised.
  ///   - observer: Receives a line for each of about 100 steps.
  /// - Returns: The run.
  /// - Throws: `InputError` for other losses than the squared and an output bias, `ProgramError`, `GeometryError` and
  ///   `CertificateError` when data and architecture do not go together; `Interrupted` when the caller asked to stop.
  public func linearRate(
    on data: Dataset, activation: SmoothActivation, width: Int, steps: Int, learningRate: Double,
    observer: (TraceRow) -> Void = { _ in }
  ) throws -> LinearRateStudy {
    let clock = PhaseClock()
    let task = try PreparedTask(configuration, data.train, threads)
    guard let squared = task.loss as? SquaredLoss, !configuration.outputBias else {
      throw InputError(
        .usage, "--activation \(activation.rawValue)",
        expected: "--loss squared and no --output-bias",
        found: "\(task.loss.name)\(configuration.outputBias ? " with an output bias" : "")",
        advice: "The rate is that of the squared loss by the filters alone.")
    }
    let network = try SmoothNetwork.pairedStart(
      geometry: task.geometry, pooling: task.pooling, activation: activation, width: width,
      outputs: squared.outputCount, seed: configuration.seed)
    let certificate = try LinearRateCertificate(
      for: network, images: task.images, targets: squared.targets)
    let count = Double(squared.sampleCount)
    let size = certificate.stepSize ?? learningRate / count
    var descent = try SmoothDescent(
      from: network, images: task.images, targets: squared.targets)
    var violation: Int?
    let interval = max(1, steps / 100)
    while descent.steps < steps, clock.total < maximumSeconds, descent.residualNorm.isFinite {
      if isInterrupted() { throw Interrupted(phase: "baseline") }
      descent.step(size)
      if certificate.isIssued, violation == nil,
        !certificate.holds(
          steps: descent.steps, residual: descent.residualNorm, distance: descent.distance)
      {
        violation = descent.steps
      }
      if descent.steps % interval == 0 {
        observer(
          TraceRow(
            phase: "gd", iteration: descent.steps, seconds: clock.total, objective: descent.loss,
            neuronCount: width))
      }
    }
    var study = LinearRateStudy(certificate, descent, violation: violation, configuration)
    study.stepSize = Finite(size)
    study.seconds = Finite(clock.total)
    return study
  }
}

extension LinearRateStudy {
  fileprivate init(
    _ certificate: LinearRateCertificate, _ descent: SmoothDescent, violation: Int?,
    _ configuration: TrainingConfiguration
  ) {
    let (steps, rate) = (descent.steps, certificate.rate)
    let promised = rate.map { rate in
      (0..<steps).reduce(certificate.residualNorm) { value, _ in value * rate }
    }
    let isKept = certificate.isIssued && violation == nil && steps > 0
    func short(_ x: Double) -> String { "\(Float(x))" }
    let claim: String =
      if let violation {
        "The promised rate was broken at step \(violation): a bug, or rounding beyond its allowance."
      } else if certificate.isIssued, steps == 0 {
        "Promised before the run, but no step was made that could keep it."
      } else if let rate {
        "Promised before the run and kept in all \(steps) steps: the residual falls by a factor of at "
          + "most \(rate) each step."
      } else if certificate.smallestSingularValue == 0 {
        "No rate promised: the Jacobian at the start has a singular value of 0 up to rounding."
      } else {
        "No rate promised: the residual \(short(certificate.residualNorm)) at the start is above "
          + "\(short(certificate.threshold)); a wider network raises that."
      }
    self.init(
      activation: descent.network.activation.rawValue, width: descent.network.neuronCount,
      seed: configuration.seed, isIssued: certificate.isIssued, isKept: isKept,
      smallestSingularValue: Finite(certificate.smallestSingularValue),
      largestSingularValue: Finite(certificate.largestSingularValue),
      lipschitzConstant: Finite(certificate.lipschitzConstant),
      residualNorm: Finite(certificate.residualNorm), threshold: Finite(certificate.threshold),
      flowThreshold: Finite(certificate.flowThreshold), stepSize: Finite(nil), rate: Finite(rate),
      steps: steps, firstViolation: Finite(violation.map(Double.init)),
      finalResidualNorm: Finite(descent.residualNorm), promisedResidualNorm: Finite(promised),
      distance: Finite(descent.distance), distanceBound: Finite(certificate.distanceBound),
      loss: Finite(descent.loss), claim: claim, seconds: Finite(nil), model: configuration)
  }
}
