import Tensors

/// The state of one branch and bound.
struct ConeSearchRun {
  /// Cones split in one round, whatever the number of threads.
  private static let batch = 64

  private let correlation: PooledCorrelation
  private let request: PricingRequest
  private let memory: Int
  private let clock = ContinuousClock.now
  private let bounds: ConeBoundPool
  private let shared: SharedCones?
  private let root: [Double]
  private var ascent: CorrelationAscent
  private var open = ConeHeap()
  /// Largest bound of a cone that was not split.
  private var closed = 0.0
  private var nodeCount = 0
  private var deepest = 0
  private var listed = 0

  init(
    _ correlation: PooledCorrelation, _ request: PricingRequest, memory: Int, team: RankTeam?
  ) {
    self.correlation = correlation
    self.request = request
    self.memory = memory
    bounds = ConeBoundPool(correlation)
    shared = team.flatMap { SharedCones(correlation, team: $0) }
    root = correlation.linear.elements
    ascent = CorrelationAscent(correlation)
  }

  /// Cones of no larger bound are not split: they are within the request, or what is left is rounding.
  private var cut: Double {
    let norm = ascent.largestNorm
    return max(
      request.target - margin, norm * (1 + request.relativeTolerance) - margin, norm + margin)
  }

  /// What rounding may hide in a bound; see `ConeSearch`.
  private var margin: Double { ConeSearch.roundingMargin(of: correlation, depth: deepest) }

  mutating func solve() -> Pricing {
    if let starts = request.starts {
      for j in 0..<starts.rows {
        if let ending = request.interruption(since: clock) {
          return result(ending, bound: .infinity)
        }
        ascent.climb(from: Array(starts.row(j)))
      }
    }
    if ascent.largestNorm > request.sufficient { return result(.sufficient, bound: .infinity) }
    let roots = ConeSearch.rootCones(dimension: correlation.patchDimension).map {
      ConeNode(rays: $0, depth: 0, linear: root, members: nil)
    }
    for start in stride(from: 0, to: roots.count, by: Self.batch) {
      assess(Array(roots[start..<min(start + Self.batch, roots.count)]))
      if let ending = interruption { return result(ending, bound: .infinity) }
    }
    while let top = open.largest, top > cut {
      if ascent.largestNorm > request.sufficient { return result(.sufficient) }
      if let ending = interruption { return result(ending) }
      var halves: [ConeNode] = []
      while halves.count < 2 * Self.batch, let node = open.removeLargest(above: cut) {
        listed -= node.members?.count ?? 0
        halves += node.halves(dimension: correlation.patchDimension)
      }
      assess(halves)
    }
    return result(
      request.ending(upperBound: upperBound, largestNorm: ascent.largestNorm))
  }

  private var interruption: Pricing.Ending? {
    request.interruption(since: clock, nodeCount: nodeCount)
  }

  /// Bounds cones and keeps those that must be split.
  private mutating func assess(_ nodes: [ConeNode]) {
    if let shared {
      shared.assess(nodes, cut: cut, with: bounds, threads: request.threads)
    } else {
      bounds.assess(nodes, cut: cut, threads: request.threads)
    }
    nodeCount += nodes.count
    climb(from: nodes)
    for node in nodes {
      deepest = max(deepest, node.depth)
      if node.bound > cut {
        keep(node)
      } else {
        closed = max(closed, node.bound)
      }
    }
  }

  /// Ascends from the best points of the cones that exceed the largest norm known.
  private mutating func climb(from nodes: [ConeNode]) {
    let best = nodes.compactMap(\.candidate).sorted { $0.norm > $1.norm }.prefix(4)
    for candidate in best
    where candidate.norm > ascent.largestNorm
      || (candidate.norm > request.target && ascent.found.count < 16)
    {
      ascent.climb(from: candidate.filter)
    }
  }

  private mutating func keep(_ node: ConeNode) {
    let count = node.members?.count ?? 0
    if (listed + count) * 4 > memory {
      (node.members, node.linear) = (nil, root)
    } else {
      listed += count
    }
    node.candidate = nil
    open.insert(node)
  }

  private var upperBound: Double {
    (max(open.largest ?? 0, closed, ascent.largestNorm) + margin) * (1 + 0x1p-40)
  }

  private func result(_ ending: Pricing.Ending, bound: Double? = nil) -> Pricing {
    Pricing(
      filters: Matrix(
        rows: ascent.found.count, columns: correlation.patchDimension,
        elements: ascent.found.flatMap(\.filter)),
      norms: ascent.found.map(\.norm), upperBound: bound ?? upperBound, nodeCount: nodeCount,
      ending: ending)
  }
}
