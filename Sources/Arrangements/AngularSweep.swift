import Tensors

/// The exact dual norm for filters of up to three entries, by going round the arrangement once.
///
/// Inside a cell, and inside every face of it, `F` is linear, so the maximum is attained in the relative
/// interior of one face, at the top singular vector of the map restricted to the face's span.
///
/// * One entry: two filters.
/// * Two entries: the angles where rows vanish, or where the winner of a window changes, are sorted,
///   and the `[a c, 2]` map follows by updates of rank one from arc to arc.
/// * Three entries, linear pooling: a sweep of this kind along the great circle of every row visits all
///   faces of dimension one and two; every cell touches a circle, where its map is known, and has a
///   maximum of its own only when the map's top singular vector lies inside it.
///
/// **Rounding.** With two entries an angle is off by less than `2^-49`, so that a row is taken for active
/// or not only where `|x . u| <= 2^-49 |x|`: the bound is raised by `2^-47 mass` for that and for the
/// choice among rows of a window, in addition to `roundingError`. With three entries rows are first
/// rounded to multiples of `2^-41`, which changes `F` by `2^-41 mass` at most; the order of points on a
/// circle is then decided by exact integer determinants, so every map belongs to its arc.
///
/// - Complexity: O(`N log N + N a c`) for two entries. O(`N^2 log N + N^2 a c`) time and O(`N`) memory for
///   each thread for three, where cells whose map is larger than the bound cost O(`N`) at worst, and
///   O(1) when a row nearby has the wrong sign, as nearly always.
/// - Accuracy: `upperBound` is rigorous, and is within about `2^-40 mass` (three entries) of the norm
///   found (`PricingIdentityTests`, `PricingHostileTests`).
/// - Source: The faces of an arrangement by sweeps: Edelsbrunner, *Algorithms in Combinatorial
///   Geometry*, 1987. The use for the dual norm is this package's.
public struct AngularSweep: PricingOracle {
  /// Creates the oracle.
  public init() {}

  /// Largest patch dimension; 2 with max pooling, see `supports`.
  public var maximumDimension: Int { 3 }

  /// Whether the sweep takes a correlation: up to three entries, or two where windows take maxima of
  /// several patches.
  public static func supports(_ correlation: PooledCorrelation) -> Bool {
    correlation.patchDimension <= (correlation.hasSingleRows ? 3 : 2)
  }

  /// Sweeps all faces; stops early only as the request's limits say, with the mass as the bound.
  ///
  /// - Parameters:
  ///   - correlation: The function to maximize.
  ///   - request: Targets and limits; a node is an arc.
  /// - Returns: Local maxima and the bound over all filters.
  /// - Precondition: `AngularSweep.supports(correlation)`.
  public func price(_ correlation: PooledCorrelation, _ request: PricingRequest) -> Pricing {
    precondition(
      Self.supports(correlation),
      "AngularSweep: patch dimension \(correlation.patchDimension), at most 3, or 2 with max pooling"
    )
    guard correlation.mass.isFinite, correlation.mass > 0 else { return .trivial(correlation) }
    let (normalized, unit) = correlation.normalized()
    var run = AngularSweepRun(normalized, request.divided(by: unit))
    return run.solve().multiplied(by: unit)
  }
}

/// The state of one sweep, on a correlation of mass from 1 to 2.
struct AngularSweepRun {
  let correlation: PooledCorrelation
  let request: PricingRequest
  private let clock = ContinuousClock.now
  private var ascent: CorrelationAscent
  private var nodeCount = 0

  init(_ correlation: PooledCorrelation, _ request: PricingRequest) {
    (self.correlation, self.request) = (correlation, request)
    ascent = CorrelationAscent(correlation)
  }

  /// A filter the sweep came by, with about its norm.
  struct Candidate {
    let filter: [Double]
    let norm: Double
  }

  /// What one part of a sweep found.
  struct Part {
    /// Bound on the norms on the part, without the margin; nothing below what was known is told apart.
    var bound = 0.0
    var candidates: [Candidate] = []
    var arcCount = 0
  }

  mutating func solve() -> Pricing {
    if let starts = request.starts {
      for j in 0..<starts.rows {
        // Starts only say where to look.
        if request.interruption(since: clock) != nil { break }
        ascent.climb(from: Array(starts.row(j)))
      }
    }
    if let ending { return result(ending, bound: correlation.mass) }
    switch correlation.patchDimension {
    case 1: return finish([Part(bound: 0, candidates: ends, arcCount: 2)])
    case 2: return sweepPlane()
    default: return sweepSpace()
    }
  }

