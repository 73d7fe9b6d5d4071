import CKernels
import Tensors

/// Finds the facets of cells in floating point with proofs, using the same memory for every cell.
///
/// With `w` inside the cell, the rows `x_j = a_j / (a_j . w)` lie in the plane `x . w = 1`, and the
/// facets are the corners of their convex hull. A direction `u` in which one row is least, by more
/// than the rounding errors, proves that row a facet: `u - t w` is then on the wrong side of it alone.
/// A row that is a combination of `dimension` facets' rows with coefficients at least zero is none.
/// The search walks from one such basis to the next towards the row in question, as the simplex
/// method does; where it would leave the hull of the facets known so far, it finds another facet.
///
/// - Source: Clarkson, *More output-sensitive geometric algorithms*, FOCS 1994 (a linear program over
///   the known corners for every point); the walk and the proofs are this package's.
final class FacetSearch {
  let plan: FacetPlan
  private let deepest: DeepestPoint
  private var signs: ExactSigns
  private var generator = SeededGenerator(seed: 0)

  // Of the present cell.
  /// `1 / (a_j . w)`, with the sign of the row's bit.
  private let inverses: UnsafeMutablePointer<Double>
  private let products: UnsafeMutablePointer<Double>
  /// Bound on the error of `(a_j . u) / (a_j . w)`, over one plus its modulus.
  private var slip = 0.0
  private var isLive: [Bool]
  /// Facets found so far and their rows times powers of two, `dimension` numbers each.
  private var facets: [Int32] = []
  private var facetRows: [Double] = []
  private var basis: FacetBasis
  private var exactBasis: FacetBasis
  private var hasExactBasis = false
  private var direction: [Double]
  private var row: [Double]
  private var coordinates: [Double]

  /// Memory for cells of one arrangement.
  init(_ plan: FacetPlan) {
    self.plan = plan
    let (n, d) = (plan.lineCount, plan.dimension)
    deepest = DeepestPoint(
      rows: plan.elements, inverseNorms: plan.inverseNorms, dimension: d)
    signs = ExactSigns(
      rows: plan.rows, flag: (0..<d * d).map { $0 / d == $0 % d ? 1 : 0 })
    inverses = .allocate(capacity: n)
    inverses.initialize(repeating: 0, count: n)
    products = .allocate(capacity: plan.stride)
    products.initialize(repeating: 0, count: plan.stride)
    isLive = [Bool](repeating: true, count: n)
    basis = FacetBasis(dimension: d)
    exactBasis = FacetBasis(dimension: d)
    direction = [Double](repeating: 0, count: d)
    row = [Double](repeating: 0, count: d)
    coordinates = [Double](repeating: 0, count: d)
  }

  deinit {
    inverses.deallocate()
    products.deallocate()
  }

  /// The facets of the cell of a packed pattern, ascending.
  ///
  /// - Returns: `nil` when floating point proves neither that they are all nor that they are facets;
  ///   always so for patterns of no cell.
  func facets(of bits: UnsafePointer<UInt64>) -> [Int32]? {
    guard prepare(bits), findFirstBasis() else { return nil }
    for j in 0..<plan.lineCount where isLive[j] {
      guard locate(j) else { return nil }
    }
    return facets.sorted()
  }

  /// Finds a point inside and forgets the cell before.
  private func prepare(_ bits: UnsafePointer<UInt64>) -> Bool {
    let (n, d) = (plan.lineCount, plan.dimension)
    let margin = deepest.solve(bits)
    let rounding = Double(d + 3) * 0x1p-52
    guard margin > 8 * rounding else { return false }
    slip = 2 * rounding / (margin - rounding) + 0x1p-50
    guard slip < 1e-4 else { return false }
    ck_sweep_restrict(
      plan.columns, plan.stride, deepest.point, d, n, products)
    for j in 0..<n { inverses[j] = 1 / products[j] }
    for j in 0..<n { isLive[j] = true }
    facets.removeAll(keepingCapacity: true)
    facetRows.removeAll(keepingCapacity: true)
    generator = SeededGenerator(seed: 0)
    return true
  }

  /// Writes a row times the power of two that brings it near the plane `x . w = 1`.
  private func load(_ line: Int, into target: UnsafeMutablePointer<Double>) {
    let factor = Double(
      sign: inverses[line].sign, exponent: Int(inverses[line].exponent), significand: 1)
    for k in 0..<plan.dimension { target[k] = plan.elements[line * plan.dimension + k] * factor }
  }

