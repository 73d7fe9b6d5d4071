public import Tensors

/// Which rows a filter activates: `1[x_r . u >= 0]` for every row `x_r`.
///
/// Zero counts as active, so a zero row is always active. Bits are packed 64 to a word: bit
/// `r % 64` of word `r / 64` belongs to row `r`. The unused bits of the last word are zero, so that
/// equal patterns have equal words.
public struct ActivationPattern: Sendable, Hashable, CustomStringConvertible {
  /// Number of rows the pattern speaks about.
  public let count: Int
  /// The packed bits, `ceil(count / 64)` words.
  public let bits: [UInt64]

  /// The pattern with given packed bits.
  ///
  /// - Parameters:
  ///   - bits: Words, bit `r % 64` of word `r / 64` for row `r`; bits beyond `count` are ignored.
  ///   - count: Number of rows.
  /// - Precondition: There are exactly `ceil(count / 64)` words.
  public init(bits: [UInt64], count: Int) {
    let wordCount = (count + 63) / 64
    precondition(
      bits.count == wordCount,
      "ActivationPattern: expected \(wordCount) words for \(count) rows, found \(bits.count)")
    var bits = bits
    if count % 64 != 0 { bits[wordCount - 1] &= (1 << UInt64(count % 64)) - 1 }
    self.bits = bits
    self.count = count
  }

  /// The pattern of a filter on the rows of a matrix.
  ///
  /// - Parameters:
  ///   - u: Filter of length `rows.columns`.
  ///   - rows: Matrix of shape `[rows, patchDimension]`.
  /// - Precondition: `u.count == rows.columns`.
  /// - Complexity: O(`rows.rows * rows.columns`).
  /// - Accuracy: A bit can be wrong only where `|x_r . u| <= patchDimension * 2^-52 |x_r| |u|`.
  public init(of u: [Double], rows: Matrix) {
    precondition(
      u.count == rows.columns,
      "ActivationPattern: filter of \(u.count) entries, rows of \(rows.columns)")
    let products = BLAS.product(rows, .plain, Matrix(rows: u.count, columns: 1, elements: u))
      .elements
    var bits = [UInt64](repeating: 0, count: (rows.rows + 63) / 64)
    for r in products.indices where products[r] >= 0 { bits[r >> 6] |= 1 << UInt64(r & 63) }
    self.bits = bits
    self.count = rows.rows
  }

  /// Whether a row is active.
  ///
  /// - Precondition: `0 <= row < count`.
  public subscript(row: Int) -> Bool {
    precondition(row >= 0 && row < count, "ActivationPattern: row \(row) of \(count)")
    return (bits[row >> 6] >> UInt64(row & 63)) & 1 == 1
  }

  /// Number of active rows.
  public var activeCount: Int { bits.reduce(0) { $0 + $1.nonzeroBitCount } }

  /// The pattern with every bit flipped.
  ///
  /// It is the pattern of `-u` when no row is orthogonal to `u`.
  public var complement: ActivationPattern {
    ActivationPattern(bits: bits.map { ~$0 }, count: count)
  }

  /// This pattern or its complement, whichever has the first row active.
  ///
  /// Opposite cells give the same. A pattern of no rows stays as it is.
  public var withFirstActive: ActivationPattern {
    count == 0 || self[0] ? self : complement
  }

  /// The bits of the first 64 rows as 0 and 1, and the number of active rows.
  public var description: String {
    let shown = (0..<min(count, 64)).map { self[$0] ? "1" : "0" }.joined()
    return "\(shown)\(count > 64 ? "..." : "") (\(activeCount) of \(count) active)"
  }
}
