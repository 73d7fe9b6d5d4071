import Certificates
import ConvexPrograms
import Convolutions
package import Solvers
import Tensors

/// The solutions of one training set along a list of strengths.
package struct PathRun {
  let trainer: Trainer
  let task: PreparedTask
  let cells: CellPlan
  package let path: RegularizationPath

  /// Smallest strength whose solution is zero; for ReLU a lower bound found by ascent.
  package var lambdaMax: Double { cells.lambdaMax }

  /// The run of a trainer, whose strength is not used, on some samples.
  package init(_ trainer: Trainer, _ data: LabeledDataset) throws {
    var flags = trainer.configuration
    flags.strength = .ratio(1)
    task = try PreparedTask(flags, data, trainer.threads, team: trainer.team)
    cells = try Self.cells(of: task, flags, limits: trainer.gateLimits)
    var settings = CellGeneration.Settings(
      seed: flags.seed, starts: 24, polishIterations: 40, isContinuation: true)
    if let maximum = flags.maximumCells { settings.maximumNeurons = maximum }
    (self.trainer, self.path) = (
      trainer,
      RegularizationPath(
        problem: task.problem(lambda: cells.lambdaMax), program: cells.program, settings: settings)
    )
  }

  /// The cells of a path, whose strengths are no option that could be given instead.
  private static func cells(
    of task: PreparedTask, _ flags: TrainingConfiguration, limits: SolveLimits
  ) throws -> CellPlan {
    do {
      return try task.cells(flags, limits: limits)
    } catch let error as InputError where error.place == "lambdaMax" {
      throw InputError(
        error.kind, error.place, expected: error.expected, found: error.found,
        advice: "The labels do not depend on the samples; check the data.")
    }
  }

  /// Gap that solvers aim at: for ReLU a fifth of it, by estimate.
  ///
  /// What is left is what searches over all cells may leave open, and mixtures of their dual points lose: the less of it
  /// the solver takes, the fewer cones they look at.
  var solverGap: Double {
    trainer.configuration.gap * (cells.program == nil ? 0.2 : 0.9)
  }

  /// Solutions at some strengths, each from the one before, until the time is up.
  ///
  /// - Parameters:
  ///   - strengths: Decreasing strengths.
  ///   - startsEmpty: Whether the network without neurons is known to be optimal at the first.
  ///   - seconds: Most seconds.
  ///   - observer: Receives traces with the number of the point.
  /// - Returns: A solution per strength; fewer when time or the caller ended the run.
  /// - Throws: As `RegularizationPath.point`.
  func solutions(
    at strengths: [Double], startsEmpty: Bool, seconds: Double,
    observer: (Int, TraceRow) -> Void = { _, _ in }
  ) throws -> [RegularizationPath.Point] {
    let watch = Stopwatch()
    var points: [RegularizationPath.Point] = []
    var last = try path.emptyPoint(at: strengths[0])
    for (k, lambda) in strengths.enumerated() {
      if k > 0 || !startsEmpty {
        let limits = SolveLimits(
          relativeGap: solverGap, iterations: cells.program == nil ? 10_000 : 1_000_000,
          seconds: seconds - watch.seconds, isInterrupted: trainer.isInterrupted)
        if limits.seconds <= 0 { break }
        last = try path.point(at: lambda, from: last, limits: limits) { observer(k, $0) }
        if last.status == .interrupted || last.status == .timeLimit { break }
      }
      points.append(last)
    }
    return points
  }

  /// The network in the coordinates of all filters.
  func lifted(_ network: Network) throws -> Network {
    try task.subspace.map { try $0.lifted(network, to: task.geometry) } ?? network
  }

  /// The verifier at a strength.
  func certifier(at lambda: Double) -> Certifier {
    Certifier(images: task.images, loss: task.loss, lambda: lambda, threads: trainer.threads)
  }

  /// A model of a network at a strength.
  func model(_ network: Network, _ lambda: Double, _ kind: SampleKind, _ record: [String: String])
    -> Model
  {
    var flags = trainer.configuration
    flags.strength = .lambda(lambda)
    return Model(
      configuration: flags, samples: kind, standardization: task.standardization,
      lossName: task.loss.name, lambda: lambda, network: network, gates: cells.gates,
      certificate: record)
  }
}
