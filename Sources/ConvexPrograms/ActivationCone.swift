public import Tensors

/// The closure of a cell, or of several with the same features: `{v : G v >= 0}`.
public struct ActivationCone: Sendable, Equatable {
  /// Inward unit normals `G` of the facets, shape `[facets, h]`.
  public let facets: Matrix

  /// The cone between hyperplanes.
  ///
  /// - Parameter normals: Inward normals, none zero, shape `[facets, h]`; they are scaled to unit length.
  public init(normals: Matrix) { facets = normals.withUnitRows }

  /// Whether a vector lies in the cone, up to `tolerance` times its norm.
  public func contains(_ vector: [Double], tolerance: Double = 1e-12) -> Bool {
    let products = BLAS.product(
      facets, .plain, Matrix(rows: vector.count, columns: 1, elements: vector)
    ).elements
    let least = -tolerance * BLAS.norm(vector)
    return products.allSatisfy { $0 >= least }
  }

  /// The nearest point of the cone.
  ///
  /// - Parameter vector: Length `h`.
  /// - Returns: `argmin_{G v >= 0} |v - vector|`. Its norm is `max_{G u >= 0, |u| <= 1} u . vector`.
  /// - Complexity: O(`facets h`) per change of the active facets, of which there are seldom more than `h`.
  /// - Accuracy: `1e-13 |vector|` where facets do not nearly coincide (`ActivationConeIdentityTests`).
  public func projection(of vector: [Double]) -> [Double] {
    precondition(
      vector.count == facets.columns,
      "projection(of:): expected length \(facets.columns), found \(vector.count)")
    var projector = ConeProjector(dimension: facets.columns)
    vector.withUnsafeBufferPointer { vector in
      guard let vector = vector.baseAddress else { return }
      projector.project(vector, onto: self)
    }
    return projector.point
  }
}

extension [ActivationCone] {
  /// The first cone that contains the filter of a neuron.
  ///
  /// - Throws: `ProgramError` when none does.
  func place(ofFilter neuron: Int, _ filter: [Double]) throws -> Int {
    guard let place = firstIndex(where: { $0.contains(filter) }) else {
      throw ProgramError(
        place: "network filter \(neuron)", expected: "a filter in one of the \(count) cones",
        found: "one in none of them", advice: "Build the program over all cells.")
    }
    return place
  }
}

