import Certificates
import ConvexPrograms
import Convolutions
public import Solvers
import Tensors

extension Trainer {
  /// Share above the largest dual norm found at which a ReLU path begins, so that a search can prove it empty.
  private static let startMargin = 1e-2

  /// Solutions along decreasing strength, each certified, with what is known about the path.
  ///
  /// The first strength is `lambdaMax` for gated and linear networks; for ReLU it is 1 % above the largest dual norm that
  /// ascent finds, where a search proves that the network without neurons is optimal. With a time limit, half of it is for
  /// the solutions and the rest for bounds, breakpoints and selection.
  ///
  /// - Parameters:
  ///   - data: Training samples, and held-out ones.
  ///   - settings: Number and range of the strengths, breakpoints, selection.
  ///   - observer: Receives traces with the number of the point.
  /// - Returns: The study and one model per point; after an interruption or at the time limit the points that were
  ///   finished.
  /// - Throws: As `train`; `Interrupted` when the caller asked to stop before any point was finished.
  public func path(
    on data: Dataset, settings: PathSettings, observer: (Int, TraceRow) -> Void = { _, _ in }
  ) throws -> (study: PathStudy, models: [Model]) {
    var phases = PhaseClock()
    let run = try phases.time("prepare") { try PathRun(self, data.train) }
    let clock = phases
    let secondsLeft: () -> Double = { [maximumSeconds] in maximumSeconds - clock.total }
    let largest = run.cells.lambdaMax * (run.cells.program == nil ? 1 + Self.startMargin : 1)
    guard largest > 0 else {
      throw InputError(
        .data, "lambdaMax", expected: "a positive number", found: "\(run.cells.lambdaMax)",
        advice: "The labels do not depend on the samples; check the data.")
    }
    let strengths = RegularizationPath.strengths(
      from: largest, count: settings.pointCount, ratio: settings.minimumRatio)
    let solutions = try phases.time("solve") {
      try run.solutions(
        at: strengths, startsEmpty: true, seconds: 0.5 * maximumSeconds, observer: observer)
    }
    var certification = try PathCertification(run, solutions, secondsLeft: secondsLeft)
    try phases.time("certify") {
      try certification.certify { k in
        observer(
          k,
          TraceRow(
            phase: "certify", iteration: k, seconds: clock.total,
            objective: solutions[k].objective.total,
            neuronCount: solutions[k].network.neuronCount))
      }
    }
    let records = try phases.time("evaluate") {
      try Self.records(of: certification, run, data, threads: threads)
    }
    var study = try phases.time("checks") {
      try self.study(run, certification, records, strengths: strengths)
    }
    if let tolerance = settings.breakpointTolerance {
      var search = PathBreakpoints(run, tolerance: tolerance, secondsLeft: secondsLeft)
      try phases.time("breakpoints") { try search.locate(along: certification.points) }
      (study.breakpoints, study.areBreakpointsComplete) = (search.found, search.isComplete)
    }
    if settings.selection != nil {
      try phases.time("select") {
        try select(settings, &study, records.map(\.model), data, secondsLeft)
      }
    }
    if isInterrupted() { study.status = SolveStatus.interrupted.rawValue }
    study.phases = phases.phases
    study.seconds = Finite(phases.total)
    return (study, records.map(\.model))
  }

  /// A point as it is reported, with its model.
  private struct Record {
    let model: Model
    let point: PathStudy.Point
  }

