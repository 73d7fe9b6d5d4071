/// What every search for facets in one arrangement shares: the lines over independent columns.
struct FacetPlan: Sendable {
  /// The lines, exactly.
  let rows: ExactRows
  /// Rows as floating-point numbers, row by row; exact multiples by powers of two unless
  /// `ExactRows.approximations` are not.
  let elements: [Double]
  /// The same, column `k` at `k * stride`.
  let columns: [Double]
  /// `1 / |a_j|`.
  let inverseNorms: [Double]
  /// Largest modulus when `elements` are integers below `2^52`; `nil` otherwise.
  let largestInteger: Double?

  /// Number of lines.
  var lineCount: Int { rows.lineCount }
  /// Dimension the normals span.
  var dimension: Int { rows.rank }
  /// Distance between columns.
  var stride: Int { (rows.lineCount + 7) / 8 * 8 }

  /// The plan for exact rows.
  init(_ rows: ExactRows) {
    self.rows = rows
    let (n, d) = (rows.lineCount, rows.rank)
    elements = rows.integers?.map(Double.init) ?? rows.approximations
    largestInteger = rows.integers.map { Double($0.reduce(0) { max($0, $1.magnitude) }) }
    let stride = (n + 7) / 8 * 8
    var columns = [Double](repeating: 0, count: d * stride)
    var inverseNorms = [Double](repeating: 0, count: n)
    for j in 0..<n {
      var square = 0.0
      for k in 0..<d {
        columns[k * stride + j] = elements[j * d + k]
        square += elements[j * d + k] * elements[j * d + k]
      }
      inverseNorms[j] = 1 / square.squareRoot()
    }
    (self.columns, self.inverseNorms) = (columns, inverseNorms)
  }
}
