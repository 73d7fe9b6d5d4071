import Certificates
import ConvexPrograms
import Convolutions
import Solvers
import Tensors

extension Trainer {
  /// The closed form of a problem, or why there is none.
  ///
  /// Circular linear networks with full-size filters are solved in the Fourier domain to the gap of the configuration
  /// where they have no closed form.
  ///
  /// - Parameter data: Training samples, and held-out ones that are only evaluated.
  /// - Returns: What was found, and the model where it is exact.
  /// - Throws: `InputError`, `GeometryError` or `ProgramError` when flags and data do not go together; `LAPACK.Failure`
  ///   when a decomposition does not converge.
  public func closedForm(on data: Dataset) throws -> (model: Model?, result: ClosedFormResult) {
    var clock = PhaseClock()
    var flags = configuration
    flags.loss = flags.loss ?? "squared"
    let source = try flags.geometry(on: Array(data.train.images.shape.dropFirst()))
    let isCircular =
      try flags.activation == .linear
      && CircularProgram.isCircular(source, Pooling(parsing: flags.pooling))
    // Patches of full-size filters are as many as the square of the pixels; spectra are not.
    let task = try PreparedTask(
      flags, data.train, threads, backend: isCircular ? .fft : .im2col)
    let found = try clock.time("solve") { () -> Found in
      do {
        return try form(task, flags)
      } catch let error as ProgramError {
        if isCircular, let program = try circularProgram(task, flags) { return program }
        guard isCircular, task.standardization.whitening != nil else {
          return Found(reason: error.description)
        }
        return Found(
          reason:
            "\(error.description) Without --standardize patch-whiten the network is solved in "
            + "the Fourier domain.")
      }
    }
    let model = found.network.map { network in
      Model(
        configuration: flags, samples: data.train.kind, standardization: task.standardization,
        lossName: task.loss.name, lambda: found.lambda ?? 0, network: network, gates: nil,
        certificate: [:])
    }
    let result = try result(found, task, flags, model, data, seconds: clock.total)
    return (model.map { $0.certified(by: result) }, result)
  }

  /// What was found, in the words of the result.
  private struct Found {
    var family = "none"
    var verdict = "none"
    var reason: String
    var value: Double?
    var lowerBound: Double?
    var lambda: Double?
    var lambdaMax: Double?
    var threshold: Double?
    var spectrum: [Double] = []
    var defect: Double?
    var network: Network?
  }

  private func form(_ task: PreparedTask, _ flags: TrainingConfiguration) throws -> Found {
    // Thresholds are multiples of the strength, so any strength tells the one whose solution is zero.
    let unit = try ClosedForm(of: task.problem(lambda: 1))
    let lambdaMax = (unit.spectrum.first ?? 0) / unit.threshold
    let lambda = try flags.strength.value(lambdaMax: lambdaMax)
    let form = try ClosedForm(of: task.problem(lambda: lambda))
    return Found(
      family: form.family.rawValue, verdict: form.verdict.rawValue, reason: form.reason,
      value: form.value, lowerBound: form.value, lambda: lambda, lambdaMax: lambdaMax,
      threshold: form.threshold, spectrum: form.spectrum, defect: form.defect,
      network: form.network)
  }

  private func circularProgram(
    _ task: PreparedTask, _ flags: TrainingConfiguration
  ) throws -> Found? {
    guard !flags.outputBias, task.geometry.channels == 1 || task.loss.outputCount == 1,
      task.standardization.whitening == nil
    else { return nil }
    let unit = try CircularProgram(
      images: task.images, geometry: task.geometry, loss: task.loss, lambda: 1, threads: threads)
    let lambdaMax = unit.composite.lambdaMax
    let lambda = try flags.strength.value(lambdaMax: lambdaMax)
    let program = CompositeProgram(
      map: unit.composite.map, loss: unit.composite.loss, regularizer: unit.composite.regularizer,
      lambda: lambda)
    // The verifier's bound gives way to rounding by more than the solver's, so the solver aims lower.
    let solution = FISTA().solve(
      program,
      limits: SolveLimits(
        relativeGap: 0.5 * flags.gap, iterations: 1_000_000, seconds: maximumSeconds))
    let network = try unit.network(from: solution.point)
    let certificate = try Certifier(
      images: task.images, loss: task.loss, lambda: lambda, threads: threads
    ).certify(network, gates: nil, targetGap: flags.gap)
    return Found(
      family: "circular-program", verdict: certificate.isEstablished ? "exact" : "unknown",
      reason:
        "The samples are not white, so there is no closed form; the program in the Fourier domain "
        + "was solved by \(solution.iterations) proximal steps (\(solution.status.rawValue))."
        + (certificate.isEstablished
          ? "" : " Raise --max-seconds, or ask for a larger --gap than \(flags.gap)."),
      value: certificate.isEstablished ? certificate.objective : certificate.lowerBound,
      lowerBound: certificate.lowerBound, lambda: lambda, lambdaMax: lambdaMax, network: network)
  }

  private func result(
    _ found: Found, _ task: PreparedTask, _ flags: TrainingConfiguration, _ model: Model?,
    _ data: Dataset, seconds: Double
  ) throws -> ClosedFormResult {
    let objective = model.map { task.problem(lambda: $0.lambda).objective(of: $0.network).total }
    let gap = objective.flatMap { objective in
      found.lowerBound.map { objective > $0 ? (objective - $0) / objective : 0 }
    }
    let backend = task.problem(lambda: 0).layer.backend
    let train = try model?.evaluation(on: data.train, backend: backend, threads: threads)
    let test = try data.test.flatMap {
      try model?.evaluation(on: $0, backend: backend, threads: threads)
    }
    return ClosedFormResult(
      family: found.family, verdict: found.verdict, reason: found.reason,
      value: Finite(found.value), objective: Finite(objective),
      lowerBound: Finite(found.lowerBound), relativeGap: Finite(gap), lambda: Finite(found.lambda),
      lambdaMax: Finite(found.lambdaMax), threshold: Finite(found.threshold),
      spectrum: found.spectrum, defect: Finite(found.defect),
      spikeFree: flags.activation == .relu ? try spikeFreeness(task) : nil,
      neuronCount: found.network?.neuronCount, trainAccuracy: train?.accuracy ?? Finite(nil),
      testAccuracy: test?.accuracy ?? Finite(nil), seconds: Finite(seconds), model: flags)
  }

  private func spikeFreeness(_ task: PreparedTask) throws -> String {
    let patches = try PatchSet(images: task.images, geometry: task.geometry).patches
    switch try SpikeFreeness(of: patches) {
    case .spikeFree: return "yes"
    case .undecided: return "undecided"
    case .dependentRows, .spike: return "no"
    }
  }
}

extension Model {
  /// The model with what a closed form proves about it.
  fileprivate func certified(by result: ClosedFormResult) -> Model {
    Model(
      configuration: configuration, samples: samples, standardization: standardization,
      lossName: lossName, lambda: lambda, network: network, gates: gates,
      certificate: [
        "claim": result.claim, "scope": "all cells", "bound": "exact",
        "objective": "\(result.objective.value ?? 0)",
        "lowerBound": "\(result.lowerBound.value ?? 0)",
        "relativeGap": "\(result.relativeGap.value ?? 0)",
      ])
  }
}
