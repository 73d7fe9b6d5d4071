/// The characteristic polynomial of a central arrangement, and the counts it gives.
///
///     chi(t) = sum_k (-1)^k w_k t^(rank - k),        number of cells = |chi(-1)| = sum_k w_k
///
/// `w_k` counts the sets of `k` lines that contain no broken circuit.
///
/// - Source: Zaslavsky, *Facing up to Arrangements: Face-Count Formulas for Partitions of Space by
///   Hyperplanes*, Memoirs of the AMS 1975.
public struct CharacteristicPolynomial: Sendable, Equatable, CustomStringConvertible {
  /// The numbers `w_0 = 1, w_1 = lines, ..., w_rank`, all positive.
  public let whitneyNumbers: [UInt128]
  /// Number of pairs of opposite cells, `sum_k R_k` with `w_k = R_k + R_{k-1}`.
  public let halfCellCount: UInt128

  /// Exact rank of the lines.
  public var rank: Int { whitneyNumbers.count - 1 }
  /// Number of cells, opposite cells counted separately.
  public var cellCount: UInt128 { 2 * halfCellCount }

  /// The polynomial `(t - 1) sum_k (-1)^k R_k t^(rank - 1 - k)`.
  ///
  /// `nil` when the number of cells exceeds `UInt128`.
  ///
  /// - Parameter reduced: The numbers `R_0 = 1, ..., R_(rank - 1)`.
  package init?(reduced: [UInt128]) {
    var half: UInt128 = 0
    for coefficient in reduced {
      let (sum, overflows) = half.addingReportingOverflow(coefficient)
      guard !overflows else { return nil }
      half = sum
    }
    guard half <= UInt128.max / 2 else { return nil }
    halfCellCount = half
    whitneyNumbers = (0...reduced.count).map {
      ($0 < reduced.count ? reduced[$0] : 0) + ($0 > 0 ? reduced[$0 - 1] : 0)
    }
  }

  /// The polynomial in `t`, as `t^3 - 7 t^2 + 15 t - 9`.
  public var description: String {
    whitneyNumbers.enumerated().map { k, number in
      let power = rank - k
      let variable = power == 0 ? "" : power == 1 ? "t" : "t^\(power)"
      let factor = number == 1 && power > 0 ? "" : "\(number)\(power > 0 ? " " : "")"
      return (k == 0 ? "" : k % 2 == 1 ? " - " : " + ") + factor + variable
    }.joined()
  }
}