  /// Looks for the row that is least in a direction of length at most one.
  ///
  /// - Returns: The line, which is a facet, and its value; `nil` when two are too close.
  private func shoot(_ u: [Double]) -> (line: Int, value: Double)? {
    ck_sweep_restrict(
      plan.columns, plan.stride, u, plan.dimension, plan.lineCount, products)
    var (best, least, second) = (0, Double.infinity, Double.infinity)
    for j in 0..<plan.lineCount {
      let value = products[j] * inverses[j]
      if value < second {
        if value < least {
          (best, second, least) = (j, least, value)
        } else {
          second = value
        }
      }
    }
    guard least + slip * (1 + abs(least)) < second - slip * (1 + abs(second)) || second == .infinity
    else { return nil }
    return (best, least)
  }

  private func add(_ line: Int) {
    let start = facetRows.count
    facets.append(Int32(line))
    for _ in 0..<plan.dimension { facetRows.append(0) }
    facetRows.withUnsafeMutableBufferPointer { buffer in
      if let base = buffer.baseAddress { load(line, into: base + start) }
    }
    isLive[line] = false
  }

  /// Finds as many independent facets as there are dimensions.
  private func findFirstBasis() -> Bool {
    let d = plan.dimension
    // Orthonormal basis of the span of the facets found so far.
    var span: [[Double]] = []
    for count in 0..<d {
      var attempt = 0
      while span.count == count {
        guard attempt < 24 else { return false }
        // In the complement of the span the facets so far have value zero, so that a row with a value
        // below zero is independent of them. Ties are broken by a small part along the span.
        var u = Self.remainder((0..<d).map { _ in generator.normal() }, span)
        let along = attempt < 2 ? 0 : Double(sign: .plus, exponent: -attempt, significand: 1)
        for k in 0..<d { u[k] += along * generator.normal() }
        let norm = BLAS.norm(u)
        guard norm > 0 else { return false }
        for sign in [1.0, -1.0] where span.count == count {
          guard let found = shoot(u.map { sign * $0 / norm }), isLive[found.line] else { continue }
          let rest = Self.remainder(
            (0..<d).map { plan.elements[found.line * d + $0] * plan.inverseNorms[found.line] },
            span)
          let length = BLAS.norm(rest)
          guard length > 1e-7 else { continue }
          span.append(rest.map { $0 / length })
          add(found.line)
        }
        attempt += 1
      }
    }
    for i in 0..<d { basis.place(facets[i], at: i) }
    return basis.invert { facetRows[$0 * d + $1] } != 0
  }

  /// What is left of a vector orthogonal to orthonormal ones.
  private static func remainder(_ vector: [Double], _ span: [[Double]]) -> [Double] {
    var rest = vector
    for _ in 0..<2 {
      for q in span {
        let product = BLAS.dot(q, rest)
        for k in rest.indices { rest[k] -= product * q[k] }
      }
    }
    return rest
  }

  /// Decides about a row: walks until a basis contains it or it turns out to be a facet.
  private func locate(_ line: Int) -> Bool {
    let d = plan.dimension
    row.withUnsafeMutableBufferPointer { if let base = $0.baseAddress { load(line, into: base) } }
    for _ in 0..<64 * (d + 4) {
      guard let place = mostNegative() else {
        guard certify() else { return false }
        return !isLive[line] || isImplied(line)
      }
      for k in 0..<d { direction[k] = basis.directions[place * d + k] }
      if let blocking = mostCut(place) {
        exchange(place, blocking)
        continue
      }
      guard let found = findBeyond() else { return false }
      add(found)
      if found == line { return true }
      let index = facets.count - 1
      if product(direction, index) < -tolerance(direction, index) { exchange(place, index) }
    }
    return false
  }

  private func exchange(_ place: Int, _ index: Int) {
    facetRows.withUnsafeBufferPointer { rows in
      if let base = rows.baseAddress {
        basis.exchange(place, for: facets[index], base + index * plan.dimension)
      }
    }
  }

  /// The place of the basis with the most negative coordinate of the row, relative to the direction.
  private func mostNegative() -> Int? {
    let d = plan.dimension
    var (best, least) = (-1, 0.0)
    for i in 0..<d {
      var (value, size, length) = (0.0, 0.0, 0.0)
      for k in 0..<d {
        let u = basis.directions[i * d + k]
        let product = u * row[k]
        value += product
        size += abs(product)
        length += abs(u)
      }
      if value < -1e-11 * size, value < least * length { (best, least) = (i, value / length) }
    }
    return best < 0 ? nil : best
  }

  private func product(_ u: [Double], _ index: Int) -> Double {
    var sum = 0.0
    for k in 0..<plan.dimension { sum += u[k] * facetRows[index * plan.dimension + k] }
    return sum
  }

