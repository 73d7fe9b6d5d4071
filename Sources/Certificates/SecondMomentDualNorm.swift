import ConvexPrograms
import Tensors

/// Upper bound on the dual norm of networks whose activation is a polynomial of degree two, with linear pooling.
///
/// For the activation `a z^2 + b z + c` the correlation of a filter with output `t` of a dual point in window `q` is
/// `(u, 1)' S_qt (u, 1)` with
///
///     S_qt = sum_i Lambda[i, t] sum_k P[q, k] [[a x x', b x / 2], [b x' / 2, c]],   x = x_ik.
///
/// Output weights are penalized by the sum of their absolute values, so the dual norm is the largest absolute value of
/// these forms over `|u| = 1` and over `q` and `t`. For `z^2` that is the largest absolute eigenvalue of a matrix. In general
/// one sphere constraint has no duality gap, and a positive semidefinite `[[mu I - Q, -q], [-q', tau]]` proves
/// `u' Q u + 2 q' u <= mu + tau` for any `mu` and `tau`: those that the secular equation gives are nearly the best.
///
/// Rounding: entries of `S` are sums of at most `K + 64 + n / 64` terms at a time, so `S` is within
/// `2 (K + 64 + n / 64 + 16) 2^-53` of `sum |Lambda| |P| |(x, 1)|^2` in the Frobenius norm; eigenvalues of a matrix of order
/// `d` are taken to be within `16 d 2^-52` of its Frobenius norm.
///
/// - Source: The secular equation: Conn, Gould & Toint, *Trust-Region Methods*, SIAM 2000. The dual of polynomial networks:
///   Bartan & Pilanci, *Neural spectrahedra and semidefinite lifts*, 2021. Windows, outputs and margins are derived here.
struct SecondMomentDualNorm {
  /// Norms of filters of polynomial networks may differ from 1 by this much.
  static let normTolerance = 1e-12

  let patches: PooledPatches
  let weights: Matrix
  let activation: Activation

  /// The bound.
  ///
  /// - Parameter dual: Dual point, `[n, c]`.
  /// - Returns: At least the dual norm; infinite when the data overflow.
  /// - Throws: `LAPACK.Failure` when an eigenvalue iteration does not converge.
  /// - Complexity: O(`n K h^2 + n a c h^2 + a c h^3`).
  func upperBound(_ dual: Matrix) throws -> Double {
    let (forms, errors) = forms(of: dual)
    var largest = 0.0
    for (form, error) in zip(forms, errors) {
      guard form.firstNonFiniteIndex == nil, error.isFinite else { return .infinity }
      let bound: Double
      if activation == .quadratic {
        bound = try Self.largestEigenvalue(form) + error
      } else {
        var opposite = form
        for e in opposite.elements.indices { opposite.elements[e].negate() }
        bound =
          max(try Self.largestOnSphere(form), try Self.largestOnSphere(opposite)) + 3 * error
      }
      largest = max(largest, bound)
    }
    return largest
  }

  /// Order of the forms: `h`, or `h + 1` with a linear and a constant part.
  private var order: Int { patches.patchDimension + (activation == .quadratic ? 0 : 1) }

  /// The forms `S_qt` of all outputs and windows, and bounds on their errors in the Frobenius norm.
  func forms(of dual: Matrix) -> (forms: [Matrix], errors: [Double]) {
    let (n, a, c, d) = (patches.sampleCount, weights.rows, dual.columns, order)
    let block = 64
    var total = Matrix(rows: c, columns: a * d * d)
    var mass = Matrix(rows: c, columns: a)
    for start in stride(from: 0, to: n, by: block) {
      let samples = start..<min(start + block, n)
      let (moments, squares) = moments(samples)
      let part = Matrix(
        rows: samples.count, columns: c,
        elements: Array(dual.elements[start * c..<samples.upperBound * c]))
      let sizes = Matrix(
        rows: samples.count, columns: c, elements: part.elements.map { abs($0) })
      BLAS.add(
        1, BLAS.product(part, .transposed, moments).elements, to: &total.elements)
      BLAS.add(1, BLAS.product(sizes, .transposed, squares).elements, to: &mass.elements)
    }
    let terms = Double(patches.patchesPerSample + block + n / block + 16)
    let polynomial = activation.polynomial ?? Polynomial(1, 0, 0)
    let scale = max(abs(polynomial.a), abs(polynomial.b), abs(polynomial.c))
    var forms: [Matrix] = []
    var errors: [Double] = []
    for t in 0..<c {
      for q in 0..<a {
        let start = (t * a + q) * d * d
        forms.append(
          form(Array(total.elements[start..<start + d * d]), polynomial))
        errors.append(2 * terms * 0x1p-53 * scale * mass[t, q] * (1 + 1e-9))
      }
    }
    return (forms, errors)
  }

