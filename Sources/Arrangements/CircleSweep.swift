import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Sweeps along the great circles where rows of three entries vanish; one thread's workspace.
///
/// On the circle of row `i`, row `j` vanishes at the two directions of `x_i x x_j`. Passing that
/// direction counterclockwise about `x_i`, row `j` goes from active to inactive, and back at the
/// opposite one. The order of `x_i x x_j` and `x_i x x_k` within a half turn is the sign of
/// `det(x_i, x_j, x_k)`, since `(x_i x x_j) x (x_i x x_k) = det(x_i, x_j, x_k) x_i`.
struct CircleSweep {
  /// Where a row vanishes on the first half of the circle.
  private struct Crossing {
    let line: Int
    /// Whether the direction is `x_i x x_j` itself, and not its opposite.
    let isDirect: Bool
    let product: SpatialArrangement.Product
    let angle: Double
    let cosine: Double
    let sine: Double
  }

  private let arrangement: SpatialArrangement
  private let correlation: PooledCorrelation
  // Copies of its own for each workspace, since threads that count references to one slow each other.
  private let entryCount: Int
  private let outputCount: Int
  private let numbers: [Double]
  /// Terms of line `l` are those from `firstTerms[l]` to `firstTerms[l + 1]`.
  private let firstTerms: [Int]
  private let offsets: [Int]
  private let coefficients: [Double]
  private var crossings: [Crossing] = []
  /// Lines that vanish on the whole circle.
  private var parallels: [Int] = []
  private var isActive: [Bool]
  private var map: CompensatedMap
  private var normal = SIMD3<Double>.zero
  private var basis = (SIMD3<Double>.zero, SIMD3<Double>.zero)
  /// What the lines of the circle add on its positive and its negative side, `[a c, 3]`.
  private var sides: [[Double]] = [[], []]
  private var violator = 0
  private var planar: [Double]
  private var best: (norm: Double, filter: [Double])?

