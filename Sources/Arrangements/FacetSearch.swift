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
  let dimension: Int
  let lineCount: Int
  private let deepest: DeepestPoint
  private let noise: UnsafeMutablePointer<Double>
  private static let noiseCount = 256
  /// Products below this part of the product of the lengths count as zero until proven otherwise.
  private static let tolerance = 1e-10
  private var noisePlace = 0

  /// The rows, one after another, and by columns.
  let elements: UnsafeMutablePointer<Double>
  private let columns: UnsafeMutablePointer<Double>
  private let products: UnsafeMutablePointer<Double>
  private let span: UnsafeMutablePointer<Double>
  private let trial: UnsafeMutablePointer<Double>
  private let direction: UnsafeMutablePointer<Double>

  // Of the present cell.
  /// `1 / (a_j . w)`, with the sign of the row's bit.
  let inverses: UnsafeMutablePointer<Double>
  /// Bound on the error of `(a_j . u) / (a_j . w)`, over one plus its modulus.
  private var slip = 0.0
  /// Whether nothing is known about a line yet.
  let isLive: UnsafeMutablePointer<Bool>
  /// Facets found so far, and their rows times powers of two, `dimension` numbers each.
  let facets: UnsafeMutablePointer<Int32>
  let facetRows: UnsafeMutablePointer<Double>
  private(set) var facetCount = 0
  /// The row in question, times a power of two.
  let row: UnsafeMutablePointer<Double>
  let basis: FacetBasis
  /// Exchanges since the basis was last inverted.
  private var exchangeCount = 0
  let exactBasis: FacetBasis
  var signs: ExactSigns

  /// Memory for cells of one arrangement.
  init(_ plan: FacetPlan) {
    self.plan = plan
    let (n, d) = (plan.lineCount, plan.dimension)
    (lineCount, dimension) = (n, d)
    deepest = DeepestPoint(
      rows: plan.elements, inverseNorms: plan.inverseNorms, dimension: d)
    signs = ExactSigns(rows: plan.rows, flag: (0..<d * d).map { $0 / d == $0 % d ? 1 : 0 })
    func memory<T>(_ count: Int, _ value: T) -> UnsafeMutablePointer<T> {
      let result = UnsafeMutablePointer<T>.allocate(capacity: count)
      result.initialize(repeating: value, count: count)
      return result
    }
    noise = memory(Self.noiseCount, 0)
    var generator = SeededGenerator(seed: 0)
    for i in 0..<Self.noiseCount { noise[i] = generator.normal() }
    elements = memory(n * d, 0)
    for i in 0..<n * d { elements[i] = plan.elements[i] }
    columns = memory(d * plan.stride, 0)
    for i in 0..<d * plan.stride { columns[i] = plan.columns[i] }
    products = memory(plan.stride, 0)
    span = memory(d * d, 0)
    trial = memory(d, 0)
    direction = memory(d, 0)
    inverses = memory(n, 0)
    isLive = memory(n, true)
    facets = memory(n, 0)
    facetRows = memory(n * d, 0)
    row = memory(d, 0)
    basis = FacetBasis(dimension: d)
    exactBasis = FacetBasis(dimension: d)
  }

  deinit {
    noise.deallocate()
    elements.deallocate()
    columns.deallocate()
    products.deallocate()
    span.deallocate()
    trial.deallocate()
    direction.deallocate()
    inverses.deallocate()
    isLive.deallocate()
    facets.deallocate()
    facetRows.deallocate()
    row.deallocate()
  }

  /// The facets of the cell of a packed pattern, ascending.
  ///
  /// - Returns: `nil` when floating point does not prove which lines are facets; always so for
  ///   patterns of no cell.
  func facets(of bits: UnsafePointer<UInt64>) -> [Int]? {
    guard prepare(bits), findFirstBasis() else { return nil }
    for j in 0..<lineCount where isLive[j] {
      guard locate(j) else { return nil }
    }
    return (0..<facetCount).map { Int(facets[$0]) }.sorted()
  }

  /// All lines, those nearest to about the deepest point of a cell first.
  func linesByDistance(_ bits: UnsafePointer<UInt64>) -> [Int] {
    _ = deepest.solve(bits)
    ck_sweep_restrict(columns, plan.stride, deepest.point, dimension, lineCount, products)
    let distances = (0..<lineCount).map { j in
      let distance = abs(products[j]) * plan.inverseNorms[j]
      return distance.isNaN ? .infinity : distance
    }
    return (0..<lineCount).sorted { i, j in
      distances[i] < distances[j] || (distances[i] == distances[j] && i < j)
    }
  }

  /// Finds a point inside and forgets the cell before.
  private func prepare(_ bits: UnsafePointer<UInt64>) -> Bool {
    let margin = deepest.solve(bits)
    let rounding = Double(dimension + 3) * 0x1p-52
    guard margin > 8 * rounding else { return false }
    slip = 2 * rounding / (margin - rounding) + 0x1p-50
    guard slip < 1e-4 else { return false }
    ck_sweep_restrict(columns, plan.stride, deepest.point, dimension, lineCount, products)
    for j in 0..<lineCount {
      inverses[j] = 1 / products[j]
      isLive[j] = true
    }
    facetCount = 0
    noisePlace = 0
    return true
  }

  private func nextNoise() -> Double {
    noisePlace = (noisePlace + 1) % Self.noiseCount
    return noise[noisePlace]
  }

  private func length(_ u: UnsafePointer<Double>) -> Double {
    var sum = 0.0
    for k in 0..<dimension { sum += u[k] * u[k] }
    return sum.squareRoot()
  }

  /// Writes a row times the power of two that brings it near the plane `x . w = 1`.
  private func load(_ line: Int, into target: UnsafeMutablePointer<Double>) {
    let factor = Double(
      sign: inverses[line].sign, exponent: Int(inverses[line].exponent), significand: 1)
    for k in 0..<dimension { target[k] = elements[line * dimension + k] * factor }
  }

  /// Looks for the row that is least in a direction of length at most one.
  ///
  /// - Parameters:
  ///   - u: The direction.
  ///   - sign: 1, or -1 for the opposite direction, whose products are those of the call before.
  /// - Returns: The line, which is a facet; -1 when two are too close.
  private func shoot(_ u: UnsafePointer<Double>, sign: Double = 1) -> Int {
    if sign > 0 { ck_sweep_restrict(columns, plan.stride, u, dimension, lineCount, products) }
    var (best, least, second) = (0, Double.infinity, Double.infinity)
    for j in 0..<lineCount {
      let value = sign * products[j] * inverses[j]
      if value < second {
        if value < least {
          (best, second, least) = (j, least, value)
        } else {
          second = value
        }
      }
    }
    guard second < .infinity else { return best }
    return least + slip * (1 + abs(least)) < second - slip * (1 + abs(second)) ? best : -1
  }

  private func add(_ line: Int) {
    load(line, into: facetRows + facetCount * dimension)
    facets[facetCount] = Int32(line)
    facetCount += 1
    isLive[line] = false
  }

  /// Finds as many independent facets as there are dimensions.
  ///
  /// In the complement of the span of those found so far they all have value zero, so that a row with
  /// a value below zero is independent of them. Ties are broken by a small part along the span.
  private func findFirstBasis() -> Bool {
    let d = dimension
    var attempt = 0
    while facetCount < d {
      guard attempt < 24 else { return false }
      for k in 0..<d { trial[k] = nextNoise() }
      project(trial, count: facetCount)
      if attempt > 1 {
        let along = Double(sign: .plus, exponent: -attempt, significand: 1)
        for k in 0..<d { trial[k] += along * nextNoise() }
      }
      let norm = length(trial)
      guard norm > 0 else { return false }
      for k in 0..<d { trial[k] /= norm }
      attempt += 1
      if accept(shoot(trial)) || accept(shoot(trial, sign: -1)) { attempt = 0 }
    }
    for i in 0..<d { basis.lines[i] = facets[i] }
    exchangeCount = 0
    return basis.invert { facetRows[$0 * d + $1] } != 0
  }

  /// Adds a facet to the first basis when it is clearly independent of those before.
  private func accept(_ line: Int) -> Bool {
    guard line >= 0, isLive[line] else { return false }
    let rest = span + facetCount * dimension
    for k in 0..<dimension { rest[k] = elements[line * dimension + k] * plan.inverseNorms[line] }
    project(rest, count: facetCount)
    let norm = length(rest)
    guard norm > 1e-7 else { return false }
    for k in 0..<dimension { rest[k] /= norm }
    add(line)
    return true
  }

  /// Leaves of a vector what is orthogonal to the first vectors of the span.
  private func project(_ vector: UnsafeMutablePointer<Double>, count: Int) {
    for _ in 0..<2 {
      for q in 0..<count {
        let base = span + q * dimension
        var product = 0.0
        for k in 0..<dimension { product += base[k] * vector[k] }
        for k in 0..<dimension { vector[k] -= product * base[k] }
      }
    }
  }

  /// Decides about a row: walks until a basis contains it or it turns out to be a facet.
  private func locate(_ line: Int) -> Bool {
    let d = dimension
    load(line, into: row)
    let limit = 16 * (d + 4)
    for step in 0..<4 * limit {
      if exchangeCount >= 8 { reinvert() }
      // Large steps first; from then on Bland's rule, which does not cycle.
      let isCareful = step >= limit
      let place = leavingPlace(isCareful)
      if place < 0 {
        if certify(line) { return true }
        // A basis that has lost its accuracy proves nothing.
        guard exchangeCount > 0 else { return false }
        reinvert()
        continue
      }
      for k in 0..<d { direction[k] = basis.directions[place * d + k] }
      var index = enteringFacet(isCareful)
      if index < 0 {
        let found = findBeyond()
        if found < 0 {
          guard exchangeCount > 0 else { return false }
          reinvert()
          continue
        }
        add(found)
        if found == line { return true }
        index = facetCount - 1
        guard cut(index) < 0 else { continue }
      }
      basis.exchange(place, for: facets[index], facetRows + index * d)
      exchangeCount += 1
    }
    return false
  }

  /// Computes the directions of the basis afresh.
  func reinvert() {
    let d = dimension
    exchangeCount = 0
    _ = basis.invert { i, k in facetRows[facetIndex(basis.lines[i]) * d + k] }
  }

  /// Where a line is among the facets.
  func facetIndex(_ line: Int32) -> Int {
    for index in 0..<facetCount where facets[index] == line { return index }
    return 0
  }

  private func isInBasis(_ line: Int32) -> Bool {
    for i in 0..<dimension where basis.lines[i] == line { return true }
    return false
  }

  /// A place of the basis where the row's coordinate is below zero; -1 when there is none.
  private func leavingPlace(_ isCareful: Bool) -> Int {
    let d = dimension
    var (best, least) = (-1, 0.0)
    for i in 0..<d {
      let (value, size) = product(basis.directions + i * d, row)
      guard value < -Self.tolerance * size else { continue }
      if isCareful {
        if best < 0 || basis.lines[i] < basis.lines[best] { best = i }
      } else if value < least * size {
        (best, least) = (i, value / size)
      }
    }
    return best
  }

  /// The product of a facet's row with the direction where it is clearly below zero; 0 elsewhere.
  @inline(__always)
  private func cut(_ index: Int) -> Double {
    let (value, size) = product(direction, facetRows + index * dimension)
    return value < -Self.tolerance * size ? value : 0
  }

  /// A product, and where it is below zero the product of the lengths.
  @inline(__always)
  private func product(
    _ u: UnsafePointer<Double>, _ x: UnsafePointer<Double>
  ) -> (value: Double, size: Double) {
    var (value, first, second) = (0.0, 0.0, 0.0)
    for k in 0..<dimension {
      value += u[k] * x[k]
      first += u[k] * u[k]
      second += x[k] * x[k]
    }
    return (value, value < 0 ? (first * second).squareRoot() : 0)
  }

  /// A known facet that the direction crosses; -1 when there is none.
  private func enteringFacet(_ isCareful: Bool) -> Int {
    var (best, least) = (-1, 0.0)
    for index in 0..<facetCount {
      let value = cut(index)
      guard value < 0, !isInBasis(facets[index]) else { continue }
      if isCareful {
        if best < 0 || facets[index] < facets[best] { best = index }
      } else if value < least {
        (best, least) = (index, value)
      }
    }
    return best
  }

  /// A new facet in about the present direction; -1 when none can be proven.
  private func findBeyond() -> Int {
    let norm = length(direction)
    guard norm.isNormal else { return -1 }
    for attempt in 0..<12 {
      let part = attempt == 0 ? 0 : Double(sign: .plus, exponent: -3 * attempt, significand: 1)
      for k in 0..<dimension { trial[k] = direction[k] / norm + part * nextNoise() }
      let size = max(1, length(trial))
      for k in 0..<dimension { trial[k] /= size }
      let found = shoot(trial)
      if found >= 0, isLive[found] { return found }
    }
    return -1
  }
}
