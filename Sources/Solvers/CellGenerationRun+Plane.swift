import Arrangements
import ConvexPrograms
import Convolutions
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

extension CellGenerationRun {
  /// Whether `searchPlane` takes the problem: filters of two entries, one output and window, linear pooling, an oracle and
  /// no start.
  var isPlanar: Bool {
    oracle != nil && problem.activation == .relu && problem.geometry.patchDimension == 2
      && problem.outputCount == 1 && problem.windowCount == 1 && problem.poolingMap.isLinear
      && !problem.hasOutputBias && network.neuronCount == 0
  }

  /// Rounds of `searchPlane`, at most.
  private static var planeRounds: Int { 40 }

  /// Generates cells of the plane: pricing all cells costs less there than looking for filters, and a cell is an arc
  /// between two angles, so that the program over the arcs found is solved to its optimum in every round.
  ///
  /// - Returns: `solved` where the gap is proven, or the limit that ended the rounds; nil where the search must go on from
  ///   the network found.
  mutating func searchPlane(_ observer: TraceObserver) throws -> SolveStatus? {
    var master = PlanarMaster(problem)
    var isSharp = false
    while round < Self.planeRounds {
      defer { round += 1 }
      (estimatedGap, ratio) = (0, 0)
      guard let found = priceAllCells(), let gap = provenGap else { return nil }
      report("all cells", observer)
      if gap <= limits.relativeGap { return .solved }
      if let interruption = limits.interruption(since: watch) { return interruption }
      if round >= limits.iterations { return .iterationLimit }
      let grows = master.add(found)
      guard grows || !isSharp else { break }
      let clock = Stopwatch()
      var inner = limits
      // Newton steps inside faces have the last digits: many arcs share the optimum's filters.
      let isNear = estimatedGap <= Self.sharpStart
      inner.relativeGap = max(0.2 * inner.relativeGap, (isNear ? 0.1 : 0.02) * estimatedGap)
      isSharp = !grows
      (inner.iterations, inner.seconds) = (100, limits.seconds - watch.seconds)
      let candidate = try master.solve(inner)
      accept(candidate)
      accept(network.joiningEqualNeurons(cosine: 1 - 1e-14), allowing: 0x1p-49)
      accept(network.droppingDependentNeurons(in: problem), allowing: 0x1p-49)
      seconds["master", default: 0] += clock.seconds
      report("master", observer)
      guard isNear else { continue }
      try sharpen()
      report("newton", observer)
    }
    provenGap = nil
    return nil
  }
}

/// The program over some arcs of the plane between the lines of the patches.
private struct PlanarMaster {
  private let problem: TrainingProblem
  /// Angles at which patches vanish, ascending in `0..<2 pi`.
  private let angles: [Double]
  private var arcs: [Int] = []
  private var cones: [ActivationCone] = []
  private var features: Matrix
  /// Blocks `v_b` and `w_b` of every arc.
  private var blocks: [[Double]] = []
  private var progress = LagrangianProgress()

  init(_ problem: TrainingProblem) {
    self.problem = problem
    let patches = problem.stackedPatches
    var half: [Double] = []
    for i in 0..<patches.rows where patches[i, 0] != 0 || patches[i, 1] != 0 {
      let angle = atan2(patches[i, 0], -patches[i, 1])
      half.append(angle < 0 ? angle + .pi : angle >= .pi ? angle - .pi : angle)
    }
    half.sort()
    var distinct: [Double] = []
    // Lines closer than this are one up to rounding.
    for angle in half where angle - (distinct.last ?? -1) > 1e-13 { distinct.append(angle) }
    angles = distinct + distinct.map { $0 + .pi }
    features = Matrix(rows: problem.sampleCount, columns: 0)
  }

  /// The ends of an arc; arcs of a single line are half-planes.
  private func ends(_ arc: Int) -> (from: Double, to: Double) {
    let next = arc + 1
    return (angles[arc], next < angles.count ? angles[next] : angles[0] + 2 * .pi)
  }

  /// Adds the arcs of filters, both arcs of filters on a line.
  ///
  /// - Returns: Whether there was a new one.
  mutating func add(_ filters: Matrix) -> Bool {
    guard angles.count >= 4 else { return false }
    var added: [Int] = []
    for j in 0..<filters.rows {
      var angle = atan2(filters[j, 1], filters[j, 0])
      if angle < 0 { angle += 2 * .pi }
      for shift in [-1e-9, 1e-9] {
        let arc = arc(at: angle + shift)
        if !arcs.contains(arc), !added.contains(arc) { added.append(arc) }
      }
    }
    guard !added.isEmpty else { return false }
    var witnesses = Matrix(rows: added.count, columns: 2)
    for (k, arc) in added.enumerated() {
      let (from, to) = ends(arc)
      let middle = 0.5 * (from + to)
      (witnesses[k, 0], witnesses[k, 1]) = (cos(middle), sin(middle))
      cones.append(
        ActivationCone(normals: Matrix([[-sin(from), cos(from)], [sin(to), -cos(to)]])))
      blocks.append([0, 0, 0, 0])
    }
    arcs += added
    let new = problem.gatedFeatures(of: witnesses)
    var joined = Matrix(rows: features.rows, columns: features.columns + new.columns)
    for i in 0..<joined.rows {
      for e in 0..<features.columns { joined[i, e] = features[i, e] }
      for e in 0..<new.columns { joined[i, features.columns + e] = new[i, e] }
    }
    features = joined
    return true
  }

  /// The arc that holds an angle.
  private func arc(at angle: Double) -> Int {
    let turned =
      angle < angles[0] ? angle + 2 * .pi : angle >= angles[0] + 2 * .pi ? angle - 2 * .pi : angle
    var (low, high) = (0, angles.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if angles[middle] <= turned { low = middle } else { high = middle }
    }
    return low
  }

  /// The network of the optimum over the arcs, from that over fewer of them.
  mutating func solve(_ limits: SolveLimits) throws -> Network {
    let program = ConeProgram(
      problem: problem, cones: cones, features: features, cellCount: arcs.count)
    let start = Matrix(
      rows: 4 * arcs.count, columns: 1,
      elements: blocks.flatMap { $0[0..<2] } + blocks.flatMap { $0[2..<4] })
    let point = AugmentedLagrangian().solve(
      ConeLagrangian(program), from: start, progress: &progress, limits: limits,
      observer: { _ in }
    ).point.elements
    let half = 2 * arcs.count
    for b in blocks.indices {
      blocks[b] = Array(point[2 * b..<2 * b + 2] + point[half + 2 * b..<half + 2 * b + 2])
    }
    return try program.network(from: Matrix(rows: point.count, columns: 1, elements: point))
  }
}
