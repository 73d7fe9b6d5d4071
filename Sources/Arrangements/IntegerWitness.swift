import Tensors

/// A point strictly inside a cell, with integer coordinates of any size.
///
/// Every cell has one, also those too thin for floating-point numbers.
public struct IntegerWitness: Sendable, Equatable {
  /// The coordinates, `patchDimension` of them.
  public let coordinates: [BigInteger]
}

extension CentralArrangement {
  /// The exact pattern of a point with integer coordinates.
  ///
  /// - Parameter witness: The point.
  /// - Returns: Pattern over the lines; `nil` when the point lies on a hyperplane.
  /// - Precondition: There are `patchDimension` coordinates.
  /// - Complexity: O(`lines * patchDimension`) operations with integers of the coordinates' size.
  /// - Accuracy: Exact for the representatives `essential.rows` (`ThinCellTests`).
  public func pattern(of witness: IntegerWitness) -> ActivationPattern? {
    precondition(
      witness.coordinates.count == patchDimension,
      "pattern(of:): \(witness.coordinates.count) coordinates, rows of \(patchDimension)")
    let vector = ExactVector(integers: witness.coordinates, exponent: 0)
    var bits = [UInt64](repeating: 0, count: (essential.lineCount + 63) / 64)
    for r in 0..<essential.lineCount {
      let sign = vector.product(line(r)).integer.sign
      guard sign != 0 else { return nil }
      if sign > 0 { bits[r >> 6] |= 1 << UInt64(r & 63) }
    }
    return ActivationPattern(bits: bits, count: essential.lineCount)
  }

  /// Entries of a representative.
  func line(_ r: Int) -> ArraySlice<Double> {
    essential.rows.elements[r * patchDimension..<(r + 1) * patchDimension]
  }

  /// Distance of a unit vector from the nearest hyperplane, proven, when its pattern is a given one.
  ///
  /// Products that floating point leaves open are computed exactly.
  ///
  /// - Returns: A lower bound on the distance, off by at most one part in `10^12` where products are
  ///   exact; `nil` when the pattern is another one or the distance is not representable.
  func provenMargin(of u: [Double], _ pattern: ActivationPattern) -> Double? {
    let h = patchDimension
    var exact: ExactVector?
    var least = Double.infinity
    for r in 0..<essential.lineCount {
      let row = line(r)
      let norm = 1 / inverseNorms[r]
      var (sum, size) = (0.0, 0.0)
      for (x, y) in zip(row, u) {
        sum += x * y
        size += abs(x * y)
      }
      if !pattern[r] { sum = -sum }
      let error = Double(h + 2) * 0x1p-52 * size + 0x1p-1000
      if norm.isNormal, sum > 2 * error {
        least = min(least, (sum - error) * inverseNorms[r])
        continue
      }
      let vector = exact ?? ExactVector(u)
      exact = vector
      let product = vector.product(row)
      guard product.integer.sign == (pattern[r] ? 1 : -1) else { return nil }
      // Rows of extreme size: the quotient is formed from leading digits and exponents.
      let length = ScaledInteger(BLAS.norm(Array(row)))
      let (value, bits) = length.integer.fraction
      guard value > 0 else { return nil }
      let quotient = abs(product.rounded(dividedByPowerOfTwo: length.exponent + bits)) / value
      least = min(least, quotient)
    }
    least *= 1 - 1e-12
    return least > 0 && least.isFinite ? least : nil
  }
}
