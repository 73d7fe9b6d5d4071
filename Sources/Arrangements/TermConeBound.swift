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
  private let offsets: [Int32]
  private let everything: [Int32]
  private let sizes: [Double]

  // The undecided rows and terms of the present cone. Pointers, because arrays of a class are checked
  // for exclusive access and uniqueness at every element.
  private let termOfRow: UnsafeMutablePointer<Int32>
  private let members: UnsafeMutablePointer<Int32>
  private let living: UnsafeMutablePointer<Int32>
  private let starts: UnsafeMutablePointer<Int32>
  private let terms: UnsafeMutablePointer<Int32>
  private let states: UnsafeMutablePointer<UInt8>
  private let values: UnsafeMutablePointer<Double>
  private let peaks: UnsafeMutablePointer<Double>
  private let tangents: UnsafeMutablePointer<Double>
  private let products: UnsafeMutablePointer<Double>
  private let alongs: UnsafeMutablePointer<Double>
  private let weights: UnsafeMutablePointer<Double>
  private let lines: UnsafeMutablePointer<Double>
  private let sums: UnsafeMutablePointer<Double>
  private let slacks: UnsafeMutablePointer<Double>
  private let spreads: UnsafeMutablePointer<Double>
  private let across: UnsafeMutablePointer<Double>
  private let atom: UnsafeMutablePointer<Double>
  private let point: UnsafeMutablePointer<Double>
  private let edgeWeights: UnsafeMutablePointer<Double>
  private let scores: UnsafeMutablePointer<Double>
  private var memberCount = 0
  private var termCount = 0

  init(_ correlation: PooledCorrelation) {
    self.correlation = correlation
    h = correlation.patchDimension
    lanes = (h + 7) / 8 * 8
    (entries, outputs) = (correlation.entryCount, correlation.outputCount)
    projection = ConeProjection(dimension: h, lanes: lanes)
    tolerance = Double(h + 2) * 0x1p-52
    let (rowCount, count) = (correlation.terms.rows.rows, correlation.termCount)
    offsets = correlation.terms.windows.map { $0 * Int32(correlation.outputCount) }
    everything = (0..<rowCount).map { Int32($0) }
    sizes = (0..<count).map { BLAS.norm(Array(correlation.coefficients.row($0))) }
    func memory<Element>(_ count: Int, _ zero: Element) -> UnsafeMutablePointer<Element> {
      let result = UnsafeMutablePointer<Element>.allocate(capacity: max(count, 1))
      result.initialize(repeating: zero, count: max(count, 1))
      return result
    }
    (termOfRow, members, living) = (memory(rowCount, 0), memory(rowCount, 0), memory(rowCount, 0))
    (starts, terms) = (memory(count + 1, 0), memory(count, 0))
    states = memory(rowCount, 0)
    values = memory(rowCount * lanes, 0)
    (peaks, tangents) = (memory(count * lanes, 0), memory(count * lanes, 0))
    (products, alongs, weights) = (memory(count, 0), memory(count, 0), memory(count, 0))
    (lines, sums) = (memory(entries * lanes, 0), memory(entries * lanes, 0))
    (slacks, spreads) = (memory(entries * lanes, 0), memory(entries * lanes, 0))
    (across, atom, point) = (memory(lanes, 0), memory(lanes, 0), memory(lanes, 0))
    (edgeWeights, scores) = (memory(h * lanes, 0), memory(h * lanes, 0))
    for t in 0..<count {
      for r in correlation.terms.starts[t]..<correlation.terms.starts[t + 1] {
        termOfRow[Int(r)] = Int32(t)
      }
    }
  }

  deinit {
    for memory in [termOfRow, members, living, starts, terms] { memory.deallocate() }
    states.deallocate()
    for memory in [
      values, peaks, tangents, products, alongs, weights, lines, sums, slacks, spreads, across,
      atom, point, edgeWeights, scores,
    ] { memory.deallocate() }
  }

  func assess(_ node: ConeNode, cut: Double) {
    projection.set(node.rays)
    decide(node)
    ck_cone_peaks(values, starts, termCount, lanes, peaks)
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
    let upperPoint = (0..<lanes).map { point[$0] }
    let lower = bound(direction, sign: -1, cut: cut)
    node.bound = max(upper, lower)
    guard node.bound > cut else { return }
    if upper >= lower { for j in 0..<lanes { point[j] = upperPoint[j] } }
    _ = propose(node)
    chooseEdge(node, sign: upper >= lower ? 1 : -1)
  }

  // MARK: - What is decided

  /// Folds decided terms into the linear part and drops rows that never win.
  private func decide(_ node: ConeNode) {
    (memberCount, termCount) = (0, 0)
    let (rows, coefficients) = (correlation.terms.rows.elements, correlation.coefficients.elements)
    (node.members ?? everything).withUnsafeBufferPointer { candidates in
      let count = candidates.count
      ck_cone_values(
        rows, candidates.baseAddress, count, projection.columns, h, lanes, tolerance, values,
        states)
      var first = 0
      while first < count {
        let term = termOfRow[Int(candidates[first])]
        var last = first + 1
        while last < count, termOfRow[Int(candidates[last])] == term { last += 1 }
        let range = first..<last
        first = last
        let livingCount = livingRows(in: range)
        guard livingCount > 0 else { continue }
        if livingCount == 1, states[Int(living[0])] == 1 {
          fold(node, rows, coefficients, row: Int(candidates[Int(living[0])]), term: Int(term))
        } else {
          keep(livingCount, of: candidates, term)
        }
      }
    }
    node.members = Array(UnsafeBufferPointer(start: members, count: memberCount))
  }

  /// Writes the rows of a term that are largest somewhere on the cone, and returns their number.
  private func livingRows(in range: Range<Int>) -> Int {
    var count = 0
    for r in range where states[r] != 0 {
      // One row, as with linear pooling, beats nothing and is beaten by nothing.
      var isBeaten = false
      if range.count > 1 {
        for other in range where other != r && states[other] != 0 && beats(other, r) {
          isBeaten = true
          break
        }
      }
      guard !isBeaten else { continue }
      living[count] = Int32(r)
      count += 1
    }
    return count
  }

  /// Adds a term that equals one row on the cone to the linear part.
  private func fold(
    _ node: ConeNode, _ rows: [Double], _ coefficients: [Double], row: Int, term: Int
  ) {
    let offset = Int(offsets[term])
    for t in 0..<outputs {
      let b = coefficients[term * outputs + t]
      for k in 0..<h { node.linear[(offset + t) * h + k] += b * rows[row * h + k] }
    }
  }

  /// Keeps a term undecided.
  private func keep(
    _ count: Int, of candidates: UnsafeBufferPointer<Int32>, _ term: Int32
  ) {
    for index in 0..<count {
      // Rows move forward only, so nothing still needed is overwritten.
      let (r, place) = (Int(living[index]), memberCount)
      if place != r {
        for j in 0..<lanes { values[place * lanes + j] = values[r * lanes + j] }
      }
      members[place] = candidates[r]
      memberCount += 1
    }
    terms[termCount] = term
    termCount += 1
    starts[termCount] = Int32(memberCount)
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
    ck_cone_tangents(values, starts, termCount, lanes, point, tangents, products)
    var value = [Double](repeating: 0, count: entries)
    for entry in 0..<entries {
      for j in 0..<h { value[entry] += point[j] * lines[entry * lanes + j] }
    }
    for g in 0..<termCount where products[g] > 0 {
      let term = terms[g]
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
      peaks, tangents, correlation.coefficients.elements, terms, offsets, termCount, outputs,
      lanes, sums, slacks, spreads)
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
    for g in 0..<termCount {
      let term = terms[g]
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
    for round in 0...ConeAtoms.limit {
      for j in 0..<lanes {
        var sum = 0.0
        for t in 0..<entries { sum += direction[t] * lines[t * lanes + j] }
        atom[j] = sign * sum
      }
      ck_cone_tangents(values, starts, termCount, lanes, point, tangents, products)
      ck_cone_term_atom(peaks, tangents, alongs, sign, termCount, lanes, atom)
      if round > 0 {
        var (now, new) = (0.0, 0.0)
        for j in 0..<h {
          now += point[j] * projection.combined[j]
          new += point[j] * atom[j]
        }
        guard ConeAtoms.isGain(from: now, to: new) else { break }
      }
      projection.add(atom)
      bound = min(bound, solve())
      if bound <= cut || (round == 0 && bound > ConeAtoms.sharpening * cut) { break }
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
    projection.writeEdgeWeights(at: point, into: edgeWeights)
    for i in 0..<h * lanes { scores[i] = 0 }
    for g in 0..<termCount {
      let term = terms[g]
      weights[g] = max(0, sign * alongs[g]) + (entries > 1 ? 0.3 * sizes[Int(term)] : 0)
    }
    ck_cone_term_scores(
      values, starts, weights, termCount, h, lanes, edgeWeights, scores)
    if entries > 1 { addCurvature() }
    node.edge = projection.edge(scores: scores, depth: node.depth)
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