  private func tolerance(_ u: [Double], _ index: Int) -> Double {
    var sum = 0.0
    for k in 0..<plan.dimension { sum += abs(u[k] * facetRows[index * plan.dimension + k]) }
    return 1e-11 * sum
  }

  /// The known facet with the most negative product with the direction.
  private func mostCut(_ place: Int) -> Int? {
    var (best, least) = (-1, 0.0)
    for index in facets.indices {
      let value = product(direction, index)
      if value < least, value < -tolerance(direction, index) { (best, least) = (index, value) }
    }
    return best < 0 ? nil : best
  }

  /// A new facet in about the present direction.
  private func findBeyond() -> Int? {
    let d = plan.dimension
    let norm = BLAS.norm(direction)
    guard norm.isNormal else { return nil }
    for attempt in 0..<12 {
      let noise = attempt == 0 ? 0 : Double(sign: .plus, exponent: -3 * attempt, significand: 1)
      var u = direction.map { $0 / norm }
      if attempt > 0 { for k in 0..<d { u[k] += noise * generator.normal() } }
      let length = max(1, BLAS.norm(u))
      if let found = shoot(u.map { $0 / length }), isLive[found.line] { return found.line }
    }
    return nil
  }

  private func facetIndex(_ line: Int32) -> Int { facets.firstIndex(of: line) ?? 0 }

  /// Strikes out all rows that the present basis proves to be combinations of its rows.
  ///
  /// - Returns: False when the basis is too ill conditioned for any proof.
  private func certify() -> Bool {
    let (n, d) = (plan.lineCount, plan.dimension)
    let places = basis.lines.map { facetIndex($0) * d }
    hasExactBasis = makeExact()
    if hasExactBasis {
      for j in 0..<n where isLive[j] {
        let start = j * d
        let isNegative = inverses[j] < 0
        var isInside = true
        for i in 0..<d where isInside {
          var sum = 0.0
          for k in 0..<d { sum += exactBasis.directions[i * d + k] * plan.elements[start + k] }
          isInside = isNegative ? sum <= 0 : sum >= 0
        }
        if isInside { isLive[j] = false }
      }
      return true
    }
    var defect = relativeDefect(places)
    if defect > 1e-9 {
      _ = basis.invert { facetRows[places[$0] + $1] }
      defect = relativeDefect(places)
      guard defect < 1e-3 else { return false }
    }
    let largest = basis.directions.reduce(0) { max($0, abs($1)) }
    for j in 0..<n where isLive[j] {
      let start = j * d
      let sign = inverses[j] < 0 ? -1.0 : 1
      let rounding = Double(d + 2) * Double(d) * 0x1p-52 * largest / plan.inverseNorms[j]
      var (least, most) = (Double.infinity, 0.0)
      for i in 0..<d {
        var sum = 0.0
        for k in 0..<d { sum += basis.directions[i * d + k] * plan.elements[start + k] }
        sum *= sign
        least = min(least, sum)
        guard least > rounding else { break }
        most = max(most, sum)
      }
      if least > rounding, least > 2 * defect * most + rounding { isLive[j] = false }
    }
    return true
  }

  private func relativeDefect(_ places: [Int]) -> Double {
    facetRows.withUnsafeBufferPointer { rows in
      guard let base = rows.baseAddress else { return .infinity }
      return basis.defect { base + places[$0] }
    }
  }

  /// Makes the basis exact when the rows are small integers.
  private func makeExact() -> Bool {
    guard let largest = plan.largestInteger else { return false }
    let d = plan.dimension
    func element(_ i: Int, _ k: Int) -> Double {
      let line = Int(basis.lines[i])
      let x = plan.elements[line * d + k]
      return inverses[line] < 0 ? -x : x
    }
    let determinant = exactBasis.invert(element)
    return exactBasis.makeExact(determinant: determinant, largest: largest, element)
  }

  /// Whether a row is a combination of the basis, by the exact signs of all coordinates.
  private func isImplied(_ line: Int) -> Bool {
    guard !hasExactBasis else { return false }
    let d = plan.dimension
    let chosen = basis.lines.map { Int($0) }
    let sign = signs.sign(chosen)
    guard sign != 0 else { return false }
    for i in 0..<d {
      var exchanged = chosen
      exchanged[i] = line
      let flips = (inverses[line] < 0) != (inverses[chosen[i]] < 0)
      if signs.sign(exchanged) * sign * (flips ? -1 : 1) < 0 { return false }
    }
    isLive[line] = false
    return true
  }
}
