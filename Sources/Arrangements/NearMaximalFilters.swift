public import Tensors

/// All unit filters at which a correlation is nearly as large as a level, each near one of finitely many.
///
/// Where the level is the dual norm these are the filters that an optimal network may use. Cones that cover the space are
/// bounded as in `ConeSearch`; those whose bound is below the level hold no such filter, and the others are halved until
/// all of their rays are within `radius` of a local maximum at the level.
///
/// - Source: Mishkin & Pilanci, *Optimal Sets and Solution Paths of ReLU Networks*, ICML 2023 (the equicorrelation set);
///   the search is this package's.
public struct NearMaximalFilters: Sendable {
  /// Unit filters of local maxima, largest norm first, `[m, h]`.
  public let filters: Matrix
  /// Norm of each filter, at least the level.
  public let norms: [Double]
  /// Whether each is the only filter at the level on its face; false where those on an arc around it are, too.
  public let isIsolated: [Bool]
  /// Norms from here on count.
  public let level: Double
  /// Largest distance of a filter at the level from one of `filters`, where `isComplete`.
  public let radius: Double
  /// Whether it is proven that every unit filter of a norm of at least `level` is within `radius` of one of `filters`,
  /// rounding included.
  public let isComplete: Bool
  /// Number of cones bounded.
  public let nodeCount: Int
}

/// How far to look for near-maximal filters.
public struct NearMaximalRequest: Sendable {
  /// Norms from here on count; positive.
  public var level: Double
  /// Distance, as a chord, within which filters belong to a maximum; above 0 and below 1.
  public var radius: Double
  /// Filters to start from, `[m, h]`, not necessarily of unit length.
  public var starts: Matrix?
  /// The search ends, not complete, where a filter of a larger norm is found: then the level is not near the maximum, and
  /// the filters above it are too many.
  public var ceiling: Double
  /// Most maxima listed.
  public var limit: Int
  /// Most cones; the same limit gives the same result on every machine.
  public var nodeLimit: Int
  /// Most seconds of wall time.
  public var seconds: Double
  /// Threads to use; the result does not depend on it.
  public var threads: Int
  /// Asked between rounds; true ends the search, which is then not complete.
  public var isInterrupted: @Sendable () -> Bool

  /// A request with given values.
  public init(
    level: Double, radius: Double, starts: Matrix? = nil, ceiling: Double = .infinity,
    limit: Int = 4096,
    nodeLimit: Int = .max, seconds: Double = .infinity, threads: Int = 1,
    isInterrupted: @escaping @Sendable () -> Bool = { false }
  ) {
    precondition(level > 0, "NearMaximalRequest: level \(level), expected a positive number")
    precondition(
      radius > 0 && radius < 1, "NearMaximalRequest: radius \(radius), expected 0 to 1, exclusive")
    self.level = level
    self.radius = radius
    self.starts = starts
    self.ceiling = ceiling
    self.limit = limit
    self.nodeLimit = nodeLimit
    self.seconds = seconds
    self.threads = threads
    self.isInterrupted = isInterrupted
  }
}

extension NearMaximalFilters {
  /// Searches the cones.
  ///
  /// - Parameters:
  ///   - correlation: The function.
  ///   - request: Level, radius and limits.
  /// - Precondition: `correlation.patchDimension <= ConeSearch.largestDimension`.
  /// - Complexity: Exponential in `patchDimension` only, as `ConeSearch`; a few cones for each maximum more.
  public init(_ correlation: PooledCorrelation, _ request: NearMaximalRequest) {
    precondition(
      correlation.patchDimension <= ConeSearch.largestDimension,
      "NearMaximalFilters: patch dimension \(correlation.patchDimension), at most "
        + "\(ConeSearch.largestDimension)")
    (level, radius) = (request.level, request.radius)
    guard correlation.mass.isFinite, correlation.mass >= request.level else {
      (filters, norms, isIsolated) = (
        Matrix(rows: 0, columns: correlation.patchDimension), [], []
      )
      (isComplete, nodeCount) = (correlation.mass < request.level, 0)
      return
    }
    let (normalized, unit) = correlation.normalized()
    var run = NearMaximalRun(
      normalized, request, level: request.level / unit, ceiling: request.ceiling / unit)
    isComplete = run.solve()
    nodeCount = run.nodeCount
    let found = run.maxima().sorted { $0.norm > $1.norm }
    filters = Matrix(
      rows: found.count, columns: correlation.patchDimension, elements: found.flatMap(\.filter))
    norms = found.map { $0.norm * unit }
    isIsolated = found.map { $0.next * unit < request.level }
  }
}

/// The state of one search, on a correlation of mass from 1 to 2.
private struct NearMaximalRun {
  /// Cones halved in one round, whatever the number of threads.
  private static let batch = 64
  /// Maxima closer than this are the same.
  private static let sameChord = 1e-7

