extension FacetSearch {
  /// Strikes out every row that the present basis proves to be a combination of facets.
  ///
  /// - Parameter line: The row whose coordinates are not clearly below zero.
  /// - Returns: Whether that row is among them.
  func certify(_ line: Int) -> Bool {
    if makeExact() {
      strikeOutExactly()
      return !isLive[line]
    }
    guard strikeOut() else { return false }
    return !isLive[line] || isImplied(line)
  }

  /// Makes the basis exact when the rows are small integers.
  private func makeExact() -> Bool {
    guard let largest = plan.largestInteger else { return false }
    let d = dimension
    func element(_ i: Int, _ k: Int) -> Double {
      let line = Int(basis.lines[i])
      let x = elements[line * d + k]
      return inverses[line] < 0 ? -x : x
    }
    let determinant = exactBasis.invert(element)
    return exactBasis.makeExact(determinant: determinant, largest: largest, element)
  }

  /// Strikes out rows whose exact coordinates are at least zero.
  private func strikeOutExactly() {
    let d = dimension
    let directions = exactBasis.directions
    for j in 0..<lineCount where isLive[j] {
      let x = elements + j * d
      let isNegative = inverses[j] < 0
      var isInside = true
      for i in 0..<d where isInside {
        var sum = 0.0
        for k in 0..<d { sum += directions[i * d + k] * x[k] }
        isInside = isNegative ? sum <= 0 : sum >= 0
      }
      if isInside { isLive[j] = false }
    }
  }

  /// Strikes out rows whose coordinates exceed the error bounds.
  ///
  /// - Returns: False when the basis is too ill conditioned for bounds.
  private func strikeOut() -> Bool {
    let d = dimension
    var defect = defect()
    if defect > 1e-9 {
      reinvert()
      defect = self.defect()
      guard defect < 1e-3 else { return false }
    }
    let directions = basis.directions
    var largest = 0.0
    for i in 0..<d * d { largest = max(largest, abs(directions[i])) }
    for j in 0..<lineCount where isLive[j] {
      let x = elements + j * d
      let sign = inverses[j] < 0 ? -1.0 : 1
      let rounding = Double((d + 2) * d) * 0x1p-52 * largest / plan.inverseNorms[j] + 0x1p-500
      var (least, most) = (Double.infinity, 0.0)
      for i in 0..<d {
        var sum = 0.0
        for k in 0..<d { sum += directions[i * d + k] * x[k] }
        sum *= sign
        least = min(least, sum)
        guard least > rounding else { break }
        most = max(most, sum)
      }
      if least > rounding, least > 2 * defect * most + rounding { isLive[j] = false }
    }
    return true
  }

  private func defect() -> Double {
    basis.defect { UnsafePointer(facetRows + facetIndex(basis.lines[$0]) * dimension) }
  }

  /// Whether a row is a combination of the basis, by the exact signs of all coordinates.
  private func isImplied(_ line: Int) -> Bool {
    let chosen = (0..<dimension).map { Int(basis.lines[$0]) }
    let sign = signs.sign(chosen)
    guard sign != 0 else { return false }
    for i in 0..<dimension {
      var exchanged = chosen
      exchanged[i] = line
      let flips = (inverses[line] < 0) != (inverses[chosen[i]] < 0)
      if signs.sign(exchanged) * sign * (flips ? -1 : 1) < 0 { return false }
    }
    isLive[line] = false
    return true
  }
}
