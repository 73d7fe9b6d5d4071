import CKernels
import Tensors

/// Bounds a correlation with any number of entries, or with max pooling, on simplicial cones.
///
/// A term `m_t(u) = max(0, max_r x_r . u)` is convex: on the cone it lies between a tangent (its winning
/// row at some point) and its chord, `m_t = tangent + e_t` with `0 <= e_t <= d_t` and `d_t` linear in the
/// ray coordinates. With `F0` the value with all `e_t = d_t / 2` and a unit vector `g`,
///
///     |F(u)| <= sqrt(L(u)^2 + S(u)^2),      L >= |g . F|,      S >= |F0 - (g . F0) g| + |sum_t b_t (e_t - d_t / 2)|
///
/// `L` is a concave majorant as for one entry: terms with `g . b_t > 0` by their chords, the others by
/// their tangents, chosen anew at the maximiser. `S` is convex, hence bounded by its chord, with
/// `|sum_t b_t (e_t - d_t / 2)|` bounded entry by entry: `(1/2) sum_t |b_t| d_t`, which keeps windows and
/// classes apart. Both are second order in the size of the cone.
final class TermConeBound: ConeBound {
  private let correlation: PooledCorrelation
  private let h: Int
  private let lanes: Int
  private let entries: Int
  private let outputs: Int
  private let projection: ConeProjection
  private let tolerance: Double
  private let termOfRow: [Int32]
  private let offsets: [Int32]
  private let everything: [Int32]
  private let sizes: [Double]

  // The undecided rows and terms of the present cone.
  private var members: [Int32] = []
  private var starts: [Int32] = [0]
  private var terms: [Int32] = []
  private var values: [Double]
  private var states: [UInt8]
  private var peaks: [Double] = []
  private var tangents: [Double] = []
  private var products: [Double] = []
  private var alongs: [Double] = []
  private var lines: [Double]
  private var sums: [Double]
  private var slacks: [Double]
  private var spreads: [Double]
  private var across: [Double]
  private var atom: [Double]
  private var point: [Double]
  private var edgeWeights: [Double]
  private var scores: [Double]

  private static let atomLimit = 10
  private static let sharpening = 1.6

  init(_ correlation: PooledCorrelation) {
    self.correlation = correlation
    h = correlation.patchDimension
    lanes = (h + 7) / 8 * 8
    (entries, outputs) = (correlation.entryCount, correlation.outputCount)
    projection = ConeProjection(dimension: h, lanes: lanes)
    tolerance = Double(h + 2) * 0x1p-52
    let terms = correlation.terms
    var owners = [Int32](repeating: 0, count: terms.rows.rows)
    for t in terms.windows.indices {
      for r in terms.starts[t]..<terms.starts[t + 1] { owners[Int(r)] = Int32(t) }
    }
    termOfRow = owners
    offsets = terms.windows.map { $0 * Int32(correlation.outputCount) }
    everything = owners.indices.map { Int32($0) }
    sizes = (0..<correlation.termCount).map {
      BLAS.norm(Array(correlation.coefficients.row($0)))
    }
    values = [Double](repeating: 0, count: owners.count * lanes)
    states = [UInt8](repeating: 0, count: owners.count)
    let zeros = [Double](repeating: 0, count: entries * lanes)
    (lines, sums, slacks, spreads) = (zeros, zeros, zeros, zeros)
    let few = [Double](repeating: 0, count: lanes)
    (across, atom, point) = (few, few, few)
    edgeWeights = [Double](repeating: 0, count: h * lanes)
    scores = edgeWeights
  }

  func assess(_ node: ConeNode, cut: Double) {
    projection.set(node.rays)
    decide(node)
    ck_cone_peaks(values, starts, terms.count, lanes, &peaks)
    for entry in 0..<entries {
      for j in 0..<lanes {
        var sum = 0.0
        for k in 0..<h { sum += node.linear[entry * h + k] * projection.columns[k * lanes + j] }
        lines[entry * lanes + j] = sum
      }
    }
    node.candidate = nil
    for j in 0..<lanes { point[j] = j < h ? 1 : 0 }
    let center = propose(node)
    let direction = self.direction(of: center)
    measureAcross(direction)
    project(direction)
    let upper = bound(direction, sign: 1, cut: cut)
    let upperPoint = point
    let lower = bound(direction, sign: -1, cut: cut)
    node.bound = max(upper, lower)
    guard node.bound > cut else { return }
    if upper >= lower { point = upperPoint }
    _ = propose(node)
    chooseEdge(node, sign: upper >= lower ? 1 : -1)
  }

