import Tensors

/// A vector of integers times one power of two, and its exact products with rows of numbers.
struct ExactVector: Sendable {
  let integers: [BigInteger]
  let exponent: Int

  /// The vector with entries `integers[k] * 2^exponent`.
  init(integers: [BigInteger], exponent: Int) {
    (self.integers, self.exponent) = (integers, exponent)
  }

  /// The exact value of finite floating-point numbers.
  init(_ values: [Double]) {
    self.init(values.map(ScaledInteger.init))
  }

  /// Integers times powers of two, brought to one power.
  init(_ entries: [ScaledInteger]) {
    let least = entries.filter { $0.integer.sign != 0 }.map(\.exponent).min() ?? 0
    integers = entries.map { $0.integer.shifted(by: max(0, $0.exponent - least)) }
    exponent = least
  }

  /// The exact product with a row of finite floating-point numbers.
  func product(_ row: ArraySlice<Double>) -> ScaledInteger {
    let other = ExactVector(Array(row))
    let sum = zip(integers, other.integers).reduce(BigInteger.zero) { $0 + $1.0 * $1.1 }
    return ScaledInteger(integer: sum, exponent: exponent + other.exponent)
  }
}

/// The number `integer * 2^exponent`.
struct ScaledInteger: Sendable {
  let integer: BigInteger
  let exponent: Int

  /// The number `integer * 2^exponent`.
  init(integer: BigInteger, exponent: Int) {
    (self.integer, self.exponent) = (integer, exponent)
  }

  /// The exact value of a finite floating-point number.
  init(_ x: Double) {
    guard x != 0 else {
      self.init(integer: .zero, exponent: 0)
      return
    }
    let isSubnormal = x.exponentBitPattern == 0
    let significand = x.significandBitPattern | (isSubnormal ? 0 : 1 << 52)
    let exponent = isSubnormal ? -1074 : Int(x.exponentBitPattern) - 1075
    let shift = significand.trailingZeroBitCount
    let odd = Int64(significand >> UInt64(shift))
    self.init(integer: BigInteger(x < 0 ? -odd : odd), exponent: exponent + shift)
  }

  /// The number times `2^-power`, rounded; zero or infinite when out of range.
  func rounded(dividedByPowerOfTwo power: Int) -> Double {
    let (value, bits) = integer.fraction
    let scale = min(max(exponent + bits - power, -4000), 4000)
    // In two steps, so that no factor is out of range.
    let half = scale / 2
    return value * Double(sign: .plus, exponent: half, significand: 1)
      * Double(sign: .plus, exponent: scale - half, significand: 1)
  }
}
