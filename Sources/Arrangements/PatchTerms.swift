public import Tensors

/// The pooled responses of a filter as a sum of terms, whatever the dual point.
///
/// With linear pooling a term is one distinct line of patches in one window, and a filter `u` gives it
/// `(x_l . u)_+`; rows of one line and window are merged with their weights and signs, since
/// `(-s x . u)_+ = s (x . u)_+ - s x . u`. With max pooling a term is one window of one sample, and
/// gives `max(0, max_k x_k . u)` over its patches.
///
/// - Complexity: O(`rows * patchDimension`) expected time.
public struct PatchTerms: Sendable {
  /// Number of samples `n`.
  public let sampleCount: Int
  /// Number of windows `a`.
  public let windowCount: Int
  /// Rows of the terms, `[rows, patchDimension]`; of unit length with linear pooling, else scaled so
  /// that the longest of a term has a length from 1 to 2.
  let rows: Matrix
  /// Rows of term `t` are those from `starts[t]` to `starts[t + 1]`.
  let starts: [Int32]
  /// Window of each term.
  let windows: [Int32]
  /// Length of the longest row of each term.
  private let lengths: [Double]
  /// Relative error of a row as merged, beyond rounding.
  let representationError: Double
  /// Number of contributions of patches to windows: no sum over patches has more summands.
  var partCount: Int { parts.count }
  private let parts: [Part]

  /// What one patch adds to one window.
  private struct Part {
    let sample: Int32
    let term: Int32
    /// Weight of the positive part of the term; negative for a row opposite to its line.
    let factor: Double
  }

  /// The terms of patches under linear pooling.
  ///
  /// - Parameters:
  ///   - patches: Stacked patches `[n * K, h]`, row `i * K + k` patch `k` of sample `i`.
  ///   - weights: Pooling matrix `P` of shape `[a, K]`.
  /// - Precondition: The patches are finite and a multiple of `K` rows; no weight is negative.
  public init(patches: Matrix, weights: Matrix) {
    let (count, h) = (weights.columns, patches.columns)
    precondition(
      count > 0 && patches.rows % count == 0,
      "PatchTerms: \(patches.rows) patches, expected a multiple of \(count)")
    precondition(
      weights.elements.allSatisfy { $0 >= 0 }, "PatchTerms: expected weights not below 0")
    sampleCount = patches.rows / count
    windowCount = weights.rows
    let essential = EssentialRows(patches)
    representationError = essential.representationError
    let norms = (0..<essential.lineCount).map { BLAS.norm(Array(essential.rows.row($0))) }
    let uses = (0..<count).map { k in
      (0..<weights.rows).compactMap { q in weights[q, k] == 0 ? nil : (q, weights[q, k]) }
    }
    var termOfLine = [Int: Int32]()
    var (lines, windows): ([Int], [Int32]) = ([], [])
    var parts: [Part] = []
    parts.reserveCapacity(patches.rows)
    for r in 0..<patches.rows where essential.lineOfRow[r] >= 0 {
      let line = essential.lineOfRow[r]
      for (q, weight) in uses[r % count] {
        let key = line * weights.rows + q
        let term = termOfLine[key] ?? Int32(lines.count)
        if Int(term) == lines.count {
          termOfLine[key] = term
          lines.append(line)
          windows.append(Int32(q))
        }
        let size = weight * essential.scales[r] * norms[line]
        parts.append(
          Part(
            sample: Int32(r / count), term: term,
            factor: essential.signOfRow[r] > 0 ? size : -size))
      }
    }
    var rows = essential.rows.selectingRows(lines)
    for (t, line) in lines.enumerated() {
      for e in 0..<h { rows[t, e] /= norms[line] }
    }
    (self.rows, self.windows, self.parts) = (rows, windows, parts)
    starts = (0...lines.count).map { Int32($0) }
    lengths = [Double](repeating: 1, count: lines.count)
  }

