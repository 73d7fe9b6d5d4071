package import Tensors

/// Homogeneous polynomials of even degree on the unit sphere, as quadratic forms in monomials.
///
/// For `k = 1 ... order` let `v_k(u)` hold the monomials `u^a` of degree `k`, each times the root of its multinomial
/// coefficient `k! / a!`, so that
///
///     v_k(x) . v_k(u) = (x . u)^k,        |v_k(u)| = |u|^k = 1 on the sphere.
///
/// A symmetric matrix `G` stands for the polynomial `v' G v` of degree `2 k`. Entries whose monomials agree are
/// interchangeable: only their weighted sum, a *coefficient*, matters. A *moment* is the value of a linear functional at a
/// monomial; the matrix of moments of a measure on the sphere is positive semidefinite with trace one.
package struct SphereForms: Sendable {
  /// Tables of one degree.
  private struct Level: Sendable {
    /// Exponents of the monomials of degree `k`, `[count, h]`.
    let exponents: [UInt8]
    /// Root of the multinomial coefficient of each monomial.
    let scales: [Double]
    /// Coefficient that each entry of a matrix belongs to, `[count, count]`.
    let places: [Int32]
    /// Sum of the squared weights of the entries of each coefficient.
    let energies: [Double]
    /// Multinomial coefficient `(2 k)! / c!` of each monomial of degree `2 k`.
    let multinomials: [Double]
    /// Exponents of the monomials of degree `2 k`.
    let fullExponents: [UInt8]
    /// For each coordinate, the place of a monomial times its square among those of degree `2 k + 2`.
    var raised: [[Int32]] = []
  }

  /// Number of coordinates `h`.
  package let dimension: Int
  /// Half the degree of the polynomials.
  package let order: Int
  private var levels: [Level] = []

  /// Tables for polynomials of degree `2 order` in `dimension` coordinates.
  ///
  /// - Complexity: O(`size^2`) time and memory, with `size` the number of monomials of degree `order`.
  package init(dimension: Int, order: Int) {
    (self.dimension, self.order) = (dimension, order)
    var indices: [[UInt64: Int32]] = []
    let keys = Self.keys(dimension)
    for k in 1...order {
      let exponents = Self.exponents(dimension, degree: k)
      let full = Self.exponents(dimension, degree: 2 * k)
      let codes = Self.codes(exponents, keys)
      let fullCodes = Self.codes(full, keys)
      var index: [UInt64: Int32] = [:]
      for (place, code) in fullCodes.enumerated() { index[code] = Int32(place) }
      precondition(index.count == fullCodes.count, "SphereForms: two monomials share a code")
      let scales = Self.multinomials(exponents, dimension, degree: k).map { $0.squareRoot() }
      let size = scales.count
      var places = [Int32](repeating: 0, count: size * size)
      var energies = [Double](repeating: 0, count: fullCodes.count)
      for i in 0..<size {
        for j in 0..<size {
          let place = index[codes[i] &+ codes[j]] ?? 0
          places[i * size + j] = place
          let weight = scales[i] * scales[j]
          energies[Int(place)] += weight * weight
        }
      }
      levels.append(
        Level(
          exponents: exponents, scales: scales, places: places, energies: energies,
          multinomials: Self.multinomials(full, dimension, degree: 2 * k), fullExponents: full))
      indices.append(index)
    }
    for k in 1..<order {
      let codes = Self.codes(levels[k - 1].fullExponents, keys)
      levels[k - 1].raised = keys.map { key in
        codes.map { indices[k][$0 &+ 2 &* key] ?? 0 }
      }
    }
  }

  /// Number of monomials of a degree.
  package func size(_ k: Int) -> Int { levels[k - 1].scales.count }
  /// Number of monomials of degree `order`.
  package var size: Int { size(order) }

  /// The number of monomials of a degree in some coordinates.
  package static func size(dimension: Int, degree: Int) -> Int {
    (0..<degree).reduce(1) { $0 * (dimension + $1) / ($1 + 1) }
  }

  /// Writes `v_k` of rows `[count, h]` to `values`, `[count, size(k)]`.
  package func powers(
    _ rows: UnsafePointer<Double>, count: Int, degree k: Int,
    into values: UnsafeMutablePointer<Double>
  ) {
    let (h, level) = (dimension, levels[k - 1])
    let size = level.scales.count
    for r in 0..<count {
      for i in 0..<size {
        var product = level.scales[i]
        for e in 0..<h {
          for _ in 0..<level.exponents[i * h + e] { product *= rows[r * h + e] }
        }
        values[r * size + i] = product
      }
    }
  }

  /// The coefficients of `v_k' matrix v_k`.
  package func coefficients(of matrix: Matrix, degree k: Int) -> [Double] {
    let level = levels[k - 1]
    let size = level.scales.count
    var result = [Double](repeating: 0, count: level.energies.count)
    for i in 0..<size {
      for j in 0..<size {
        let e = i * size + j
        result[Int(level.places[e])] += level.scales[i] * level.scales[j] * matrix.elements[e]
      }
    }
    return result
  }

  /// The least matrix of degree `order` with given coefficients.
  package func matrix(ofCoefficients coefficients: [Double]) -> Matrix {
    matrix(ofMoments: zip(coefficients, levels[order - 1].energies).map { $0 / $1 }, degree: order)
  }

  /// The matrix of moments: entry `(i, j)` is the functional at `v_k[i] v_k[j]`.
  package func matrix(ofMoments moments: [Double], degree k: Int) -> Matrix {
    let level = levels[k - 1]
    let size = level.scales.count
    var result = Matrix(rows: size, columns: size)
    for i in 0..<size {
      for j in 0..<size {
        let e = i * size + j
        result.elements[e] = level.scales[i] * level.scales[j] * moments[Int(level.places[e])]
      }
    }
    return result
  }

  /// The moments of degree `2 order` whose matrix is nearest to a matrix.
  package func moments(nearest matrix: Matrix) -> [Double] {
    zip(coefficients(of: matrix, degree: order), levels[order - 1].energies).map { $0 / $1 }
  }

  /// Moments of degree `2 k` from those of degree `2 k + 2`, since `|u| = 1`.
  package func lowered(_ moments: [Double], toDegree k: Int) -> [Double] {
    let level = levels[k - 1]
    var result = [Double](repeating: 0, count: level.energies.count)
    for places in level.raised {
      for i in result.indices { result[i] += moments[Int(places[i])] }
    }
    return result
  }

  /// Adds the coefficients of degree `2 k`, times `|u|^2`, to coefficients of degree `2 k + 2`.
  package func raise(_ coefficients: [Double], fromDegree k: Int, into result: inout [Double]) {
    for places in levels[k - 1].raised {
      for i in coefficients.indices { result[Int(places[i])] += coefficients[i] }
    }
  }

  /// A bound on `|sum_c r_c u^c|` over unit `u`, up to rounding.
  ///
  /// By Cauchy-Schwarz, since the squares `(2 k)! / c! u^(2 c)` add up to `|u|^(4 k) = 1`.
  package func largestValue(ofCoefficients r: [Double]) -> Double {
    zip(r, levels[order - 1].multinomials).reduce(0) { $0 + $1.0 * $1.0 / $1.1 }.squareRoot()
  }

  /// The moments of degree `2 order` of the uniform measure on the sphere.
  package var uniformMoments: [Double] {
    let h = dimension
    let full = levels[order - 1].fullExponents
    let scale = (0..<order).reduce(1.0) { $0 * Double(h + 2 * $1) }
    return (0..<full.count / h).map { c in
      var product = 1 / scale
      for e in 0..<h {
        let power = Int(full[c * h + e])
        guard power % 2 == 0 else { return 0 }
        for odd in stride(from: 1, to: power, by: 2) { product *= Double(odd) }
      }
      return product
    }
  }

  /// All exponents of a degree, in lexicographic order.
  private static func exponents(_ h: Int, degree: Int) -> [UInt8] {
    var result: [UInt8] = []
    var current = [UInt8](repeating: 0, count: h)
    func fill(_ e: Int, _ left: Int) {
      if e == h - 1 {
        current[e] = UInt8(left)
        result += current
        return
      }
      for power in stride(from: left, through: 0, by: -1) {
        current[e] = UInt8(power)
        fill(e + 1, left - power)
      }
    }
    fill(0, degree)
    return result
  }

  /// `degree! / a!` of each monomial.
  private static func multinomials(_ exponents: [UInt8], _ h: Int, degree: Int) -> [Double] {
    let factorials = (0...degree).map { (0..<$0).reduce(1.0) { $0 * Double($1 + 1) } }
    return (0..<exponents.count / h).map { i in
      (0..<h).reduce(factorials[degree]) { $0 / factorials[Int(exponents[i * h + $1])] }
    }
  }

  /// Odd numbers, one for each coordinate: the code of a product of monomials is the sum of their codes.
  private static func keys(_ h: Int) -> [UInt64] {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    return (0..<h).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state ^ (state >> 29)) | 1
    }
  }

  private static func codes(_ exponents: [UInt8], _ keys: [UInt64]) -> [UInt64] {
    (0..<exponents.count / keys.count).map { i in
      keys.indices.reduce(UInt64(0)) {
        $0 &+ UInt64(exponents[i * keys.count + $1]) &* keys[$1]
      }
    }
  }
}