/// Projections onto cones of one dimension, with their working memory.
///
/// Non-negative least squares over the multipliers of the facets: `v = z + G' m`, `m >= 0`.
///
/// - Source: Lawson & Hanson, *Solving Least Squares Problems*, 1974, chapter 23.
package struct ConeProjector {
  /// The last projection.
  package private(set) var point: [Double]
  /// Norm of the last projection.
  package private(set) var norm = 0.0
  /// Number of facets that the last projection lies on; they are independent.
  package var activeCount: Int { active.count }
  /// Orthonormal basis of the span of the normals of the active facets, a row each.
  package private(set) var basis: [Double]
  private let h: Int
  private var active: [Int] = []
  /// Multipliers of the active facets, and those that `solve` finds for them.
  private var multipliers: [Double] = []
  private var candidate: [Double] = []
  private var triangle: [Double]

  package init(dimension: Int) {
    h = dimension
    point = [Double](repeating: 0, count: dimension)
    basis = [Double](repeating: 0, count: dimension * dimension)
    triangle = basis
    active.reserveCapacity(dimension + 1)
    multipliers.reserveCapacity(dimension + 1)
    candidate = [Double](repeating: 0, count: dimension + 1)
  }

  /// Projects a vector of length `h`; `point`, `norm`, `activeCount` and `basis` then belong to it.
  package mutating func project(_ z: UnsafePointer<Double>, onto cone: ActivationCone) {
    cone.facets.elements.withUnsafeBufferPointer { facets in
      search(z, facets, count: cone.facets.rows)
    }
    norm = BLAS.dot(h, point, point).squareRoot()
  }

  /// An orthonormal basis of the span of the face that holds the last projection; the first vector points to it.
  ///
  /// - Precondition: The last projection is not zero.
  package func faceBasis() -> [[Double]] {
    var known = (0..<active.count).map { Array(basis[$0 * h..<($0 + 1) * h]) }
    var found = [point.map { $0 / norm }]
    known.append(found[0])
    while known.count < h {
      // The coordinate direction farthest from the span so far completes it best.
      var (best, longest) = ([Double](), 0.0)
      for axis in 0..<h {
        var vector = [Double](repeating: 0, count: h)
        vector[axis] = 1
        for _ in 0..<2 {
          for other in known { BLAS.add(-BLAS.dot(vector, other), other, to: &vector) }
        }
        let length = BLAS.norm(vector)
        if length > longest { (best, longest) = (vector.map { $0 / length }, length) }
      }
      known.append(best)
      found.append(best)
    }
    return found
  }

  private mutating func search(
    _ z: UnsafePointer<Double>, _ facets: UnsafeBufferPointer<Double>, count: Int
  ) {
    active.removeAll(keepingCapacity: true)
    multipliers.removeAll(keepingCapacity: true)
    for e in 0..<h { point[e] = z[e] }
    let size = BLAS.dot(h, z, z).squareRoot()
    for _ in 0..<10 * (count + h) {
      let length = BLAS.dot(h, point, point).squareRoot()
      var (entering, least) = (-1, -1e-14 * length - 4e-16 * size)
      for f in 0..<count where !active.contains(f) {
        var product = 0.0
        for e in 0..<h { product += facets[f * h + e] * point[e] }
        if product < least { (entering, least) = (f, product) }
      }
      guard entering >= 0 else { return }
      guard active.count < h else { break }
      guard enter(entering, z, facets) else { return }
    }
    // All directions are blocked: the vector lies in the polar cone.
    for e in 0..<h { point[e] = 0 }
  }

  /// Takes a facet in and drops those whose multiplier would be negative; false when rounding forbids it.
  private mutating func enter(
    _ facet: Int, _ z: UnsafePointer<Double>, _ facets: UnsafeBufferPointer<Double>
  ) -> Bool {
    active.append(facet)
    multipliers.append(0)
    var isFirst = true
    while true {
      let isIndependent = solve(z, facets)
      guard isIndependent, !isFirst || candidate[active.count - 1] > 0 else {
        active.removeLast()
        multipliers.removeLast()
        _ = solve(z, facets)
        moveToFace(z)
        return false
      }
      isFirst = false
      var step = Double.infinity
      for i in active.indices { step = min(step, wayToZero(i)) }
      if step == .infinity {
        for i in active.indices { multipliers[i] = candidate[i] }
        moveToFace(z)
        return true
      }
      step = min(1, step)
      for i in active.indices.reversed() {
        let isDropped = wayToZero(i) <= step * (1 + 1e-12)
        multipliers[i] += step * (candidate[i] - multipliers[i])
        if isDropped {
          active.remove(at: i)
          multipliers.remove(at: i)
        }
      }
    }
  }

  /// The share of the way to its candidate at which a multiplier vanishes; infinite where it stays positive.
  private func wayToZero(_ i: Int) -> Double {
    candidate[i] > 0 ? .infinity : multipliers[i] / (multipliers[i] - candidate[i])
  }

  /// Multipliers of the least-squares problem on the active facets into the front of `candidate`; false when they are dependent.
  private mutating func solve(
    _ z: UnsafePointer<Double>, _ facets: UnsafeBufferPointer<Double>
  ) -> Bool {
    let q = active.count
    for i in 0..<q {
      let f = active[i]
      for e in 0..<h { basis[i * h + e] = facets[f * h + e] }
      for j in 0..<i { triangle[j * h + i] = 0 }
      // Orthogonalised twice: normals of thin cones nearly coincide.
      for _ in 0..<2 {
        for j in 0..<i {
          var product = 0.0
          for e in 0..<h { product += basis[j * h + e] * basis[i * h + e] }
          triangle[j * h + i] += product
          for e in 0..<h { basis[i * h + e] -= product * basis[j * h + e] }
        }
      }
      var square = 0.0
      for e in 0..<h { square += basis[i * h + e] * basis[i * h + e] }
      let length = square.squareRoot()
      guard length > 1e-13 else { return false }
      triangle[i * h + i] = length
      for e in 0..<h { basis[i * h + e] /= length }
    }
    for i in (0..<q).reversed() {
      var sum = 0.0
      for e in 0..<h { sum -= basis[i * h + e] * z[e] }
      for j in i + 1..<max(q, i + 1) { sum -= triangle[i * h + j] * candidate[j] }
      candidate[i] = sum / triangle[i * h + i]
    }
    return true
  }

  /// The projection on the span of the face, twice against rounding.
  private mutating func moveToFace(_ z: UnsafePointer<Double>) {
    for e in 0..<h { point[e] = z[e] }
    for _ in 0..<2 {
      for i in 0..<active.count {
        var product = 0.0
        for e in 0..<h { product += basis[i * h + e] * point[e] }
        for e in 0..<h { point[e] -= product * basis[i * h + e] }
      }
    }
    if active.count == h { for e in 0..<h { point[e] = 0 } }
  }
}
