/// Arithmetic modulo a prime `p` with `2^61 < p < 2^62`, in Montgomery form.
///
/// A residue `x` is stored as `x 2^64 mod p`; zero is stored as zero, and equal residues are stored
/// equally. No operation overflows.
///
/// - Source: Montgomery, *Modular Multiplication Without Trial Division*, Mathematics of Computation
///   1985.
struct CountingField: Sendable {
  /// The prime.
  let p: UInt64
  /// `1 / p` modulo `2^64`.
  private let inverseOfPrime: UInt64
  /// The residue 1.
  let one: UInt64
  /// `2^128 mod p`, which converts integers.
  private let conversion: UInt64

  /// The field of a prime between `2^61` and `2^62`.
  init(prime: UInt64) {
    p = prime
    var inverse = prime
    // Newton: the number of right bits doubles from 3.
    for _ in 0..<5 { inverse = inverse &* (2 &- prime &* inverse) }
    inverseOfPrime = inverse
    one = prime.dividingFullWidth((high: 1, low: 0)).remainder
    let square = one.multipliedFullWidth(by: one)
    conversion = prime.dividingFullWidth(square).remainder
  }

  /// The product of two residues.
  @inline(__always)
  func times(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    let quotient = (product.low &* inverseOfPrime).multipliedFullWidth(by: p).high
    let difference = product.high &- quotient
    return product.high >= quotient ? difference : difference &+ p
  }

  /// The difference of two residues.
  @inline(__always)
  func minus(_ a: UInt64, _ b: UInt64) -> UInt64 { a >= b ? a &- b : a &- b &+ p }

  /// A power of a residue.
  func power(_ base: UInt64, _ exponent: UInt64) -> UInt64 {
    var (result, square, rest) = (one, base, exponent)
    while rest > 0 {
      if rest & 1 == 1 { result = times(result, square) }
      square = times(square, square)
      rest >>= 1
    }
    return result
  }

  /// The inverse of a residue that is not zero.
  func inverse(_ a: UInt64) -> UInt64 { power(a, p - 2) }

  /// The residue of `significand * 2^shift`.
  func residue(_ significand: Int64, shift: Int) -> UInt64 {
    var result = times(significand.magnitude % p, conversion)
    if shift > 0 { result = times(result, power(times(2, conversion), UInt64(shift))) }
    return significand < 0 ? minus(0, result) : result
  }

  /// Rank of a matrix of residues, and the columns in which elimination found its pivots.
  ///
  /// - Parameters:
  ///   - elements: Residues, row after row.
  ///   - columns: Number of columns, positive.
  /// - Returns: The pivot columns in increasing order; as many as the rank.
  /// - Complexity: O(`rows * rank * columns`).
  func pivotColumns(_ elements: [UInt64], columns: Int) -> [Int] {
    var basis: [(pivot: Int, row: [UInt64])] = []
    for start in stride(from: 0, to: elements.count, by: columns) {
      if basis.count == columns { break }
      var row = Array(elements[start..<start + columns])
      for known in basis where row[known.pivot] != 0 {
        let factor = row[known.pivot]
        for j in 0..<columns { row[j] = minus(row[j], times(factor, known.row[j])) }
      }
      guard let pivot = row.firstIndex(where: { $0 != 0 }) else { continue }
      let scale = inverse(row[pivot])
      basis.append((pivot, row.map { times($0, scale) }))
    }
    return basis.map { $0.pivot }.sorted()
  }
}

/// The fields used, one after another from a prime with no structure that data could share.
enum CountingPrimes {
  /// The fields used in nearly every case.
  private static let common: [CountingField] = {
    var fields: [CountingField] = []
    var prime = start
    for _ in 0..<24 {
      prime = next(below: prime)
      fields.append(CountingField(prime: prime))
    }
    return fields
  }()

  private static let start: UInt64 = 0x3A5F_19C3_7D24_E6B1

  /// The field with a number, counted from 0; primes decrease with the number.
  static func field(_ number: Int) -> CountingField {
    if number < common.count { return common[number] }
    var prime = common[common.count - 1].p
    for _ in common.count...number { prime = next(below: prime) }
    return CountingField(prime: prime)
  }

  /// The largest prime below an odd number.
  private static func next(below number: UInt64) -> UInt64 {
    var candidate = number - 2
    while !isPrime(candidate) { candidate -= 2 }
    return candidate
  }

  /// Miller-Rabin test with the first twelve primes, deterministic below `3.3e24`.
  ///
  /// - Source: Sorenson & Webster, *Strong pseudoprimes to twelve prime bases*, Mathematics of
  ///   Computation 2017.
  private static func isPrime(_ n: UInt64) -> Bool {
    let bases: [UInt64] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37]
    if bases.contains(where: { n % $0 == 0 }) { return false }
    let twos = UInt64((n - 1).trailingZeroBitCount)
    return bases.allSatisfy { base in
      var x = power(base, (n - 1) >> twos, modulo: n)
      if x == 1 || x == n - 1 { return true }
      for _ in 1..<twos {
        x = n.dividingFullWidth(x.multipliedFullWidth(by: x)).remainder
        if x == n - 1 { return true }
      }
      return false
    }
  }

  private static func power(_ base: UInt64, _ exponent: UInt64, modulo n: UInt64) -> UInt64 {
    var (result, square, rest): (UInt64, UInt64, UInt64) = (1, base, exponent)
    while rest > 0 {
      if rest & 1 == 1 {
        result = n.dividingFullWidth(result.multipliedFullWidth(by: square)).remainder
      }
      square = n.dividingFullWidth(square.multipliedFullWidth(by: square)).remainder
      rest >>= 1
    }
    return result
  }
}