  private static func records(
    of certification: PathCertification, _ run: PathRun, _ data: Dataset, threads: Int
  ) throws -> [Record] {
    let width = max(2, "\(certification.points.count)".count)
    return try certification.points.indices.compactMap { k in
      guard let certificate = certification.certificates[k] else { return nil }
      let solution = certification.points[k]
      let model = run.model(
        try run.lifted(solution.network), solution.lambda, data.train.kind, certificate.record)
      let train = try model.evaluation(on: data.train, backend: .im2col, threads: threads)
      let test = try data.test.map {
        try model.evaluation(on: $0, backend: .im2col, threads: threads)
      }
      let unique = try PathUniqueness(solution, problem: run.path.problem)
      let number = String(repeating: "0", count: width - "\(k + 1)".count) + "\(k + 1)"
      let point = PathStudy.Point(
        lambda: Finite(solution.lambda), objective: Finite(certificate.objective),
        loss: Finite(certificate.loss),
        regularizer: Finite(certificate.regularization / solution.lambda),
        lowerBound: Finite(certificate.lowerBound), relativeGap: Finite(certificate.relativeGap),
        bound: certificate.bound.rawValue,
        provenBy: certification.isSearched[k] ? "search" : "neighbors", claim: certificate.claim,
        status: solution.status.rawValue, neuronCount: solution.network.neuronCount,
        rank: unique.rank, isContinuityGuaranteed: unique.isGuaranteed, uniqueness: unique.reason,
        trainAccuracy: train.accuracy, testLoss: test?.loss ?? Finite(nil),
        testAccuracy: test?.accuracy ?? Finite(nil), work: solution.work,
        searchedNodeCount: certification.nodeCounts[k],
        screenedBlockCount: Finite(solution.isZero.map { Double($0.count { $0 }) }),
        solvedBlockCount: Finite(solution.blockCount.map(Double.init)),
        file: "point-\(number).safetensors")
      return Record(model: model, point: point)
    }
  }

  private func study(
    _ run: PathRun, _ certification: PathCertification, _ records: [Record], strengths: [Double]
  ) throws -> PathStudy {
    let numbers = certification.certificates.compactMap { $0 }.map {
      PathChecks.Numbers(
        lambda: $0.lambda, loss: $0.loss, regularizer: $0.regularization / $0.lambda, gap: $0.gap)
    }
    let problem = run.path.problem
    let gradients = certification.points.prefix(numbers.count).map {
      problem.loss.gradient(at: problem.predictions(of: $0.network))
    }
    let violation = PathChecks.monotonicityViolation(numbers)
    let jump = PathChecks.largestJumpRatio(
      numbers, gradients: gradients, loss: problem.loss, hasOutputBias: problem.hasOutputBias)
    // The first network is empty, so its dual norm is that of lambdaMax.
    let bound = certification.certificates.first??.dualNormUpperBound
    var study = PathStudy(
      status: "solved", lambdaMax: Finite(run.cells.lambdaMax), lambdaMaxUpperBound: Finite(bound),
      gap: configuration.gap, points: records.map(\.point),
      checks: PathStudy.Checks(
        isMonotone: violation == nil,
        violation: violation.map { "points \($0) and \($0 + 1)" }, largestJumpRatio: Finite(jump),
        continuity: Self.continuity(squared: jump != nil)),
      searchCount: certification.searchCount,
      searchedNodeCount: certification.nodeCounts.reduce(0, +), seconds: Finite(nil), phases: [],
      model: configuration)
    if study.points.count < strengths.count {
      study.status = SolveStatus.timeLimit.rawValue
    } else if !study.openPoints.isEmpty {
      study.status = "gap-above-target"
    }
    if study.points.isEmpty { throw Interrupted(phase: "path") }
    return study
  }

  private static func continuity(squared: Bool) -> String {
    "Fit, loss and regularizer are continuous in lambda"
      + (squared
        ? ", the residual over lambda with constant |targets| in 1/lambda (checked)"
        : " (strictly convex loss; no constant is computed for it)")
      + ". Parameters are continuous where the solution is unique; see each point."
  }

  private func select(
    _ settings: PathSettings, _ study: inout PathStudy, _ models: [Model], _ data: Dataset,
    _ secondsLeft: () -> Double
  ) throws {
    var (losses, errors): ([Double], [Double]) = ([], [])
    switch settings.selection {
    case .heldOut:
      guard let test = data.test else {
        throw InputError(
          .usage, "--select held-out", expected: "a held-out set", found: "none",
          advice: "Give --test-images or --test-fraction, or select by cv:K.")
      }
      let samples = try models.map { try $0.sampleLosses(on: test, threads: threads) }
      (losses, errors) = (samples.map(\.mean), samples.map(\.standardError))
    case .crossValidation(let folds):
      (losses, errors) = try PathRun.crossValidation(
        self, data.train, folds: folds, strengths: study.points.compactMap(\.lambda.value),
        secondsLeft: secondsLeft)
    case nil: return
    }
    study.selection = PathStudy.Selection(
      settings, losses: losses, errors: errors,
      strengths: study.points.compactMap(\.lambda.value))
  }
}
