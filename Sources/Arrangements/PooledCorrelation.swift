import Tensors

/// The function whose largest norm over unit filters is the dual norm: `F(u) = Phi(u)' nu`.
///
///     F(u) = G u + sum_t b_t max(0, max_{r in t} x_r . u)        in R^(a c),     Omega = max_{|u| <= 1} |F(u)|
///
/// `F` is positively homogeneous and linear on every cell of the arrangement of the rows.
///
/// - Source: Sahiner, Ergen, Pauly & Pilanci, *Vector-output ReLU Neural Network Problems are Copositive
///   Programs*, ICLR 2021 (the dual constraint).
public struct PooledCorrelation: Sendable {
  /// Rows, groups and windows of the terms.
  let terms: PatchTerms
  /// Number of outputs `c`.
  public let outputCount: Int
  /// Coefficients of the terms, `[terms, c]`, which belong to the entries of the term's window.
  let coefficients: Matrix
  /// The linear part `G`, `[a c, h]`, left by rows opposite to their line.
  let linear: Matrix
  /// `sum |b| |x|` over all patches: bounds `|F(u)|` and its change, `|F(u) - F(v)| <= mass |u - v|`.
  public let mass: Double

  /// Number of terms.
  public var termCount: Int { coefficients.rows }
  /// Number of coordinates of a filter.
  public var patchDimension: Int { terms.rows.columns }
  /// Number of entries `a c` of a value.
  public var entryCount: Int { linear.rows }
  /// Whether every term has one row, as with linear pooling.
  var hasSingleRows: Bool { terms.rows.rows == termCount }

  init(
    terms: PatchTerms, outputCount: Int, coefficients: Matrix, linear: Matrix, mass: Double
  ) {
    (self.terms, self.outputCount) = (terms, outputCount)
    (self.coefficients, self.linear, self.mass) = (coefficients, linear, mass)
  }

  /// What rounding and merging can change in a value at a unit filter.
  ///
  /// Sums over `T` contributions of patches, however they are merged, with rows of `h` entries are off
  /// by at most `(T + h + 8) 2^-53` of the sum of moduli, which is at most `mass`; merged rows differ
  /// from their patches by `representationError + (h + 8) 2^-53` relative.
  var roundingError: Double {
    let counts = Double(terms.partCount + terms.sampleCount + 2 * patchDimension + 32)
    return mass * (counts * 0x1p-52 + terms.representationError)
  }

  /// The correlation divided by a power of two, so that its mass is from 1 to 2, and that power.
  ///
  /// Squares of its values neither overflow nor underflow where it matters. Parts that vanish are
  /// below `2^-1000` of the mass.
  ///
  /// - Precondition: The mass is positive and finite.
  func normalized() -> (correlation: PooledCorrelation, unit: Double) {
    let exponent = mass.exponent
    func scaled(_ x: Double) -> Double { Double(sign: .plus, exponent: -exponent, significand: x) }
    func scaled(_ matrix: Matrix) -> Matrix {
      Matrix(rows: matrix.rows, columns: matrix.columns, elements: matrix.elements.map(scaled))
    }
    let correlation = PooledCorrelation(
      terms: terms, outputCount: outputCount, coefficients: scaled(coefficients),
      linear: scaled(linear), mass: scaled(mass))
    return (correlation, Double(sign: .plus, exponent: exponent, significand: 1))
  }

  /// The value `F(u)`, of length `a c`.
  ///
  /// - Parameter u: Filter of length `patchDimension`.
  /// - Returns: The value; entry `q * c + j` belongs to window `q` and output `j`.
  /// - Complexity: O(`rows * patchDimension + terms * c`).
  public func value(at u: [Double]) -> [Double] { evaluate(u).value }

  /// The norm `|F(u)|`.
  public func norm(at u: [Double]) -> Double { BLAS.norm(value(at: u)) }

  /// The norm `|F(u)|` and its gradient, where the row of each active term is held fixed.
  public func normAndGradient(at u: [Double]) -> (norm: Double, gradient: [Double]) {
    if isSingle, patchDimension <= Self.shortRow { return singleNormAndGradient(at: u) }
    let (value, winners) = evaluate(u)
    let norm = BLAS.norm(value)
    let (h, c) = (patchDimension, outputCount)
    var gradient = [Double](repeating: 0, count: h)
    guard norm > 0 else { return (0, gradient) }
    for (entry, x) in value.enumerated() {
      for e in 0..<h { gradient[e] += x / norm * linear.elements[entry * h + e] }
    }
    terms.rows.elements.withUnsafeBufferPointer { rows in
      coefficients.elements.withUnsafeBufferPointer { b in
        for (t, r) in winners.enumerated() where r >= 0 {
          let offset = Int(terms.windows[t]) * c
          var factor = 0.0
          for j in 0..<c { factor += b[t * c + j] * value[offset + j] }
          factor /= norm
          for e in 0..<h { gradient[e] += factor * rows[Int(r) * h + e] }
        }
      }
    }
    return (norm, gradient)
  }

  /// Whether values are numbers and terms rows.
  private var isSingle: Bool { entryCount == 1 && hasSingleRows }
  /// Entries of a row up to which one pass in Swift takes less than a product by BLAS and a second pass.
  private static let shortRow = 4

  /// The norm and its gradient of a value that is a number: `F(u) = g . u` with the sum `g` of the active terms.
  private func singleNormAndGradient(at u: [Double]) -> (norm: Double, gradient: [Double]) {
    precondition(
      u.count == patchDimension,
      "normAndGradient(at:): filter of \(u.count) entries, rows of \(patchDimension)")
    let h = patchDimension
    var sum = linear.elements
    sum.withUnsafeMutableBufferPointer { sum in
      terms.rows.elements.withUnsafeBufferPointer { rows in
        coefficients.elements.withUnsafeBufferPointer { b in
          u.withUnsafeBufferPointer { u in
            for t in 0..<b.count {
              var product = 0.0
              for e in 0..<h { product += rows[t * h + e] * u[e] }
              guard product > 0 else { continue }
              for e in 0..<h { sum[e] += b[t] * rows[t * h + e] }
            }
          }
        }
      }
    }
    var value = 0.0
    for e in 0..<h { value += sum[e] * u[e] }
    guard value != 0 else { return (0, [Double](repeating: 0, count: h)) }
    return value > 0 ? (value, sum) : (-value, sum.map { -$0 })
  }

  /// The value and the winning row of each term, -1 for an inactive one.
  private func evaluate(_ u: [Double]) -> (value: [Double], winners: [Int32]) {
    precondition(
      u.count == patchDimension,
      "value(at:): filter of \(u.count) entries, rows of \(patchDimension)")
    let (h, c) = (patchDimension, outputCount)
    let products = BLAS.product(
      terms.rows, .plain, Matrix(rows: h, columns: 1, elements: u)
    ).elements
    var value = BLAS.product(linear, .plain, Matrix(rows: h, columns: 1, elements: u)).elements
    var winners = [Int32](repeating: -1, count: termCount)
    coefficients.elements.withUnsafeBufferPointer { b in
      for t in winners.indices {
        var best = 0.0
        for r in terms.starts[t]..<terms.starts[t + 1] where products[Int(r)] > best {
          (best, winners[t]) = (products[Int(r)], r)
        }
        guard best > 0 else { continue }
        let offset = Int(terms.windows[t]) * c
        for j in 0..<c { value[offset + j] += b[t * c + j] * best }
      }
    }
    return (value, winners)
  }
}