  // MARK: - What is decided

  /// Folds decided terms into the linear part and drops rows that never win.
  private func decide(_ node: ConeNode) {
    let candidates = node.members ?? everything
    let count = candidates.count
    ck_cone_values(
      correlation.terms.rows.elements, candidates, count, projection.columns, h, lanes, tolerance,
      &values, &states)
    members.removeAll(keepingCapacity: true)
    terms.removeAll(keepingCapacity: true)
    starts.removeAll(keepingCapacity: true)
    starts.append(0)
    var first = 0
    while first < count {
      let term = termOfRow[Int(candidates[first])]
      var last = first + 1
      while last < count, termOfRow[Int(candidates[last])] == term { last += 1 }
      decide(node, candidates, first..<last, term)
      first = last
    }
    node.members = members
    let room = terms.count * lanes
    if peaks.count < room {
      peaks = [Double](repeating: 0, count: room)
      tangents = peaks
      products = [Double](repeating: 0, count: terms.count)
      alongs = products
    }
  }

  private func decide(
    _ node: ConeNode, _ candidates: [Int32], _ range: Range<Int>, _ term: Int32
  ) {
    let isZeroBeaten = range.contains { states[$0] == 1 }
    // One row, as with linear pooling, beats nothing and is beaten by nothing.
    let living =
      range.count == 1
      ? range.filter { states[$0] != 0 }
      : range.filter { r in
        states[r] != 0
          && !range.contains { other in other != r && states[other] != 0 && beats(other, r) }
      }
    if living.count == 1, isZeroBeaten, states[living[0]] == 1 {
      let row = Int(candidates[living[0]])
      let offset = Int(offsets[Int(term)])
      for t in 0..<outputs {
        let b = correlation.coefficients.elements[Int(term) * outputs + t]
        for k in 0..<h {
          node.linear[(offset + t) * h + k] += b * correlation.terms.rows.elements[row * h + k]
        }
      }
      return
    }
    guard !living.isEmpty else { return }
    for r in living {
      // Rows move forward only, so nothing still needed is overwritten.
      let place = members.count
      if place != r {
        for j in 0..<lanes { values[place * lanes + j] = values[r * lanes + j] }
      }
      members.append(candidates[r])
    }
    terms.append(term)
    starts.append(Int32(members.count))
  }

  /// Whether a row is nowhere smaller on the cone than another; of equal ones the first beats.
  private func beats(_ a: Int, _ b: Int) -> Bool {
    var isEqual = true
    for j in 0..<h {
      let (x, y) = (values[a * lanes + j], values[b * lanes + j])
      if x < y { return false }
      if x > y { isEqual = false }
    }
    return !isEqual || a < b
  }

  // MARK: - Bounds

  /// The value at the point with ray coordinates `point`, not scaled, noted as a candidate.
  private func propose(_ node: ConeNode) -> [Double] {
    ck_cone_tangents(values, starts, terms.count, lanes, point, &tangents, &products)
    var value = [Double](repeating: 0, count: entries)
    for entry in 0..<entries {
      for j in 0..<h { value[entry] += point[j] * lines[entry * lanes + j] }
    }
    for (g, term) in terms.enumerated() where products[g] > 0 {
      let offset = Int(offsets[Int(term)])
      for t in 0..<outputs {
        value[offset + t] +=
          products[g] * correlation.coefficients.elements[Int(term) * outputs + t]
      }
    }
    let (filter, length) = projection.filter(at: point)
    guard length > 0 else { return value }
    let norm = BLAS.norm(value) / length
    if norm > node.candidate?.norm ?? 0 { node.candidate = (filter, norm) }
    return value
  }

  private func direction(of value: [Double]) -> [Double] {
    let norm = BLAS.norm(value)
    guard norm > 0, norm.isFinite else {
      return value.indices.map { $0 == 0 ? 1 : 0 }
    }
    return value.map { $0 / norm }
  }

