/// One cell in exact arithmetic, for what floating-point numbers leave open.
///
/// Rows are read with the signs of the cell's pattern, as integers over the independent columns.
struct ExactCell {
  /// The rows that bound the cell, ascending.
  let facets: [Int]
  /// A point inside the cell, integers over the independent columns.
  let interior: [BigInteger]

  /// The cell of a pattern; `nil` when no cell has it.
  ///
  /// Rows that no others imply are collected in one pass, and those that later ones imply are
  /// removed in another. The point inside is the sum of one extreme ray off every facet.
  ///
  /// - Parameters:
  ///   - rows: The lines.
  ///   - pattern: Pattern over the lines.
  ///   - order: All lines; fast when those near the cell come first.
  init?(_ rows: ExactRows, _ pattern: ActivationPattern, order: [Int]) {
    var cone = ExactCone(dimension: rows.rank)
    var kept: [Int] = []
    for r in order {
      let row = Self.row(r, rows, pattern)
      if case .isCut = cone.test(row) {
        cone.insert(row)
        kept.append(r)
      }
    }
    var rays: [[BigInteger]] = []
    for r in kept {
      let opposite = Self.row(r, rows, pattern).map { -$0 }
      guard case .isCut(let ray) = cone.test(opposite) else { return nil }
      rays.append(ray)
    }
    for r in kept where kept.count > rows.rank {
      var others = ExactCone(dimension: rows.rank)
      for j in kept where j != r { others.insert(Self.row(j, rows, pattern)) }
      if case .isImplied = others.test(Self.row(r, rows, pattern)) { kept.removeAll { $0 == r } }
    }
    (facets, interior) = (kept.sorted(), Self.sum(rays, dimension: rows.rank))
  }

  /// A row with the sign that its bit gives it.
  static func row(_ r: Int, _ rows: ExactRows, _ pattern: ActivationPattern) -> [BigInteger] {
    (0..<rows.rank).map { k in
      let index = r * rows.rank + k
      let mantissa = rows.mantissas[index]
      return BigInteger(pattern[r] ? mantissa : -mantissa)
        .shifted(by: Int(rows.exponents[index]))
    }
  }

  /// The sum of vectors after powers of two have brought them to about one length.
  private static func sum(_ vectors: [[BigInteger]], dimension: Int) -> [BigInteger] {
    let bits = vectors.map { vector in vector.map(\.bitCount).max() ?? 0 }
    let most = bits.max() ?? 0
    var sum = [BigInteger](repeating: .zero, count: dimension)
    for (vector, count) in zip(vectors, bits) {
      for k in sum.indices { sum[k] = sum[k] + vector[k].shifted(by: most - count) }
    }
    return sum
  }
}