  private let correlation: PooledCorrelation
  private let request: NearMaximalRequest
  private let level: Double
  private let ceiling: Double
  private let clock = ContinuousClock.now
  private let bounds: ConeBoundPool
  private let faces: FaceMaximum
  private var open: [ConeNode] = []
  private var deepest = 0
  private(set) var nodeCount = 0
  /// Local maxima of at least the level.
  private var largest = 0.0
  private(set) var found: [(filter: [Double], norm: Double, next: Double)] = []

  init(
    _ correlation: PooledCorrelation, _ request: NearMaximalRequest, level: Double,
    ceiling: Double
  ) {
    (self.correlation, self.request) = (correlation, request)
    (self.level, self.ceiling) = (level, ceiling)
    bounds = ConeBoundPool(correlation)
    faces = FaceMaximum(correlation)
  }

  /// Whether all cones were decided.
  mutating func solve() -> Bool {
    if let starts = request.starts {
      for j in 0..<starts.rows { climb(from: Array(starts.row(j))) }
    }
    open = ConeSearch.rootCones(dimension: correlation.patchDimension).map {
      ConeNode(rays: $0, depth: 0, linear: correlation.linear.elements, members: nil)
    }
    if isOver { return false }
    assess(from: 0)
    while !open.isEmpty {
      if isOver { return false }
      // The deepest cones first, so that few lists of undecided terms are kept.
      let first = max(0, open.count - Self.batch)
      let halves = open[first...].flatMap { $0.halves(dimension: correlation.patchDimension) }
      open.removeSubrange(first...)
      open += halves
      assess(from: first)
    }
    return largest <= ceiling
  }

  private var isOver: Bool {
    largest > ceiling || found.count >= request.limit || nodeCount >= request.nodeLimit
      || request.isInterrupted()
      || (ContinuousClock.now - clock) / .seconds(1) >= request.seconds
  }

  /// Bounds the cones from a place on and keeps those that must be split.
  private mutating func assess(from first: Int) {
    let nodes = Array(open[first...])
    open.removeSubrange(first...)
    deepest = nodes.reduce(deepest) { max($0, $1.depth) }
    let margin = ConeSearch.roundingMargin(of: correlation, depth: deepest)
    let (cut, bounds) = (level - margin, bounds)
    nonisolated(unsafe) let shared = nodes
    Parallel.forEachChunk(of: nodes.count, chunk: 1, threads: request.threads) { index, _ in
      bounds.withBound { $0.assess(shared[index], cut: cut) }
    }
    nodeCount += nodes.count
    for node in nodes where node.bound > cut {
      if let candidate = node.candidate, candidate.norm >= level { climb(from: candidate.filter) }
      node.candidate = nil
      // Small cones only, so that a second maximum near the first one is seen.
      if spread(of: node) > request.radius / 4 || !isCovered(node) { open.append(node) }
    }
  }

  /// Whether all rays of a cone, hence all its unit filters, are near one maximum.
  private func isCovered(_ node: ConeNode) -> Bool {
    let (h, radius) = (correlation.patchDimension, request.radius)
    return found.contains { maximum in
      (0..<h).allSatisfy { j in
        Self.chord(maximum.filter, node.rays[j * h..<(j + 1) * h]) <= radius
      }
    }
  }

  /// The largest distance of two rays.
  private func spread(of node: ConeNode) -> Double {
    let h = correlation.patchDimension
    var largest = 0.0
    for i in 0..<h {
      let ray = Array(node.rays[i * h..<(i + 1) * h])
      for j in 0..<i {
        largest = max(largest, Self.chord(ray, node.rays[j * h..<(j + 1) * h]))
      }
    }
    return largest
  }

  private static func chord(_ u: [Double], _ v: ArraySlice<Double>) -> Double {
    var sum = 0.0
    for (x, y) in zip(u, v) { sum += (x - y) * (x - y) }
    return sum.squareRoot()
  }

  /// What was found, without filters from which the norm rises towards another one nearby: ascent can jam at a kink.
  func maxima() -> [(filter: [Double], norm: Double, next: Double)] {
    found.filter { here in
      !found.contains { other in
        guard other.norm > here.norm,
          Self.chord(here.filter, other.filter[...]) <= request.radius
        else { return false }
        return [1e-4, 1e-2, 0.1, 0.5].allSatisfy { share in
          let moved = zip(here.filter, other.filter).map { $0 + share * ($1 - $0) }
          let length = BLAS.norm(moved)
          return correlation.norm(at: moved.map { $0 / length }) > here.norm * (1 + 1e-15)
        }
      }
    }
  }

  private mutating func climb(from start: [Double]) {
    let length = BLAS.norm(start)
    guard length > 0, length.isFinite else { return }
    let (u, norm, next) = faces.climbed(
      from: start.map { $0 / length }, reach: 0.25 * request.radius)
    guard norm >= level else { return }
    largest = max(largest, norm)
    let near = found.firstIndex { Self.chord($0.filter, u[...]) <= Self.sameChord }
    if let near {
      if found[near].norm < norm { found[near] = (u, norm, next) }
    } else {
      found.append((u, norm, next))
    }
  }
}
