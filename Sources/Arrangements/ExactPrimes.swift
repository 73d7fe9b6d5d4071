import Tensors

/// Arithmetic modulo one odd prime below `2^62`, on residues in Montgomery form `x 2^64 mod p`.
struct PrimeField: Sendable {
  /// The modulus.
  let prime: UInt64
  /// `-1 / prime` modulo `2^64`.
  private let negatedInverse: UInt64
  /// `2^128 mod prime`, which brings numbers into Montgomery form.
  private let square: UInt64
  /// One, in Montgomery form.
  let one: UInt64

  /// The field of residues modulo an odd prime below `2^62`.
  init(prime: UInt64) {
    self.prime = prime
    var inverse = prime
    for _ in 0..<6 { inverse = inverse &* (2 &- prime &* inverse) }
    negatedInverse = 0 &- inverse
    one = prime.dividingFullWidth((1, 0)).remainder
    square = prime.dividingFullWidth(one.multipliedFullWidth(by: one)).remainder
  }

  /// Product of two residues.
  @inline(__always)
  func multiply(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    let reducer = (product.low &* negatedInverse).multipliedFullWidth(by: prime)
    let carry: UInt64 = product.low != 0 ? 1 : 0
    let sum = product.high &+ reducer.high &+ carry
    return sum >= prime ? sum &- prime : sum
  }

  /// Difference of two residues.
  @inline(__always)
  func subtract(_ a: UInt64, _ b: UInt64) -> UInt64 { a >= b ? a &- b : a &+ prime &- b }

  /// Sum of two residues.
  @inline(__always)
  func add(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let sum = a &+ b
    return sum >= prime ? sum &- prime : sum
  }

  /// Residue of an integer.
  @inline(__always)
  func residue(_ x: Int64) -> UInt64 {
    // Any 64-bit number times `square < prime` is below `2^64 prime`, so the product is reduced.
    let size = multiply(x.magnitude, square)
    return x < 0 && size != 0 ? prime &- size : size
  }

  /// Residue of `x 2^exponent`.
  ///
  /// - Precondition: `exponent >= 0`.
  func residue(_ x: Int64, exponent: Int) -> UInt64 {
    let size = residue(x)
    return exponent == 0 ? size : multiply(size, power(residue(2), exponent))
  }

  /// The number in `0..<prime` that a residue stands for.
  func number(_ residue: UInt64) -> UInt64 { multiply(residue, 1) }

  /// A residue to a power.
  func power(_ base: UInt64, _ exponent: Int) -> UInt64 {
    var (result, square, rest) = (one, base, exponent)
    while rest > 0 {
      if rest & 1 == 1 { result = multiply(result, square) }
      square = multiply(square, square)
      rest >>= 1
    }
    return result
  }

  /// One over a residue that is not zero.
  func inverse(_ residue: UInt64) -> UInt64 { power(residue, Int(prime) - 2) }

  /// Determinant of a square matrix of residues, which is destroyed.
  func determinant(_ matrix: UnsafeMutablePointer<UInt64>, order: Int) -> UInt64 {
    var result = one
    for c in 0..<order {
      guard let p = (c..<order).first(where: { matrix[$0 * order + c] != 0 }) else { return 0 }
      if p != c {
        for j in c..<order {
          (matrix[c * order + j], matrix[p * order + j]) =
            (matrix[p * order + j], matrix[c * order + j])
        }
        result = subtract(0, result)
      }
      result = multiply(result, matrix[c * order + c])
      guard c + 1 < order else { break }
      let inverse = inverse(matrix[c * order + c])
      for i in c + 1..<order where matrix[i * order + c] != 0 {
        let factor = multiply(matrix[i * order + c], inverse)
        for j in c + 1..<order {
          matrix[i * order + j] = subtract(
            matrix[i * order + j], multiply(factor, matrix[c * order + j]))
        }
      }
    }
    return result
  }
}

/// The primes below `2^61` in descending order, with what mixed radix numbers need.
///
/// A list grows on demand and is shared by all threads; its entries never change.
enum ExactPrimes {
  /// Bits that each prime certainly adds to a product of primes.
  static let bitsPerPrime = 60

  /// Fields of the largest primes, and `inverses[i][j] = 1 / p_j` modulo `p_i` for `j < i`.
  struct List: Sendable {
    var fields: [PrimeField] = []
    var inverses: [[UInt64]] = []
  }

  private static let shared = Guarded(List())

  /// A list of at least `count` primes.
  static func list(_ count: Int) -> List {
    shared.withLock { list in
      var candidate = (list.fields.last?.prime ?? (1 << 61) + 1) - 2
      while list.fields.count < count {
        if isPrime(candidate) {
          let field = PrimeField(prime: candidate)
          let inverses = list.fields.map { field.inverse(field.residue(Int64($0.prime))) }
          // Into new arrays: others read the old ones without the lock.
          list = List(fields: list.fields + [field], inverses: list.inverses + [inverses])
        }
        candidate -= 2
      }
      return list
    }
  }

  /// Whether an odd number is prime: Miller and Rabin's test with bases that decide all 64-bit
  /// numbers.
  ///
  /// - Source: Sorenson & Webster, *Strong pseudoprimes to twelve prime bases*, 2017.
  static func isPrime(_ n: UInt64) -> Bool {
    let field = PrimeField(prime: n)
    let minusOne = field.subtract(0, field.one)
    let shift = (n - 1).trailingZeroBitCount
    for base: Int64 in [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37] {
      var x = field.power(field.residue(base), Int((n - 1) >> UInt64(shift)))
      if x == field.one || x == minusOne { continue }
      var isComposite = true
      for _ in 1..<max(shift, 1) {
        x = field.multiply(x, x)
        if x == minusOne {
          isComposite = false
          break
        }
      }
      if isComposite { return false }
    }
    return true
  }

  /// Sign of the integer with given residues, if its modulus is below half the product of primes.
  ///
  /// In mixed radix `x = v_0 + v_1 p_0 + v_2 p_0 p_1 + ...` the digits of half the product, rounded
  /// down, are `(p_i - 1) / 2`, and residues above half stand for negative numbers.
  ///
  /// - Parameters:
  ///   - residues: In Montgomery form, one per prime of the list; overwritten by the digits.
  ///   - list: The primes.
  /// - Returns: -1, 0 or 1.
  static func sign(_ residues: inout [UInt64], _ list: List) -> Int {
    guard residues.contains(where: { $0 != 0 }) else { return 0 }
    for i in residues.indices {
      let field = list.fields[i]
      var digit = residues[i]
      for j in 0..<i {
        let lower = field.residue(Int64(residues[j]))
        digit = field.multiply(field.subtract(digit, lower), list.inverses[i][j])
      }
      residues[i] = field.number(digit)
    }
    for i in residues.indices.reversed() {
      let half = (list.fields[i].prime - 1) / 2
      if residues[i] != half { return residues[i] > half ? -1 : 1 }
    }
    return 1
  }
}
