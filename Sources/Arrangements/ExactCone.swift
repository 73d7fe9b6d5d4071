/// A polyhedral cone `{u : e . u >= 0}` of integer rows `e`, and exact tests against it.
///
/// A dictionary of the simplex method without fractions: with `x` the `dimension` variables in the
/// basis, every other variable is `(1 / scale) sum_k entry_k x_k`. Variables are the products
/// `e . u` and the coordinates of `u`; as long as a coordinate is in the basis, all rows are zero in
/// its column. All pivots are degenerate, and Bland's rule ends them.
///
/// - Source: Bland, *New finite pivoting rules for the simplex method*, Mathematics of Operations
///   Research 1977; Edmonds's exact division as in Avis & Fukuda's reverse search, 1992.
struct ExactCone {
  /// What a test found.
  enum Side {
    /// The row is a combination of the cone's rows with coefficients at least zero.
    case isImplied
    /// A point of the cone where the product with the row is negative.
    case isCut(by: [BigInteger])
  }

  /// A variable: the product with a row of the cone, or a coordinate.
  private enum Variable: Equatable {
    case coordinate(Int)
    case product(Int)
  }

  private let dimension: Int
  private var basis: [Variable]
  private var scale = BigInteger(1)
  private var variables: [Variable] = []
  private var entries: [[BigInteger]] = []
  private var rowCount = 0

  /// The whole space.
  init(dimension: Int) {
    self.dimension = dimension
    basis = (0..<dimension).map { .coordinate($0) }
  }

  /// Adds a row.
  mutating func insert(_ row: [BigInteger]) {
    variables.append(.product(rowCount))
    entries.append(expressed(row))
    rowCount += 1
    let last = entries.count - 1
    let free = basis.indices.first { isCoordinate(basis[$0]) && entries[last][$0].sign != 0 }
    if let free { pivot(last, free) }
  }

  /// Which side of the plane of a row the cone is on.
  ///
  /// - Complexity: A few times `dimension` pivots of O(`rows * dimension`) products each.
  mutating func test(_ row: [BigInteger]) -> Side {
    let objective = entries.count
    entries.append(expressed(row))
    defer { entries.removeLast() }
    let free = basis.indices.first { isCoordinate(basis[$0]) && entries[objective][$0].sign != 0 }
    if let free {
      return .isCut(by: ray(free, isNegated: entries[objective][free].sign > 0))
    }
    while true {
      let entering = basis.indices.filter { entries[objective][$0].sign < 0 }
        .min { label(basis[$0]) < label(basis[$1]) }
      guard let entering else { return .isImplied }
      let leaving = variables.indices.filter {
        !isCoordinate(variables[$0]) && entries[$0][entering].sign < 0
      }.min { label(variables[$0]) < label(variables[$1]) }
      guard let leaving else { return .isCut(by: ray(entering, isNegated: false)) }
      pivot(leaving, entering)
    }
  }

  private func isCoordinate(_ variable: Variable) -> Bool {
    if case .coordinate = variable { return true }
    return false
  }

  private func label(_ variable: Variable) -> Int {
    switch variable {
    case .coordinate(let k): k - dimension
    case .product(let index): index
    }
  }

  /// `scale` times a row in terms of the basis.
  private func expressed(_ row: [BigInteger]) -> [BigInteger] {
    var result = [BigInteger](repeating: .zero, count: dimension)
    for (place, variable) in basis.enumerated() {
      if case .coordinate(let k) = variable { result[place] = row[k] * scale }
    }
    for (place, variable) in variables.enumerated() {
      guard case .coordinate(let k) = variable, row[k].sign != 0 else { continue }
      for j in 0..<dimension where entries[place][j].sign != 0 {
        result[j] = result[j] + row[k] * entries[place][j]
      }
    }
    return result
  }

  /// The point where one variable of the basis is `scale` or its negative, and the others are zero.
  private func ray(_ place: Int, isNegated: Bool) -> [BigInteger] {
    var point = [BigInteger](repeating: .zero, count: dimension)
    if case .coordinate(let k) = basis[place] { point[k] = scale }
    for (index, variable) in variables.enumerated() {
      if case .coordinate(let k) = variable { point[k] = entries[index][place] }
    }
    return isNegated ? point.map { -$0 } : point
  }

  /// Exchanges a variable of the basis and another one.
  private mutating func pivot(_ row: Int, _ column: Int) {
    let pivotRow = entries[row]
    let isNegative = pivotRow[column].isNegative
    let pivot = isNegative ? -pivotRow[column] : pivotRow[column]
    for i in entries.indices where i != row {
      let factor = isNegative ? -entries[i][column] : entries[i][column]
      for j in 0..<dimension where j != column {
        var value = entries[i][j] * pivot
        if factor.sign != 0, pivotRow[j].sign != 0 { value = value - factor * pivotRow[j] }
        entries[i][j] = value.dividedExactly(by: scale)
      }
      entries[i][column] = factor
    }
    for j in 0..<dimension where j != column {
      entries[row][j] = isNegative ? pivotRow[j] : -pivotRow[j]
    }
    entries[row][column] = isNegative ? -scale : scale
    (basis[column], variables[row]) = (variables[row], basis[column])
    scale = pivot
  }
}