  private var ends: [Candidate] {
    [[1.0], [-1.0]].map { Candidate(filter: $0, norm: correlation.norm(at: $0)) }
  }

  private mutating func sweepPlane() -> Pricing {
    var sweep = PlanarSweep(correlation)
    var parts: [Part] = []
    while let part = sweep.next() {
      parts.append(part)
      nodeCount += part.arcCount
      if !sweep.isDone, let ending {
        climb(from: parts.flatMap(\.candidates))
        return result(ending, bound: correlation.mass)
      }
    }
    nodeCount = 0
    return finish(parts)
  }

  private mutating func sweepSpace() -> Pricing {
    let arrangement = SpatialArrangement(correlation)
    let (batch, count) = (64, arrangement.rowCount)
    var bound = arrangement.wholeSpace?.norm ?? 0
    climb(from: arrangement.wholeSpace.map { [$0] } ?? [])
    for start in stride(from: 0, to: count, by: batch) {
      let rows = start..<min(start + batch, count)
      let known = max(bound, ascent.largestNorm)
      let floor = min(known, max(request.target, known / 2))
      nonisolated(unsafe) var parts = [Part](repeating: Part(), count: rows.count)
      parts.withUnsafeMutableBufferPointer { buffer in
        nonisolated(unsafe) let buffer = buffer
        Parallel.forEachChunk(of: rows.count, chunk: 8, threads: request.threads) { _, range in
          var circle = CircleSweep(arrangement)
          for i in range {
            buffer[i] = circle.sweep(rows.lowerBound + i, known: known, floor: floor)
          }
        }
      }
      bound = max(bound, parts.map(\.bound).reduce(0, max))
      nodeCount += parts.map(\.arcCount).reduce(0, +)
      climb(from: parts.flatMap(\.candidates))
      if rows.upperBound < count, let ending { return result(ending, bound: correlation.mass) }
    }
    return finish([Part(bound: bound)])
  }

  private mutating func finish(_ parts: [Part]) -> Pricing {
    nodeCount += parts.map(\.arcCount).reduce(0, +)
    climb(from: parts.flatMap(\.candidates))
    let found = parts.flatMap(\.candidates).map(\.norm).reduce(0, max)
    let bound = max(parts.map(\.bound).reduce(0, max), found)
    let upper = self.upper(bound)
    return result(
      request.ending(upperBound: upper, largestNorm: ascent.largestNorm), bound: bound,
      isExact: true)
  }

  /// Ascends from the best candidates, which keeps the different ones.
  private mutating func climb(from candidates: [Candidate]) {
    let order = candidates.indices.sorted {
      (candidates[$1].norm, $0) < (candidates[$0].norm, $1)
    }
    for index in order.prefix(12) {
      let candidate = candidates[index]
      let isBetter = candidate.norm > ascent.largestNorm
      let isWanted = candidate.norm > request.target && ascent.found.count < 32
      guard isBetter || isWanted else { continue }
      ascent.climb(from: candidate.filter)
    }
  }

  /// Why to stop before all is swept.
  private var ending: Pricing.Ending? {
    if ascent.largestNorm > request.sufficient { return .sufficient }
    if upper(correlation.mass) <= request.target { return .target }
    return request.interruption(since: clock, nodeCount: nodeCount)
  }

  /// What rounding may hide; see `AngularSweep`.
  private var margin: Double {
    let entries = Double(32 * (correlation.entryCount + 40)) * 0x1p-52
    let angles = correlation.patchDimension == 3 ? 0x1p-41 + 0x1p-46 : 0x1p-47
    return 2 * correlation.roundingError + correlation.mass * (entries + angles)
  }

  private func upper(_ bound: Double) -> Double {
    (max(bound, ascent.largestNorm) + margin) * (1 + 0x1p-50)
  }

  private func result(
    _ ending: Pricing.Ending, bound: Double, isExact: Bool = false
  ) -> Pricing {
    Pricing(
      filters: Matrix(
        rows: ascent.found.count, columns: correlation.patchDimension,
        elements: ascent.found.flatMap(\.filter)),
      norms: ascent.found.map(\.norm), upperBound: upper(bound), nodeCount: nodeCount,
      ending: ending, isExact: isExact)
  }
}
