/// The sum of weights of the rows that a cell activates.
///
/// `value(D) = sum_r w_r D_r` over all original rows, zero rows active. With `w_r = v_r (m_r . u)` it
/// is the correlation `v . (D M u)` that pricing maximizes, for a fixed direction `u`.
public struct CellFunctional: Sendable {
  /// Contribution of each active line, and of the cell in which no line is active.
  private let weights: [Double]
  private let constant: Double

  /// The functional with one weight per original row.
  ///
  /// - Parameters:
  ///   - weights: Finite weights, one per row of the matrix of normals.
  ///   - essential: The lines of these rows.
  /// - Precondition: `weights.count == essential.lineOfRow.count`.
  public init(weights: [Double], essential: EssentialRows) {
    precondition(
      weights.count == essential.lineOfRow.count,
      "CellFunctional: \(weights.count) weights for \(essential.lineOfRow.count) rows")
    var sums = [Double](repeating: 0, count: essential.lineCount)
    var constant = 0.0
    for (r, weight) in weights.enumerated() {
      let line = essential.lineOfRow[r]
      // A row opposite to its line is active when the line is not.
      if line < 0 || essential.signOfRow[r] < 0 { constant += weight }
      if line >= 0 { sums[line] += essential.signOfRow[r] < 0 ? -weight : weight }
    }
    (self.weights, self.constant) = (sums, constant)
  }

  /// A number that differs for other weights.
  package var fingerprint: UInt64 {
    (weights + [constant]).reduce(0xCBF2_9CE4_8422_2325) { hash, weight in
      let mixed = (hash ^ (weight + 0).bitPattern) &* 0x9E37_79B9_7F4A_7C15
      return mixed ^ (mixed >> 29)
    }
  }

  /// The value for a pattern over the lines.
  ///
  /// - Precondition: The pattern has as many lines as the arrangement.
  /// - Complexity: O(`lines`).
  /// - Accuracy: Exact for integer weights whose sums stay below `2^53`; otherwise off by at most
  ///   `2 rows 2^-52` times the sum of their moduli.
  public func value(of pattern: ActivationPattern) -> Double {
    precondition(
      pattern.count == weights.count,
      "CellFunctional: pattern of \(pattern.count) lines, weights for \(weights.count)")
    var sum = constant
    for (w, word) in pattern.bits.enumerated() {
      var rest = word
      while rest != 0 {
        sum += weights[64 * w + rest.trailingZeroBitCount]
        rest &= rest - 1
      }
    }
    return sum
  }
}

/// Which cells to keep while an arrangement is enumerated.
public struct CellFilter: Sendable {
  /// Numbers of facets that are kept; `nil` keeps all.
  public var facetCounts: ClosedRange<Int>?
  /// What `values` are values of; `nil` for no functional.
  public var functional: CellFunctional?
  /// Values of the functional that are kept.
  public var values: ClosedRange<Double>

  /// A filter; without arguments it keeps every cell.
  public init(
    facetCounts: ClosedRange<Int>? = nil, functional: CellFunctional? = nil,
    values: ClosedRange<Double> = -.infinity ... .infinity
  ) {
    (self.facetCounts, self.functional, self.values) = (facetCounts, functional, values)
  }

  /// Whether the filter keeps every cell without looking.
  public var keepsAll: Bool { facetCounts == nil && functional == nil }
}