  /// The terms of patches under max pooling.
  ///
  /// Zero patches and repeats within a window are left out: they never change its maximum.
  ///
  /// - Parameters:
  ///   - patches: Stacked patches `[n * K, h]`.
  ///   - positions: Window of each position, length `K`.
  ///   - windowCount: Number of windows.
  public init(patches: Matrix, maximumOver positions: [Int], windowCount: Int) {
    let (count, h) = (positions.count, patches.columns)
    precondition(
      count > 0 && patches.rows % count == 0,
      "PatchTerms: \(patches.rows) patches, expected a multiple of \(count)")
    sampleCount = patches.rows / count
    self.windowCount = windowCount
    representationError = 0
    var (starts, windows): ([Int32], [Int32]) = ([0], [])
    var elements: [Double] = []
    var parts: [Part] = []
    for i in 0..<sampleCount {
      var members = [Set<[Double]>](repeating: [], count: windowCount)
      var ordered = [[[Double]]](repeating: [], count: windowCount)
      for (k, q) in positions.enumerated() {
        let row = Array(patches.row(i * count + k))
        if row.contains(where: { $0 != 0 }), members[q].insert(row).inserted {
          ordered[q].append(row)
        }
      }
      for (q, rows) in ordered.enumerated() where !rows.isEmpty {
        let longest = rows.map { BLAS.norm($0) }.reduce(0, max)
        let unit = Self.powerOfTwo(below: longest)
        parts.append(Part(sample: Int32(i), term: Int32(windows.count), factor: unit))
        for row in rows { elements += row.map { $0 / unit } }
        starts.append(Int32(elements.count / h))
        windows.append(Int32(q))
      }
    }
    rows = Matrix(rows: elements.count / max(1, h), columns: h, elements: elements)
    (self.starts, self.windows, self.parts) = (starts, windows, parts)
    let norms = (0..<rows.rows).map { [rows] in BLAS.norm(Array(rows.row($0))) }
    lengths = windows.indices.map { t in
      norms[Int(starts[t])..<Int(starts[t + 1])].reduce(0, max)
    }
  }

  /// Terms of given rows whose parts are not known: enough to bound a correlation, not to make one.
  init(rows: Matrix, starts: [Int32], windows: [Int32], windowCount: Int) {
    (self.rows, self.starts, self.windows, self.windowCount) = (rows, starts, windows, windowCount)
    (sampleCount, representationError, lengths, parts) = (0, 0, [], [])
  }

  /// Mass of a part below which products of its entries may underflow.
  private static let leastMass = 0x1p-960

  /// The largest power of two not above a positive length, within the range of its reciprocal.
  private static func powerOfTwo(below length: Double) -> Double {
    guard length.isFinite, length > 0 else { return length > 0 ? 0x1p1020 : 1 }
    return Double(sign: .plus, exponent: min(1020, max(-1020, length.exponent)), significand: 1)
  }

  /// The correlation `u -> Phi(u)' nu` with a dual point.
  ///
  /// Patches and dual points of any finite size are allowed: where a product overflows, the mass is
  /// infinite, and where one may underflow, the mass is raised to `2^-960`.
  ///
  /// - Parameter dual: Dual point `nu` of shape `[n, c]`.
  /// - Returns: The function whose largest norm over unit filters is the dual norm of `nu`.
  /// - Complexity: O(`n K c`).
  public func correlation(with dual: Matrix) -> PooledCorrelation {
    precondition(
      dual.rows == sampleCount, "correlation: \(dual.rows) dual rows, \(sampleCount) samples")
    let c = dual.columns
    var coefficients = Matrix(rows: windows.count, columns: c)
    var linear = Matrix(rows: windowCount * c, columns: rows.columns)
    var mass = 0.0
    for part in parts {
      let (term, sample) = (Int(part.term), Int(part.sample))
      let size = abs(part.factor)
      for j in 0..<c { coefficients.elements[term * c + j] += size * dual.elements[sample * c + j] }
      let strength = BLAS.norm(Array(dual.row(sample)))
      // Products that underflow lose their relative accuracy; a larger mass accounts for it.
      if strength != 0 {
        mass += max(max(size, Self.leastMass) * strength, Self.leastMass) * lengths[term]
      }
      guard part.factor < 0 else { continue }
      for j in 0..<c {
        let b = size * dual.elements[sample * c + j]
        let entry = Int(windows[term]) * c + j
        for e in 0..<rows.columns { linear[entry, e] -= b * rows[term, e] }
      }
    }
    return PooledCorrelation(
      terms: self, outputCount: c, coefficients: coefficients, linear: linear, mass: mass)
  }
}
