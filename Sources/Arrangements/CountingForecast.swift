import Tensors

/// What counting or listing the cells of an arrangement would take, known before either is begun.
public struct CountForecast: Sendable, Equatable {
  /// Number of distinct lines of normals.
  public let lineCount: Int
  /// Exact rank of the lines.
  public let rank: Int
  /// Upper bound on the number of cells, reached in general position.
  ///
  /// `2 sum_{k < rank} C(lines - 1, k)`; `nil` when it exceeds `UInt128`.
  public let cellUpperBound: UInt128?
  /// Estimated seconds for `CentralArrangement.characteristicPolynomial` on one thread.
  ///
  /// `C(lines, rank - 1)` rows at 12 nanoseconds and `sum_{k < rank - 1} C(lines, k)` restrictions at
  /// 300; degenerate arrangements take less, often by orders of magnitude.
  public let countingSeconds: Double
  /// Estimated seconds for `CellEnumeration.count` on one thread.
  ///
  /// 18 nanoseconds for each cell up to sign and 300 for each of `sum_{k < rank - 1} C(lines - 1, k)`
  /// flats; degenerate arrangements have fewer of both, but each takes longer.
  public let sweepCountingSeconds: Double
  /// Estimated seconds for `CentralArrangement.faceCounts` on one thread.
  ///
  /// `2^(rank - 1)` times `countingSeconds`, the sum over the flats of what each takes to count.
  public let faceCountingSeconds: Double
  /// Estimated seconds for listing all cells up to sign on one thread, at 80 nanoseconds each.
  public let listingSeconds: Double

  /// The forecast for a number of lines of some rank.
  ///
  /// - Parameters:
  ///   - lines: Number of distinct lines, at least 1.
  ///   - rank: Exact rank of the lines, at least 1.
  /// - Precondition: `1 <= rank <= lines`.
  public init(lines: Int, rank: Int) {
    precondition(
      1 <= rank && rank <= lines, "CountForecast: expected a rank in 1...\(lines), found \(rank)")
    lineCount = lines
    self.rank = rank
    cellUpperBound = Self.generalPositionCellCount(lines: lines, rank: rank)
    // Steps as floating-point numbers, since binomials of many lines exceed every integer.
    let smaller = Self.binomials(lines - 1, rank)
    let larger = Self.binomials(lines, rank)
    let half = smaller.reduce(0, +)
    countingSeconds = larger[rank - 1] * 12e-9 + larger.dropLast().reduce(0, +) * 300e-9
    sweepCountingSeconds = half * 18e-9 + smaller.dropLast().reduce(0, +) * 300e-9
    faceCountingSeconds = countingSeconds * Double(sign: .plus, exponent: rank - 1, significand: 1)
    listingSeconds = half * 80e-9
  }

  /// `C(n, k)` for `k` below a number.
  private static func binomials(_ n: Int, _ count: Int) -> [Double] {
    var result = [1.0]
    for k in 0..<count - 1 { result.append(result[k] * Double(n - k) / Double(k + 1)) }
    return result
  }

  /// `2 sum_{k < rank} C(lines - 1, k)`, or `nil` when a term exceeds `UInt128`.
  private static func generalPositionCellCount(lines: Int, rank: Int) -> UInt128? {
    var (sum, binomial): (UInt128, UInt128) = (0, 1)
    for k in 0..<rank {
      let (next, overflows) = sum.addingReportingOverflow(binomial)
      guard !overflows else { return nil }
      sum = next
      if k + 1 == rank { break }
      let product = binomial.multipliedFullWidth(by: UInt128(lines - 1 - k))
      guard product.high < UInt128(k + 1) else { return nil }
      binomial = UInt128(k + 1).dividingFullWidth(product).quotient
    }
    let (total, overflows) = sum.multipliedReportingOverflow(by: 2)
    return overflows ? nil : total
  }
}

extension CentralArrangement {
  /// Bounds and time estimates for counting and listing the cells.
  ///
  /// - Complexity: O(`lines * patchDimension^2`).
  public var countForecast: CountForecast {
    let rank = CountingRows(essential.rows).columnBasis().count
    return CountForecast(lines: essential.lineCount, rank: rank)
  }
}