  /// The symmetric form of an upper triangle of second moments.
  private func form(_ moments: [Double], _ polynomial: Polynomial) -> Matrix {
    let (d, h) = (order, patches.patchDimension)
    var result = Matrix(rows: d, columns: d)
    for e in 0..<d {
      for f in e..<d {
        let factor = f < h ? polynomial.a : e < h ? 0.5 * polynomial.b : polynomial.c
        result[e, f] = factor * moments[e * d + f]
        result[f, e] = result[e, f]
      }
    }
    return result
  }

  /// Upper triangles of `sum_k P[q, k] (x, 1) (x, 1)'` for some samples, `[samples, a d d]`, and the sums of the absolute
  /// weights times `|(x, 1)|^2`, `[samples, a]`.
  private func moments(_ samples: Range<Int>) -> (moments: Matrix, squares: Matrix) {
    let (a, h, d, count) = (
      weights.rows, patches.patchDimension, order, patches.patchesPerSample
    )
    var moments = Matrix(rows: samples.count, columns: a * d * d)
    var squares = Matrix(rows: samples.count, columns: a)
    var x = [Double](repeating: 1, count: d)
    for (s, i) in samples.enumerated() {
      for k in 0..<count {
        for e in 0..<h { x[e] = patches.rows.elements[(i * count + k) * h + e] }
        for q in 0..<a where weights[q, k] != 0 {
          let weight = weights[q, k]
          let start = (s * a + q) * d * d
          for e in 0..<d {
            let left = weight * x[e]
            for f in e..<d { moments.elements[start + e * d + f] += left * x[f] }
          }
          squares[s, q] += abs(weight) * BLAS.dot(x, x)
        }
      }
    }
    return (moments, squares)
  }

  /// An upper bound on the largest absolute eigenvalue.
  private static func largestEigenvalue(_ matrix: Matrix) throws -> Double {
    let values = try LAPACK.symmetricEigen(matrix).values
    return values.reduce(0) { max($0, abs($1)) } + eigenvalueError(matrix)
  }

  private static func eigenvalueError(_ matrix: Matrix) -> Double {
    16 * Double(matrix.rows) * 0x1p-52 * BLAS.norm(matrix.elements)
  }

  /// An upper bound on `(u, 1)' form (u, 1)` over `| |u| - 1 | <= normTolerance`.
  ///
  /// - Parameter form: Symmetric `[h + 1, h + 1]`.
  /// - Returns: The bound.
  /// - Throws: `LAPACK.Failure` when an eigenvalue iteration does not converge.
  static func largestOnSphere(_ form: Matrix) throws -> Double {
    let h = form.rows - 1
    var quadratic = Matrix(rows: h, columns: h)
    for e in 0..<h { for f in 0..<h { quadratic[e, f] = form[e, f] } }
    let linear = (0..<h).map { form[$0, h] }
    let (values, vectors) = try LAPACK.symmetricEigen(quadratic)
    let squares = (0..<h).map { r in
      let product = BLAS.dot(Array(vectors.row(r)), linear)
      return product * product
    }
    let (mu, tau) = secular(values, squares)
    var proof = Matrix(rows: h + 1, columns: h + 1)
    for e in 0..<h {
      for f in 0..<h { proof[e, f] = (e == f ? mu : 0) - quadratic[e, f] }
      proof[e, h] = -linear[e]
      proof[h, e] = -linear[e]
    }
    proof[h, h] = tau
    let least = try LAPACK.symmetricEigen(proof).values.first ?? 0
    // With (u, 1)' proof (u, 1) >= -|(u, 1)|^2 defect, and |(u, 1)|^2 a little above 2.
    let defect = max(0, -least) + eigenvalueError(proof) + 0x1p-50 * abs(mu)
    return mu + tau + form[h, h] + 2.1 * defect + 4 * normTolerance * abs(mu)
      + 0x1p-50 * (abs(mu) + abs(tau) + abs(form[h, h]))
  }

  /// `mu` and `tau = sum_r squares_r / (mu - values_r)` of about the least sum, with `mu` above the largest value.
  private static func secular(_ values: [Double], _ squares: [Double]) -> (Double, Double) {
    let top = values.last ?? 0
    let length = squares.reduce(0, +).squareRoot()
    let size = max(length, values.reduce(0) { max($0, abs($1)) })
    func tau(_ shift: Double) -> Double {
      zip(values, squares).reduce(0) { $0 + ($1.1 > 0 ? $1.1 / (shift + (top - $1.0)) : 0) }
    }
    // The sum falls while sum_r squares_r / (mu - values_r)^2 exceeds 1.
    var (low, high) = (0.0, max(length, 1e-15 * size))
    for _ in 0..<200 where high - low > 1e-16 * high {
      let middle = 0.5 * (low + high)
      let slope = zip(values, squares).reduce(0) {
        let distance = middle + (top - $1.0)
        return $0 + ($1.1 > 0 ? $1.1 / (distance * distance) : 0)
      }
      if slope > 1 { low = middle } else { high = middle }
    }
    return (top + high, high > 0 ? tau(high) : 0)
  }
}