  /// Bounds on every ray what lies across the direction; tangents are those of the cone's center.
  private func measureAcross(_ direction: [Double]) {
    for i in 0..<entries * lanes {
      sums[i] = lines[i]
      slacks[i] = 0
      spreads[i] = 0
    }
    ck_cone_term_sums(
      peaks, tangents, correlation.coefficients.elements, terms, offsets, terms.count, outputs,
      lanes, &sums, &slacks, &spreads)
    for j in 0..<h {
      guard entries > 1 else {
        across[j] = 0
        continue
      }
      var along = 0.0
      for t in 0..<entries {
        along += direction[t] * (sums[t * lanes + j] - 0.5 * slacks[t * lanes + j])
      }
      var (square, spread) = (0.0, 0.0)
      for t in 0..<entries {
        let rest =
          sums[t * lanes + j] - 0.5 * slacks[t * lanes + j] - along * direction[t]
        square += rest * rest
        spread += 0.25 * spreads[t * lanes + j] * spreads[t * lanes + j]
      }
      across[j] = square.squareRoot() + spread.squareRoot()
    }
  }

  /// Coefficients of the terms along the direction.
  private func project(_ direction: [Double]) {
    for (g, term) in terms.enumerated() {
      let offset = Int(offsets[Int(term)])
      var sum = 0.0
      for t in 0..<outputs {
        sum += direction[offset + t] * correlation.coefficients.elements[Int(term) * outputs + t]
      }
      alongs[g] = sum
    }
  }

  /// Upper bound on `|F|` where `sign g . F >= 0`; leaves the majorant's maximiser in `point`.
  private func bound(_ direction: [Double], sign: Double, cut: Double) -> Double {
    projection.removeAtoms()
    for j in 0..<lanes { point[j] = j < h ? 1 : 0 }
    var bound = Double.infinity
    for round in 0...Self.atomLimit {
      for j in 0..<lanes {
        var sum = 0.0
        for t in 0..<entries { sum += direction[t] * lines[t * lanes + j] }
        atom[j] = sign * sum
      }
      ck_cone_tangents(values, starts, terms.count, lanes, point, &tangents, &products)
      ck_cone_term_atom(peaks, tangents, alongs, sign, terms.count, lanes, &atom)
      if round > 0 {
        var (now, new) = (0.0, 0.0)
        for j in 0..<h {
          now += point[j] * projection.combined[j]
          new += point[j] * atom[j]
        }
        guard new < now - 1e-7 * abs(now) else { break }
      }
      projection.add(atom)
      bound = min(bound, solve())
      if bound <= cut || (round == 0 && bound > Self.sharpening * cut) { break }
    }
    return bound
  }

  /// The bound of the present atoms together with what lies across the direction.
  private func solve() -> Double {
    let along = projection.solve()
    for j in 0..<lanes { point[j] = projection.tau[j] }
    guard entries > 1 else { return along }
    let combined = (0..<lanes).map { projection.combined[$0] }
    let whole = (0..<lanes).map { j -> Double in
      guard j < h else { return 0 }
      let x = max(0, combined[j])
      return (x * x + across[j] * across[j]).squareRoot()
    }
    return projection.bound(of: whole, restoring: combined)
  }

  private func chooseEdge(_ node: ConeNode, sign: Double) {
    point.withUnsafeBufferPointer { point in
      guard let point = point.baseAddress else { return }
      projection.writeEdgeWeights(at: point, into: &edgeWeights)
    }
    for i in scores.indices { scores[i] = 0 }
    var weights = [Double](repeating: 0, count: terms.count)
    for (g, term) in terms.enumerated() {
      weights[g] = max(0, sign * alongs[g]) + (entries > 1 ? 0.3 * sizes[Int(term)] : 0)
    }
    ck_cone_term_scores(
      values, starts, weights, terms.count, h, lanes, edgeWeights, &scores)
    if entries > 1 { addCurvature() }
    node.edge = scores.withUnsafeBufferPointer { scores in
      guard let scores = scores.baseAddress else { return projection.longestEdge }
      return projection.edge(scores: scores, depth: node.depth)
    }
  }

  /// Adds what splitting an edge takes off the chord of the norm itself.
  private func addCurvature() {
    for i in 0..<h {
      for j in 0..<i {
        var (first, second, both) = (0.0, 0.0, 0.0)
        for t in 0..<entries {
          let (x, y) = (sums[t * lanes + i], sums[t * lanes + j])
          first += x * x
          second += y * y
          both += (x + y) * (x + y)
        }
        scores[i * lanes + j] +=
          edgeWeights[i * lanes + j]
          * (first.squareRoot() + second.squareRoot() - both.squareRoot())
      }
    }
  }
}
