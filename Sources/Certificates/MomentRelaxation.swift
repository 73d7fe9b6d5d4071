package import Tensors

/// Upper bounds on `f(u) = sum_l b_l |v_l . u|` over unit `u`, from moments of a measure on the sphere.
///
/// Each term has a polynomial in `(v_l . u)^2` of degree `d` above it (`ModulusBounds`), so `f` has the polynomial
/// `p(u) = sum_l b_l p_l((v_l . u)^2)` above it, and for every matrix `G` with `p = v' G v` on the sphere (`SphereForms`)
///
///     f(u) <= p(u) = v(u)' G v(u) <= largest eigenvalue of G,        because |v(u)| = 1.
///
/// The least of these bounds over all `G` and all polynomials is the value of a semidefinite program: the largest value of
/// the concave function `sum_l b_l m_l` of the moments of degree `2 d`, with `m_l` the mean of `|v_l . u|` that the moments of
/// `v_l . u` allow. It goes down as `d` goes up. Frank-Wolfe steps on this function linearise it: each linearisation has the
/// polynomials `p_l` that are sharp at the present moments, and its maximum over moments of matrices that are positive
/// semidefinite with trace one is approached by ADMM, which leaves a matrix `G`. What is returned uses nothing but `G` and
/// the polynomials: its eigenvalue, and bounds on the rounding of both. More steps make it sharper, not more valid.
///
/// - Source: Lasserre, *Global Optimization with Polynomials and the Problem of Moments*, SIAM J. Optim. 2001, here for sums
///   of moduli, with polynomials that are optimised together with the moments; ADMM after Boyd et al. 2011.
package struct MomentRelaxation {
  private let forms: SphereForms
  private let bounds: ModulusBounds
  private let directions: Matrix
  private let coefficients: [Double]
  /// The lines given whose coefficients are not zero, and the number of all.
  private let used: [Int]
  private let lineCount: Int
  private let threads: Int
  /// Matrix with trace one of ADMM, and its multiplier.
  private var primal: Matrix
  private var multiplier: Matrix
  private var penalty: Double?
  /// Moments of `(v_l . u)^2`, `[lines, d + 1]`, at the point of Frank-Wolfe.
  private var moments: [Double]
  /// Moments of monomials at that point.
  private var point: [Double]
  /// The least bound found, rounding included.
  package private(set) var bound = Double.infinity
  /// Steps made.
  package private(set) var stepCount = 0

  /// ADMM iterations of a step.
  private static let iterations = 30
  /// Directions are shortened by this share, so that none is longer than one.
  private static let shortening = 0x1p-46

  /// A relaxation of a given order before its first step.
  ///
  /// - Parameters:
  ///   - forms: Tables of order `d`, at most `ModulusBounds.largestDegree`.
  ///   - directions: Rows `v_l` that are unit vectors up to rounding, `[lines, h]`.
  ///   - coefficients: The numbers `b_l`.
  ///   - threads: Threads that passes over the lines use; results do not depend on it.
  package init(
    _ forms: SphereForms, directions: Matrix, coefficients: [Double], threads: Int
  ) {
    (self.forms, self.threads) = (forms, threads)
    bounds = ModulusBounds(degree: forms.order, dimension: forms.dimension)
    used = coefficients.indices.filter { coefficients[$0] != 0 }
    lineCount = coefficients.count
    var shortened = directions.selectingRows(used)
    for e in shortened.elements.indices { shortened.elements[e] *= 1 - Self.shortening }
    self.directions = shortened
    self.coefficients = used.map { coefficients[$0] }
    let uniform = forms.uniformMoments
    primal = forms.matrix(ofMoments: uniform, degree: forms.order)
    multiplier = Matrix(rows: forms.size, columns: forms.size)
    (point, moments) = (uniform, [])
    moments = lineMoments(of: uniform)
  }

  /// A relaxation that starts where another one of the same order ended, whose lines may be others.
  package init(
    continuing other: MomentRelaxation, directions: Matrix, coefficients: [Double]
  ) {
    self.init(
      other.forms, directions: directions, coefficients: coefficients, threads: other.threads)
    (primal, multiplier, penalty) = (other.primal, other.multiplier, other.penalty)
    point = other.point
    moments = lineMoments(of: point)
  }

  /// What the moments say of the mean of `|v_l . u|` of each line: the sharpest bound on the side of its coefficient.
  ///
  /// Lines with coefficient 0 have mean 0.
  package var means: [Double] {
    var result = [Double](repeating: 0, count: lineCount)
    var scratch = ModulusBounds.Scratch()
    let width = forms.order + 1
    moments.withUnsafeBufferPointer { moments in
      guard let base = moments.baseAddress else { return }
      for (l, line) in used.enumerated() {
        _ = bounds.set(base + l * width, isAbove: coefficients[l] > 0, &scratch)
        result[line] = (0..<width).reduce(0) { $0 + scratch.polynomial[$1] * base[l * width + $1] }
      }
    }
    return result
  }

  /// A Frank-Wolfe step.
  ///
  /// - Throws: `LAPACK.Failure` when an eigenvalue iteration does not converge.
  /// - Complexity: O(`lines * size^2 + 30 size^3`) for `size` monomials of degree `d`.
  package mutating func step() throws {
    guard !coefficients.isEmpty else { return bound = 0 }
    let (polynomial, constant, margin) = linearization()
    let linear = forms.matrix(ofCoefficients: polynomial)
    guard linear.firstNonFiniteIndex == nil else { return }
    try maximize(linear)
    // The part of the multiplier that changes no value on the sphere is free.
    let dependent = forms.matrix(
      ofCoefficients: forms.coefficients(of: multiplier, degree: forms.order))
    var certificate = multiplier
    BLAS.add(-1, dependent.elements, to: &certificate.elements)
    BLAS.add(1, linear.elements, to: &certificate.elements)
    let value = try Self.provenMaximum(of: polynomial, by: certificate, forms) + constant + margin
    bound = min(bound, value > 0 ? value * (1 + 2 * Self.shortening) : value)
    move(towards: forms.moments(nearest: primal))
    stepCount += 1
  }

  /// An upper bound on a polynomial over unit `u`, from a matrix that is meant to stand for it.
  ///
  /// Any symmetric matrix gives a valid bound: what it misses of the coefficients is added.
  ///
  /// - Parameters:
  ///   - polynomial: Coefficients of degree `2 d`.
  ///   - certificate: Symmetric matrix `[size, size]`.
  ///   - forms: Tables of order `d`.
  /// - Returns: The bound, rounding included.
  /// - Throws: `LAPACK.Failure` when the eigenvalue iteration does not converge.
  package static func provenMaximum(
    of polynomial: [Double], by certificate: Matrix, _ forms: SphereForms
  ) throws -> Double {
    guard certificate.firstNonFiniteIndex == nil else { return .infinity }
    var missed = forms.coefficients(of: certificate, degree: forms.order)
    for c in missed.indices { missed[c] = polynomial[c] - missed[c] }
    let (top, _) = try SymmetricForms.top(certificate)
    // Eigenvalues of LAPACK are those of a matrix within a small multiple of size * 2^-53 of the norm; sums over the entries
    // of one coefficient are off by at most size * 2^-53 of the sum of their moduli, at most the norm on the sphere.
    let size = Double(forms.size)
    let rounding = (16 * size + 64) * 0x1p-52 * BLAS.norm(certificate.elements)
    return top + forms.largestValue(ofCoefficients: missed) * (1 + 0x1p-30) + rounding
  }

  /// ADMM steps on the maximum of `<linear, L>` over moment matrices `L` and matrices `Z = L` of trace one.
  private mutating func maximize(_ linear: Matrix) throws {
    var rho = try penalty ?? spread(of: linear)
    for iteration in 1...(stepCount == 0 ? 2 : 1) * Self.iterations {
      var target = primal
      BLAS.add(1 / rho, linear.elements, to: &target.elements)
      BLAS.add(-1 / rho, multiplier.elements, to: &target.elements)
      let dependent = forms.matrix(
        ofMoments: forms.moments(nearest: target), degree: forms.order)
      target = dependent
      BLAS.add(1 / rho, multiplier.elements, to: &target.elements)
      let next = try Self.nearestOfTraceOne(target)
      var (residual, change) = (dependent.elements, next.elements)
      BLAS.add(-1, next.elements, to: &residual)
      BLAS.add(-1, primal.elements, to: &change)
      BLAS.add(rho, residual, to: &multiplier.elements)
      primal = next
      if iteration % 10 == 0 {
        let (first, second) = (BLAS.norm(residual), BLAS.norm(change))
        if first > 4 * second { rho *= 1.6 } else if second > first { rho /= 1.6 }
      }
    }
    penalty = rho
  }

  /// The distance between the least and the largest eigenvalue, at least a positive number.
  private func spread(of matrix: Matrix) throws -> Double {
    let values = try LAPACK.symmetricEigen(matrix).values
    return max((values.last ?? 0) - (values.first ?? 0), 1e-12 * BLAS.norm(coefficients))
  }

  /// The positive semidefinite matrix of trace one nearest to a matrix.
  private static func nearestOfTraceOne(_ matrix: Matrix) throws -> Matrix {
    let (values, vectors) = try LAPACK.symmetricEigen(matrix)
    let size = values.count
    var (sum, shift, kept) = (0.0, 0.0, 0)
    for count in 1...size {
      sum += values[size - count]
      let candidate = (sum - 1) / Double(count)
      guard values[size - count] > candidate else { break }
      (shift, kept) = (candidate, count)
    }
    var scaled = vectors.selectingRows(Array(size - kept..<size))
    for i in 0..<kept {
      let factor = max(0, values[size - kept + i] - shift).squareRoot()
      for e in 0..<size { scaled[i, e] *= factor }
    }
    return BLAS.product(scaled, .transposed, scaled)
  }

  /// Moves to the best of a few points on the way to other moments.
  private mutating func move(towards target: [Double]) {
    let end = lineMoments(of: target)
    let start = value(at: moments)
    let slope = linearValue(at: end) - start
    // The value is concave, so more than its linearisation is a sign of moments that no measure has.
    let slack = 1e-3 * coefficients.reduce(0) { $0 + abs($1) }
    var best = (rate: 0.0, value: start)
    for rate in [0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 1] {
      let value = value(at: mixed(moments, end, rate))
      if value > best.value, value <= start + rate * slope + slack { best = (rate, value) }
    }
    // Where linearisation and value disagree by rounding, a short step still changes the polynomials.
    let rate = max(best.rate, 0.02)
    (moments, point) = (mixed(moments, end, rate), mixed(point, target, rate))
  }

  private func mixed(_ start: [Double], _ end: [Double], _ rate: Double) -> [Double] {
    var result = start
    for i in result.indices { result[i] += rate * (end[i] - start[i]) }
    return result
  }
}