  init(_ arrangement: SpatialArrangement) {
    self.arrangement = arrangement
    correlation = arrangement.correlation
    (entryCount, outputCount) = (correlation.entryCount, correlation.outputCount)
    numbers = arrangement.numbers.map { $0 }
    let terms = arrangement.termsOfLine
    firstTerms = terms.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) }
    offsets = terms.joined().map { [correlation] term in
      Int(correlation.terms.windows[Int(term)]) * correlation.outputCount
    }
    coefficients = terms.joined().flatMap { [correlation] in
      correlation.coefficients.row(Int($0))
    }
    isActive = [Bool](repeating: false, count: arrangement.rowCount)
    map = CompensatedMap(correlation.linear.elements, columns: 3)
    planar = [Double](repeating: 0, count: 2 * correlation.entryCount)
  }

  /// Bounds all faces on the circle of a row, and the cells along it.
  ///
  /// - Parameters:
  ///   - i: The row; nothing is done when an earlier one has the same circle.
  ///   - known: Norms up to this need not be bounded.
  ///   - floor: Filters of the circle above this are candidates; at most `known`.
  /// - Returns: A bound not below `known`, and the filters found.
  mutating func sweep(_ i: Int, known: Double, floor: Double) -> AngularSweepRun.Part {
    var part = AngularSweepRun.Part(bound: known)
    guard collect(i) else { return part }
    start(i)
    best = nil
    var cells: [AngularSweepRun.Candidate] = []
    let count = crossings.count
    if count == 0 { measure(nil, nil, turn: 0, &part, floor: floor, &cells) }
    for step in 0..<2 * count {
      let crossing = crossings[step % count]
      pass(crossing, isSecondHalf: step >= count)
      let next = crossings[(step + 1) % count]
      measure(crossing, next, turn: step, &part, floor: floor, &cells)
    }
    part.candidates = cells
    if let best { part.candidates.append(.init(filter: best.filter, norm: best.norm)) }
    return part
  }

  // MARK: - The circle

  /// The crossings of a circle in order; `false` when an earlier row has the same circle.
  private mutating func collect(_ i: Int) -> Bool {
    crossings.removeAll(keepingCapacity: true)
    parallels.removeAll(keepingCapacity: true)
    normal = vector(i)
    normal /= (normal * normal).sum().squareRoot()
    var reference: SpatialArrangement.Product?
    for j in 0..<arrangement.rowCount {
      let product = arrangement.product(i, j)
      if product.x == 0 && product.y == 0 && product.z == 0 {
        guard j >= i else { return false }
        parallels.append(j)
        continue
      }
      var direction = SpatialArrangement.rounded(product)
      direction /= (direction * direction).sum().squareRoot()
      if reference == nil {
        reference = product
        basis = (direction, cross(normal, direction))
      }
      guard let reference else { continue }
      let side = arrangement.orientation(reference, j)
      let along = (direction * basis.0).sum()
      let isDirect = side > 0 || (side == 0 && along > 0)
      if !isDirect { direction = -direction }
      let (c, s) = ((direction * basis.0).sum(), (direction * basis.1).sum())
      crossings.append(
        Crossing(
          line: j, isDirect: isDirect, product: product,
          angle: side == 0 ? 0 : min(.pi, max(0, atan2(max(s, 0), c))), cosine: c, sine: s))
    }
    if reference == nil { chooseBasis() }
    sort()
    return true
  }

  private mutating func chooseBasis() {
    let axis = abs(normal.x) < 0.6 ? SIMD3<Double>(1, 0, 0) : SIMD3<Double>(0, 1, 0)
    var first = cross(normal, axis)
    first /= (first * first).sum().squareRoot()
    basis = (first, cross(normal, first))
  }

  /// Sorts by angle, and near angles by exact orientation.
  private mutating func sort() {
    crossings.sort { ($0.angle, $0.line) < ($1.angle, $1.line) }
    for k in crossings.indices.dropFirst() {
      var place = k
      while place > 0, isAfter(crossings[place - 1], crossings[place]) {
        crossings.swapAt(place - 1, place)
        place -= 1
      }
    }
  }

  /// Whether a crossing comes after another that it was put before.
  private func isAfter(_ a: Crossing, _ b: Crossing) -> Bool {
    guard b.angle - a.angle < 0x1p-44 else { return false }
    let sign = arrangement.orientation(a.product, b.line)
    return (a.isDirect == b.isDirect ? sign : -sign) < 0
  }

  // MARK: - The map

  /// The map just before the first crossing, and what the circle's own lines add beside it.
  private mutating func start(_ i: Int) {
    map = CompensatedMap(correlation.linear.elements, columns: 3)
    for crossing in crossings {
      isActive[crossing.line] = crossing.isDirect
      if crossing.isDirect { update(crossing.line, sign: 1) }
    }
    let zero = [Double](repeating: 0, count: 3 * correlation.entryCount)
    sides = [zero, zero]
    for j in parallels {
      let side = arrangement.cosine(i, j) > 0 ? 0 : 1
      for term in firstTerms[j]..<firstTerms[j + 1] {
        for t in 0..<outputCount {
          let b = coefficients[term * outputCount + t]
          let place = (offsets[term] + t) * 3
          for e in 0..<3 { sides[side][place + e] += b * numbers[3 * j + e] }
        }
      }
    }
  }

  private mutating func pass(_ crossing: Crossing, isSecondHalf: Bool) {
    let isOn = crossing.isDirect == isSecondHalf
    isActive[crossing.line] = isOn
    update(crossing.line, sign: isOn ? 1 : -1)
  }

  private mutating func update(_ line: Int, sign: Double) {
    numbers.withUnsafeBufferPointer { numbers in
      guard let numbers = numbers.baseAddress else { return }
      for term in firstTerms[line]..<firstTerms[line + 1] {
        for t in 0..<outputCount {
          let b = coefficients[term * outputCount + t]
          map.add(to: offsets[term] + t, sign * b, numbers, at: 3 * line)
        }
      }
    }
  }

  // MARK: - Bounds

  /// Bounds the arc after a crossing, and the two cells beside it.
  private mutating func measure(
    _ crossing: Crossing?, _ next: Crossing?, turn: Int, _ part: inout AngularSweepRun.Part,
    floor: Double, _ cells: inout [AngularSweepRun.Candidate]
  ) {
    part.arcCount += 1
    var (first, mixed, second) = (0.0, 0.0, 0.0)
    var (above, below) = (0.0, 0.0)
    for entry in 0..<entryCount {
      let row = SIMD3(map[3 * entry], map[3 * entry + 1], map[3 * entry + 2])
      let (f, s, g) = (
        (row * basis.0).sum(), (row * basis.1).sum(), (row * normal).sum()
      )
      (planar[2 * entry], planar[2 * entry + 1]) = (f, s)
      first += f * f
      mixed += f * s
      second += s * s
      let (p, q) = (g + along(0, entry), g + along(1, entry))
      above += p * p
      below += q * q
    }
    if first + second > floor * floor {
      measureArc(ArcMaximum(first, mixed, second), crossing, next, turn: turn, &part, floor: floor)
    }
    for (side, height) in [above, below].enumerated() {
      // The square of the norm of the cell's map.
      guard (first + second + height) * (1 + 0x1p-30) > part.bound * part.bound else { continue }
      measureCell(side: side, [crossing, next], &part, &cells)
    }
  }

  @inline(__always)
  private func along(_ side: Int, _ entry: Int) -> Double {
    let place = 3 * entry
    return sides[side][place] * normal.x + sides[side][place + 1] * normal.y
      + sides[side][place + 2] * normal.z
  }

  private mutating func measureArc(
    _ maximum: ArcMaximum, _ crossing: Crossing?, _ next: Crossing?, turn: Int,
    _ part: inout AngularSweepRun.Part, floor: Double
  ) {
    guard let crossing, let next else {
      if let peak = maximum.peak(from: 0, to: 2 * .pi) {
        note(cos(peak.angle), sin(peak.angle), peak.length, &part, floor: floor)
      }
      return
    }
    let count = crossings.count
    let half = turn >= count ? Double.pi : 0
    let isLast = turn % count == count - 1
    let end = next.angle + (isLast ? .pi : 0)
    if let peak = maximum.peak(from: crossing.angle, to: max(end, crossing.angle)) {
      note(cos(peak.angle + half), sin(peak.angle + half), peak.length, &part, floor: floor)
    }
    for (point, isOpposite) in [(crossing, turn >= count), (next, (turn >= count) != isLast)] {
      var square = 0.0
      for entry in 0..<entryCount {
        let x = planar[2 * entry] * point.cosine + planar[2 * entry + 1] * point.sine
        square += x * x
      }
      let sign: Double = isOpposite ? -1 : 1
      note(sign * point.cosine, sign * point.sine, square.squareRoot(), &part, floor: floor)
    }
  }

  private mutating func note(
    _ c: Double, _ s: Double, _ norm: Double, _ part: inout AngularSweepRun.Part, floor: Double
  ) {
    part.bound = max(part.bound, norm)
    guard norm > floor, norm > best?.norm ?? 0 else { return }
    let filter = c * basis.0 + s * basis.1
    best = (norm, [filter.x, filter.y, filter.z])
  }

  /// Bounds the inside of a cell beside the arc: its map's top singular vector, when it lies there.
  ///
  /// With `s` singular values of the map, the computed vector `v` is within
  /// `e / 2`, with `e = 8 sqrt(3) k 2^-52 mass s_1 / (s_1^2 - s_2^2)`, of the true one, where `k 2^-52` bounds
  /// the errors of the map's products. Rows have a length of at most 2, so `v` satisfies the cell's
  /// inequalities up to `e` when the maximum
  /// is inside, and the maximum is at most `min(s_1, |F(v)| + mass e)`. When `e` is not small, `s_1 - s_2`
  /// is within the margin, and the circle of the two vectors leads to the cell's boundary at no loss.
  private mutating func measureCell(
    side: Int, _ neighbors: [Crossing?], _ part: inout AngularSweepRun.Part,
    _ cells: inout [AngularSweepRun.Candidate]
  ) {
    let added = sides[side]
    let top = SymmetricThree(gramOf: { [map] in map[$0] + added[$0] }, rows: entryCount).top
    let norm = top.largest.squareRoot()
    guard norm > part.bound else { return }
    let errors = Double(entryCount + 40) * 0x1p-52
    let error =
      8 * 3.0.squareRoot() * errors * correlation.mass * norm / (top.largest - top.second)
    guard error < 0.25 else { return }
    for sign in [1.0, -1.0] {
      let v = sign * SIMD3(top.vector[0], top.vector[1], top.vector[2])
      let height = (v * normal).sum()
      guard side == 0 ? height >= -error : height <= error,
        neighbors.allSatisfy({ $0.map { agrees($0.line, v, error) } ?? true }),
        contains(v, error)
      else { continue }
      let filter = [v.x, v.y, v.z]
      let value = correlation.norm(at: filter)
      part.bound = max(part.bound, min(norm, value + correlation.mass * (error + 0x1p-41)))
      cells.append(.init(filter: filter, norm: value))
    }
  }

  private mutating func contains(_ v: SIMD3<Double>, _ error: Double) -> Bool {
    // Cells in succession are mostly left through the same row.
    guard violator >= crossings.count || agrees(crossings[violator].line, v, error) else {
      return false
    }
    for (place, crossing) in crossings.enumerated() where !agrees(crossing.line, v, error) {
      violator = place
      return false
    }
    return true
  }

  @inline(__always)
  private func agrees(_ line: Int, _ v: SIMD3<Double>, _ error: Double) -> Bool {
    let product = (vector(line) * v).sum()
    return isActive[line] ? product >= -error : product <= error
  }

  @inline(__always)
  private func vector(_ line: Int) -> SIMD3<Double> {
    let place = 3 * line
    return SIMD3(numbers[place], numbers[place + 1], numbers[place + 2])
  }

  @inline(__always)
  private func cross(_ a: SIMD3<Double>, _ b: SIMD3<Double>) -> SIMD3<Double> {
    SIMD3(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x)
  }
}
