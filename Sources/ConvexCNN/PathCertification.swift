import Certificates
import ConvexPrograms
import Convolutions
import Solvers
import Tensors

/// Certificates along a path with as few searches over all cells as its points need.
///
/// A search at one strength proves a dual point; between two of them mixtures prove bounds at no cost
/// (`CertifiedDual`). The ends are searched first, then the middle of every interval with a point that mixtures leave
/// unproven. Searched points get a sharper gap than asked for, so that mixtures have something to lose. For gated networks a pass over all
/// gates takes the place of a search. ReLU filters in the plane, whose bound costs little, and networks that cannot be mixed are certified one
/// by one.
struct PathCertification {
  /// What is left for mixtures: searches aim at this share of the gap.
  static let searchShare = 0.75

  let run: PathRun
  let targetGap: Double
  private(set) var points: [RegularizationPath.Point]
  private(set) var certificates: [Certificate?]
  private(set) var isSearched: [Bool]
  private(set) var searchCount = 0
  private(set) var nodeCounts: [Int]
  private var duals: [CertifiedDual?]
  private let certifier: Certifier
  private let secondsLeft: () -> Double

  init(
    _ run: PathRun, _ points: [RegularizationPath.Point], secondsLeft: @escaping () -> Double
  ) throws {
    (self.run, self.points, self.secondsLeft) = (run, points, secondsLeft)
    targetGap = run.trainer.configuration.gap
    certificates = points.map { _ in nil }
    isSearched = points.map { _ in false }
    nodeCounts = points.map { _ in 0 }
    duals = points.map { _ in nil }
    let certifier = run.certifier(at: run.cells.lambdaMax)
    self.certifier =
      try points.first.map {
        try certifier.prepared(
          for: run.lifted($0.network), gates: run.cells.gates,
          directions: run.task.subspace?.directions)
      } ?? certifier
  }

  /// Whether bounds need searches that mixtures of dual points can replace.
  private var mixes: Bool {
    run.task.subspace == nil && !run.trainer.configuration.outputBias
      && (run.cells.program != nil || run.task.geometry.patchDimension > 2)
  }

  /// Certifies all points.
  ///
  /// - Parameter progress: Called with the number of a point before its search.
  /// - Throws: As `Certifier.certify`.
  mutating func certify(progress: (Int) -> Void = { _ in }) throws {
    guard mixes, points.count > 2 else {
      for k in points.indices {
        progress(k)
        try search(k, gap: targetGap)
      }
      return
    }
    progress(0)
    // Near the optimum the bound is flat in the dual norm: this gap bounds `lambdaMax` to a thousandth.
    try search(0, gap: min(1e-6, Self.searchShare * targetGap))
    progress(points.count - 1)
    try search(points.count - 1, gap: Self.searchShare * targetGap)
    try bisect(0, points.count - 1, progress)
  }

  private mutating func bisect(_ low: Int, _ high: Int, _ progress: (Int) -> Void) throws {
    guard high - low > 1 else { return }
    for k in low + 1..<high where certificates[k]?.isEstablished != true {
      guard let first = duals[low], let second = duals[high] else { continue }
      let mixed = try certifier.at(lambda: points[k].lambda).certify(
        points[k].network, between: first, and: second, gates: run.cells.gates,
        targetGap: targetGap)
      certificates[k] =
        certificates[k].map { mixed.lowerBound > $0.lowerBound ? mixed : $0 } ?? mixed
    }
    guard (low + 1..<high).contains(where: { certificates[$0]?.isEstablished != true }) else {
      return
    }
    let middle = (low + high) / 2
    progress(middle)
    try search(middle, gap: Self.searchShare * targetGap)
    try bisect(low, middle, progress)
    try bisect(middle, high, progress)
  }

  /// Certifies one point by its own dual point; a network that misses the gap is improved once by the solver's search.
  private mutating func search(_ k: Int, gap: Double) throws {
    try certifyAlone(k, gap: gap)
    guard run.cells.program == nil, certificates[k]?.isEstablished != true, secondsLeft() > 0,
      !run.trainer.isInterrupted()
    else { return }
    let limits = SolveLimits(
      relativeGap: 0.5 * gap, iterations: 1000, seconds: secondsLeft() / 2,
      isInterrupted: run.trainer.isInterrupted)
    let better = try run.path.point(
      at: points[k].lambda, from: points[k], limits: limits, oracle: run.trainer.oracle)
    nodeCounts[k] += better.pricedNodeCount
    guard better.objective.total < points[k].objective.total * (1 - 1e-12) else { return }
    points[k] = better
    try certifyAlone(k, gap: gap)
  }

  private mutating func certifyAlone(_ k: Int, gap: Double) throws {
    var effort = BoundEffort(
      seconds: min(Trainer.defaultSearchSeconds, secondsLeft() / 2),
      isInterrupted: run.trainer.isInterrupted)
    if run.trainer.isInterrupted() || secondsLeft() <= 0 { effort = .withoutSearch }
    let (certificate, dual) = try certifier.at(lambda: points[k].lambda).certifyKeepingDual(
      run.lifted(points[k].network), gates: run.cells.gates,
      directions: run.task.subspace?.directions, targetGap: gap, effort: effort)
    (certificates[k], duals[k], isSearched[k]) = (certificate, dual, true)
    nodeCounts[k] += certificate.searchedNodeCount
    if certificate.searchedNodeCount > 0 { searchCount += 1 }
  }
}