extension MomentRelaxation {
  /// Lines of one stripe: passes over lines are sums over stripes, in order.
  private var stripe: Int { max(1024, (coefficients.count + 7) / 8) }
  /// Lines whose monomials are held at a time.
  private static let block = 128

  /// The moments of `(v_l . u)^2` of each line, `[lines, d + 1]`.
  private func lineMoments(of moments: [Double]) -> [Double] {
    var matrices = [forms.matrix(ofMoments: moments, degree: forms.order)]
    var current = moments
    for k in stride(from: forms.order - 1, to: 0, by: -1) {
      current = forms.lowered(current, toDegree: k)
      matrices.insert(forms.matrix(ofMoments: current, degree: k), at: 0)
    }
    let (h, width) = (forms.dimension, forms.order + 1)
    var result = [Double](repeating: 1, count: coefficients.count * width)
    result.withUnsafeMutableBufferPointer { result in
      nonisolated(unsafe) let result = result
      Parallel.forEachChunk(of: coefficients.count, chunk: stripe, threads: threads) { _, range in
        for k in 1...forms.order {
          let size = forms.size(k)
          var powers = Matrix(rows: Self.block, columns: size)
          for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.block) {
            let count = min(Self.block, range.upperBound - start)
            fill(&powers, start: start, count: count, degree: k, h)
            let products = BLAS.product(powers, .plain, matrices[k - 1])
            for l in 0..<count {
              var sum = 0.0
              for i in l * size..<(l + 1) * size {
                sum += powers.elements[i] * products.elements[i]
              }
              result[(start + l) * width + k] = sum
            }
          }
        }
      }
    }
    return result
  }

  private func fill(_ powers: inout Matrix, start: Int, count: Int, degree: Int, _ h: Int) {
    directions.elements.withUnsafeBufferPointer { rows in
      powers.elements.withUnsafeMutableBufferPointer { powers in
        guard let rows = rows.baseAddress, let powers = powers.baseAddress else { return }
        forms.powers(rows + start * h, count: count, degree: degree, into: powers)
      }
    }
  }

  /// `sum_l b_l p_l` with the polynomials that are sharp at moments of the lines.
  private func value(at moments: [Double]) -> Double {
    sharpPolynomials(at: moments) { l, polynomial, width in
      var sum = 0.0
      for k in 0..<width { sum += polynomial[k] * moments[l * width + k] }
      return sum
    }
  }

  /// The linearisation of the value at the present moments, at other moments.
  private func linearValue(at end: [Double]) -> Double {
    sharpPolynomials(at: moments) { l, polynomial, width in
      var sum = 0.0
      for k in 0..<width { sum += polynomial[k] * end[l * width + k] }
      return sum
    }
  }

  /// The sum over lines of `b_l` times what a closure makes of the polynomial that is sharp at the moments.
  private func sharpPolynomials(
    at moments: [Double], _ body: (Int, [Double], Int) -> Double
  ) -> Double {
    let width = forms.order + 1
    let count = coefficients.count
    var sums = [Double](repeating: 0, count: (count + stripe - 1) / stripe)
    sums.withUnsafeMutableBufferPointer { sums in
      nonisolated(unsafe) let sums = sums
      nonisolated(unsafe) let body = body
      moments.withUnsafeBufferPointer { moments in
        nonisolated(unsafe) let moments = moments
        Parallel.forEachChunk(of: count, chunk: stripe, threads: threads) { index, range in
          guard let base = moments.baseAddress else { return }
          var scratch = ModulusBounds.Scratch()
          var sum = 0.0
          for l in range {
            _ = bounds.set(base + l * width, isAbove: coefficients[l] > 0, &scratch)
            sum += coefficients[l] * body(l, scratch.polynomial, width)
          }
          sums[index] = sum
        }
      }
    }
    return sums.reduce(0, +)
  }

  /// The polynomial above `f` that is sharp at the present moments, of degree `2 d` but for its constant.
  ///
  /// - Returns: Its coefficients, its constant, and a margin for all rounding from the lines to the coefficients.
  private func linearization() -> (polynomial: [Double], constant: Double, margin: Double) {
    let (count, width) = (coefficients.count, forms.order + 1)
    var weights = [Double](repeating: 0, count: count * width)
    var scratch = ModulusBounds.Scratch()
    var (constant, size, errors) = (0.0, 0.0, 0.0)
    moments.withUnsafeBufferPointer { moments in
      guard let base = moments.baseAddress else { return }
      for l in 0..<count {
        let b = coefficients[l]
        errors += abs(b) * bounds.set(base + l * width, isAbove: b > 0, &scratch)
        for k in 0..<width {
          weights[l * width + k] = b * scratch.polynomial[k]
          size += abs(weights[l * width + k])
        }
        constant += weights[l * width]
      }
    }
    var result = forms.coefficients(of: gram(weights, degree: 1), degree: 1)
    for k in 1..<forms.order {
      var next = forms.coefficients(of: gram(weights, degree: k + 1), degree: k + 1)
      forms.raise(result, fromDegree: k, into: &next)
      result = next
    }
    // Sums over lines, over entries of a coefficient and over coordinates, each of products of at most 2 d + 2 factors.
    let terms = count + forms.size + forms.dimension * forms.order + 8 * forms.order + 64
    return (result, constant, (errors + Double(terms) * 0x1p-51 * size) * (1 + 1e-9))
  }

  /// `sum_l weights_lk v_k(v_l) v_k(v_l)'`.
  private func gram(_ weights: [Double], degree k: Int) -> Matrix {
    let (h, width, size) = (forms.dimension, forms.order + 1, forms.size(k))
    let count = coefficients.count
    let empty = Matrix(rows: size, columns: size)
    var parts = [Matrix](repeating: empty, count: (count + stripe - 1) / stripe)
    parts.withUnsafeMutableBufferPointer { parts in
      nonisolated(unsafe) let parts = parts
      Parallel.forEachChunk(of: count, chunk: stripe, threads: threads) { index, range in
        var total = Matrix(rows: size, columns: size)
        for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.block) {
          let lines = min(Self.block, range.upperBound - start)
          var powers = Matrix(rows: lines, columns: size)
          fill(&powers, start: start, count: lines, degree: k, h)
          var scaled = powers
          for l in 0..<lines {
            let weight = weights[(start + l) * width + k]
            for i in l * size..<(l + 1) * size { scaled.elements[i] *= weight }
          }
          BLAS.add(1, BLAS.product(scaled, .transposed, powers).elements, to: &total.elements)
        }
        parts[index] = total
      }
    }
    var total = empty
    for part in parts { BLAS.add(1, part.elements, to: &total.elements) }
    return total
  }
}
