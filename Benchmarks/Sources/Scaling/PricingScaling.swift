import Arrangements
import ConvexCNN
import Foundation
import Reports
import Tensors

/// Time of bounding the dual norm over all cells, and of whole training to a proven gap, against every size.
///
/// The dual point of a pricing is the gradient of the loss at a network trained at a twentieth of lambdaMax without looking at
/// all cells, as in the last round of cell generation; pricing ends at a relative tolerance of 0.5 %. Training ends at
/// a proven gap of 1 %.
struct PricingScaling {
  /// Whether to leave out what takes longer than about a second.
  let isQuick: Bool
  /// Where charts go.
  let figures: Figures

  /// What is measured.
  enum Work: String {
    /// One pricing over all cells.
    case pricing
    /// Cell generation with its pricings.
    case training
  }

  /// Every sweep, then all laws.
  func run(_ work: Work) throws {
    print("## Scaling of \(work.rawValue), \(Parallel.processorCount) threads\n")
    var outcomes: [ScalingSweep.Outcome] = []
    func sweep(
      _ name: String, _ values: [Int], isExponential: Bool = false,
      draws: UInt64 = 1, _ make: @escaping (Int, UInt64) throws -> TrainingProblem
    ) throws {
      let kept = isQuick ? Array(values.prefix(3)) : values
      outcomes.append(
        try ScalingSweep(
          name: name,
          counters: work == .pricing
            ? ["lines x windows", "nodes"] : ["rounds", "nodes", "neurons"],
          isExponential: isExponential
        ).run(kept) { value in
          try ScalingSweep.Point.sum(
            (1...draws).map { try measure(work, value, make(value, $0)) })
        })
    }
    try sweep("samples n, digits, 2x2, sum", [90, 180, 360, 720, 1438]) { value, _ in
      try ScalingProblems.digits(samples: value, filter: (2, 2))
    }
    try sweep(
      "positions K, 3 x 20 waves, 2x2, sum", [49, 121, 225, 529, 961, 2025], draws: 3
    ) { positions, draw in
      let size = Int(Double(positions).squareRoot().rounded()) + 1
      return try ScalingProblems.waves(samples: 20, size: size, filter: (2, 2), seed: 10 + draw)
    }
    try sweep("outputs c, 200 digits, 2x2, sum", [2, 3, 5, 7, 10]) { value, _ in
      try ScalingProblems.digits(samples: 200, filter: (2, 2), outputs: value)
    }
    try sweep("windows a, 100 digits, 2x2, sums over windows", [1, 2, 4, 6, 9]) { value, _ in
      let grids = [1: "1x1", 2: "1x2", 4: "2x2", 6: "2x3", 9: "3x3"]
      return try ScalingProblems.digits(
        samples: 100, filter: (2, 2), pooling: "sum:" + (grids[value] ?? "1x1"))
    }
    try sweep("samples n, digits, 1x2, sum", [90, 180, 360, 720, 1438]) { value, _ in
      try ScalingProblems.digits(samples: value, filter: (1, 2))
    }
    try sweep("samples n, digits, 1x3, sum", [90, 180, 360, 720, 1438]) { value, _ in
      try ScalingProblems.digits(samples: value, filter: (1, 3))
    }
    try sweep("patch dimension h, 100 digits, 1xh, sum", [2, 3, 4, 5, 6], isExponential: true) {
      value, _ in
      try ScalingProblems.digits(samples: 100, filter: (1, value))
    }
    try sweep("filter rank r, 100 digits, 3x3, sum", [2, 3, 4, 5], isExponential: true) {
      value, _ in
      let whole = try ScalingProblems.digits(samples: 100, filter: (3, 3))
      return try FilterSubspace(rank: value, of: whole).restricted(whole)
    }
    print("\n### Laws of \(work.rawValue)\n\n| against | law |\n| --- | --- |")
    for outcome in outcomes { print(outcome.law) }
    try draw(work, outcomes.filter { !$0.sweep.isExponential }, "sizes", .logarithmic)
    try draw(work, outcomes.filter(\.sweep.isExponential), "dimensions", .linear)
  }

  /// Times relative to the first of each sweep, so that sweeps of different problems share a chart.
  private func draw(
    _ work: Work, _ outcomes: [ScalingSweep.Outcome], _ name: String, _ scale: Chart.Scale
  ) throws {
    let series = outcomes.compactMap { outcome -> Chart.Series? in
      guard let first = outcome.points.first, first.seconds > 0 else { return nil }
      let points = outcome.points.map {
        Chart.Point(scale == .linear ? $0.x : $0.x / first.x, $0.seconds / first.seconds)
      }
      let short = outcome.sweep.name.split(separator: ",").prefix(3).joined(separator: ",")
      return Chart.Series(short, points)
    }
    try figures.write(
      Chart(
        title: "Time of \(work.rawValue) against \(name)",
        summary: outcomes.map(\.law).joined(separator: " "),
        horizontal: Chart.Axis(
          scale == .linear ? "patch dimension or rank" : "size over the smallest", scale: scale),
        vertical: Chart.Axis("time over the first", scale: .logarithmic), series: series),
      name: "\(work.rawValue)-\(name)")
  }

  private func measure(
    _ work: Work, _ x: Int, _ problem: TrainingProblem
  ) throws -> ScalingSweep.Point {
    work == .pricing ? try pricing(x, problem) : try training(x, problem)
  }

  private func pricing(_ x: Int, _ problem: TrainingProblem) throws -> ScalingSweep.Point {
    let trained = try CellGeneration().solve(problem, limits: SolveLimits(relativeGap: 1e-4))
    let dual = problem.loss.gradient(at: problem.predictions(of: trained.network))
    let terms = problem.patchTerms
    let correlation = terms.correlation(with: dual)
    let (priced, seconds) = ScalingSweep.processorSeconds {
      ConeSearch().price(
        correlation,
        PricingRequest(
          relativeTolerance: 0.005, starts: trained.network.filters, seconds: 120,
          threads: problem.threads))
    }
    let gap = priced.upperBound / priced.largestNorm - 1
    return ScalingSweep.Point(
      x: Double(x), counters: [correlation.termCount, priced.nodeCount], seconds: seconds,
      reached: String(format: "%.4f", gap))
  }

  private func training(_ x: Int, _ problem: TrainingProblem) throws -> ScalingSweep.Point {
    let (result, seconds) = try ScalingSweep.processorSeconds {
      try CellGeneration(oracle: ConeSearch()).solve(
        problem, limits: SolveLimits(relativeGap: 1e-2, seconds: 120))
    }
    return ScalingSweep.Point(
      x: Double(x),
      counters: [result.rounds, result.pricedNodeCount, result.network.neuronCount],
      seconds: seconds, reached: result.provenGap.map { String(format: "%.1e", $0) } ?? "-")
  }
}
