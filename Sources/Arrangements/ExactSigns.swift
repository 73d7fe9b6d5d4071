/// Exact signs of determinants of rows of an arrangement, by residues modulo enough primes.
///
/// With `x_j[v] = a_j . z_v` for the flag `z_0, ..., z_{d-1}`, the sign asked for is that of the
/// determinant of `m` rows in the last `m` of these coordinates.
struct ExactSigns {
  private let rows: ExactRows
  private let flag: [Int64]
  private let flagBits: Int
  private var matrix: [UInt64]
  private var signOfFlag: Int?
  private var coordinates: [UInt64]

  /// Signs for rows and a flag, `flag[v * rank + k]` coordinate `k` of `z_v`.
  init(rows: ExactRows, flag: [Int64]) {
    self.rows = rows
    self.flag = flag
    flagBits = flag.map { 64 - $0.magnitude.leadingZeroBitCount }.max() ?? 0
    matrix = [UInt64](repeating: 0, count: rows.rank * rows.rank)
    coordinates = [UInt64](repeating: 0, count: rows.rank)
  }

  /// Sign of the determinant of rows in as many last coordinates of the flag.
  ///
  /// Zero for independent rows only when the flag is in special position.
  mutating func sign(_ chosen: [Int]) -> Int {
    let d = rows.rank
    guard chosen.count == d else { return sign(chosen, in: chosen.count) }
    let ofFlag = signOfFlag ?? flagSign()
    signOfFlag = ofFlag
    return ofFlag * sign(chosen, in: nil)
  }

  /// Whether rows are linearly dependent.
  ///
  /// Every minor is smaller than the product of the primes; all of them vanish modulo each prime
  /// only if all of them vanish.
  mutating func areDependent(_ chosen: [Int]) -> Bool {
    let list = ExactPrimes.list(primeCount(bits(chosen, extra: 0), order: chosen.count))
    let (d, m) = (rows.rank, chosen.count)
    for field in list.fields {
      var work = [UInt64](repeating: 0, count: m * d)
      for (i, j) in chosen.enumerated() {
        for k in 0..<d { work[i * d + k] = residue(j, k, field) }
      }
      var rank = 0
      for column in 0..<d where rank < m {
        guard let p = (rank..<m).first(where: { work[$0 * d + column] != 0 }) else { continue }
        if p != rank { for k in 0..<d { work.swapAt(p * d + k, rank * d + k) } }
        let inverse = field.inverse(work[rank * d + column])
        for i in rank + 1..<max(m, rank + 1) where work[i * d + column] != 0 {
          let factor = field.multiply(work[i * d + column], inverse)
          for k in column..<d {
            work[i * d + k] = field.subtract(
              work[i * d + k], field.multiply(factor, work[rank * d + k]))
          }
        }
        rank += 1
      }
      if rank == m { return false }
    }
    return true
  }

  private func residue(_ row: Int, _ column: Int, _ field: PrimeField) -> UInt64 {
    let index = row * rows.rank + column
    let mantissa = rows.mantissas[index]
    return mantissa == 0 ? 0 : field.residue(mantissa, exponent: Int(rows.exponents[index]))
  }

  /// Bound on the binary logarithm of a product of the largest entries.
  private func bits(_ chosen: [Int], extra: Int) -> Int {
    chosen.reduce(0) { $0 + rows.rowBits[$1] + extra }
  }

  /// Primes enough for determinants by Hadamard's inequality.
  private func primeCount(_ bits: Int, order: Int) -> Int {
    let logarithm = Int.bitWidth - order.leadingZeroBitCount
    return (bits + (order * logarithm + 1) / 2 + 2) / ExactPrimes.bitsPerPrime + 1
  }

  /// Sign of the determinant in the last `count` coordinates of the flag; in the standard ones for
  /// `nil`.
  private mutating func sign(_ chosen: [Int], in count: Int?) -> Int {
    let (d, m) = (rows.rank, chosen.count)
    guard m > 0 else { return 1 }
    let extra = count == nil ? 0 : flagBits + Int.bitWidth - d.leadingZeroBitCount
    let primes = primeCount(bits(chosen, extra: extra), order: m)
    let list = ExactPrimes.list(primes)
    var residues = [UInt64](repeating: 0, count: primes)
    for (index, field) in list.fields.prefix(primes).enumerated() {
      var flagResidues: [UInt64] = []
      if let count {
        flagResidues = flag[((d - count) * d)...].map { field.residue($0) }
      }
      for (i, j) in chosen.enumerated() {
        for k in 0..<d { coordinates[k] = residue(j, k, field) }
        guard count != nil else {
          for k in 0..<d { matrix[i * m + k] = coordinates[k] }
          continue
        }
        for v in 0..<m {
          var sum: UInt64 = 0
          for k in 0..<d where coordinates[k] != 0 {
            sum = field.add(sum, field.multiply(coordinates[k], flagResidues[v * d + k]))
          }
          matrix[i * m + v] = sum
        }
      }
      residues[index] = matrix.withUnsafeMutableBufferPointer { buffer in
        buffer.baseAddress.map { field.determinant($0, order: m) } ?? 0
      }
    }
    return ExactPrimes.sign(&residues, list)
  }

  /// Sign of the determinant of the flag.
  private mutating func flagSign() -> Int {
    let d = rows.rank
    let primes = primeCount(flagBits * d, order: d)
    let list = ExactPrimes.list(primes)
    var residues = [UInt64](repeating: 0, count: primes)
    for (index, field) in list.fields.prefix(primes).enumerated() {
      var work = flag.map { field.residue($0) }
      // Columns of the matrix are the flag's vectors; transposing keeps the determinant.
      residues[index] = work.withUnsafeMutableBufferPointer { buffer in
        buffer.baseAddress.map { field.determinant($0, order: d) } ?? 0
      }
    }
    return ExactPrimes.sign(&residues, list)
  }
}
