/// Restriction of rows to the hyperplane of one of them, over a prime field, with equal rows merged.
///
/// A row on a flat is stored as residues in the flat's coordinates, scaled so that its first nonzero
/// entry is one; rows of one line are then equal. Each row carries the number of the first line it
/// stands for. Eliminating the first nonzero coordinate of the pivot row leaves the same coordinates
/// whatever the order in which the rows of a flat were chosen.
///
/// Different rows modulo the prime are different; equal rows are equal in integers when no minor can
/// be a multiple of the prime, and are confirmed by `CountingRows.areDependent` otherwise.
final class CountingRestriction {
  let field: CountingField
  let exact: CountingRows
  /// Whether equality modulo the prime proves equality.
  let isFaithful: Bool
  /// Set when the prime divides a minor that is not zero, so that another prime is needed.
  private(set) var isPrimeBad = false
  // An open-addressed table; a slot is in use when its stamp is the current one.
  private let slotCount: Int
  private let slots: UnsafeMutablePointer<Int32>
  private let keys: UnsafeMutablePointer<UInt64>
  private let stamps: UnsafeMutablePointer<UInt32>
  private var stamp: UInt32 = 0
  private let products: UnsafeMutablePointer<UInt64>
  private let leads: UnsafeMutablePointer<UInt64>

  init(field: CountingField, exact: CountingRows, isFaithful: Bool, capacity: Int) {
    (self.field, self.exact, self.isFaithful) = (field, exact, isFaithful)
    var size = 16
    while size < 2 * capacity { size *= 2 }
    slotCount = size
    slots = .allocate(capacity: size)
    keys = .allocate(capacity: size)
    stamps = .allocate(capacity: size)
    stamps.initialize(repeating: 0, count: size)
    products = .allocate(capacity: capacity + 1)
    leads = .allocate(capacity: capacity + 1)
  }

  deinit {
    slots.deallocate()
    keys.deallocate()
    stamps.deallocate()
    products.deallocate()
    leads.deallocate()
  }

  /// Rows on a flat: residues row after row, and the line each row stands for.
  typealias Rows = (elements: UnsafeMutablePointer<UInt64>, labels: UnsafeMutablePointer<Int32>)

  /// Restricts rows to the hyperplane of one of them and merges those that become equal.
  ///
  /// - Parameters:
  ///   - source: Rows of length `dimension`.
  ///   - dimension: Dimension of the flat the rows live on, at least 2.
  ///   - pivot: The row to whose hyperplane the others are restricted.
  ///   - range: The rows to restrict; `pivot` is skipped.
  ///   - target: Receives rows of length `dimension - 1`, in order of first appearance.
  ///   - chain: Lines chosen so far, the pivot's included; used to confirm merging.
  /// - Returns: Number of distinct rows, or 0 when the prime turned out to be bad.
  func restrict(
    _ source: Rows, dimension: Int, pivot: Int, range: Range<Int>, into target: Rows, chain: [Int]
  ) -> Int {
    let (field, length) = (field, dimension - 1)
    let pivotRow = source.elements + pivot * dimension
    var p = 0
    while pivotRow[p] == 0 { p += 1 }
    // Every row is written with its original scale; `products` are prefix products of the leads.
    var written = 0
    var product = field.one
    for j in range where j != pivot {
      let row = source.elements + j * dimension
      let image = target.elements + written * length
      let factor = row[p]
      for v in 0..<p { image[v] = field.minus(row[v], field.times(factor, pivotRow[v])) }
      for v in p..<length {
        image[v] = field.minus(row[v + 1], field.times(factor, pivotRow[v + 1]))
      }
      var first = 0
      while first < length, image[first] == 0 { first += 1 }
      guard first < length else {
        isPrimeBad = true
        return 0
      }
      products[written] = product
      leads[written] = image[first]
      product = field.times(product, image[first])
      target.labels[written] = source.labels[j]
      written += 1
    }
    scale(target.elements, count: written, length: length, product: product)
    return merge(target, count: written, length: length, chain: chain)
  }

  /// Scales the rows of the whole space and checks that they stay different modulo the prime.
  ///
  /// - Parameters:
  ///   - rows: Nonzero rows of length `dimension` that span different lines.
  ///   - count: Number of rows.
  ///   - dimension: Length of a row.
  /// - Returns: Whether the prime can be used.
  func prepare(_ rows: Rows, count: Int, dimension: Int) -> Bool {
    var product = field.one
    for j in 0..<count {
      let row = rows.elements + j * dimension
      guard let first = (0..<dimension).first(where: { row[$0] != 0 }) else { return false }
      (products[j], leads[j]) = (product, row[first])
      product = field.times(product, row[first])
    }
    scale(rows.elements, count: count, length: dimension, product: product)
    return merge(rows, count: count, length: dimension, chain: []) == count
  }

  /// Divides every row by its first nonzero entry, with one inversion for all rows.
  private func scale(
    _ elements: UnsafeMutablePointer<UInt64>, count: Int, length: Int, product: UInt64
  ) {
    var inverse = field.inverse(product)
    for j in stride(from: count - 1, through: 0, by: -1) {
      let factor = field.times(inverse, products[j])
      inverse = field.times(inverse, leads[j])
      let row = elements + j * length
      for v in 0..<length where row[v] != 0 { row[v] = field.times(row[v], factor) }
    }
  }

  /// Keeps the first of equal rows; the number of rows kept, or 0 when the prime is bad.
  private func merge(_ rows: Rows, count: Int, length: Int, chain: [Int]) -> Int {
    let mask = slotCount - 1
    advanceStamp()
    var kept = 0
    for j in 0..<count {
      let row = rows.elements + j * length
      var hash: UInt64 = 0
      for v in 0..<length { hash = (hash ^ row[v]) &* 0x9E37_79B9_7F4A_7C15 }
      hash ^= hash >> 32
      var slot = Int(truncatingIfNeeded: hash) & mask
      var isNew = true
      while stamps[slot] == stamp {
        let known = Int(slots[slot])
        if keys[slot] == hash, Self.areEqual(row, rows.elements + known * length, length) {
          guard confirm(rows.labels[known], rows.labels[j], chain) else { return 0 }
          isNew = false
          break
        }
        slot = (slot + 1) & mask
      }
      guard isNew else { continue }
      (stamps[slot], slots[slot], keys[slot]) = (stamp, Int32(kept), hash)
      if kept != j {
        for v in 0..<length { rows.elements[kept * length + v] = row[v] }
        rows.labels[kept] = rows.labels[j]
      }
      kept += 1
    }
    return kept
  }

  /// The number of distinct images of the rows before a pivot in dimension 3, and nothing else.
  ///
  /// Two-dimensional images are points of a projective line: `y / x`, or infinity where `x = 0`.
  func countImages(
    _ source: Rows, pivot: Int, scratch: UnsafeMutablePointer<UInt64>, chain: [Int]
  ) -> Int {
    let field = field
    let pivotRow = source.elements + pivot * 3
    let p = pivotRow[0] != 0 ? 0 : pivotRow[1] != 0 ? 1 : 2
    let (i, k) = (p == 0 ? 1 : 0, p == 2 ? 1 : 2)
    let (a, b) = (pivotRow[i], pivotRow[k])
    var (written, infinite, infiniteLabel) = (0, 0, Int32(0))
    var product = field.one
    for j in 0..<pivot {
      let row = source.elements + j * 3
      let factor = row[p]
      let x = field.minus(row[i], field.times(factor, a))
      let y = field.minus(row[k], field.times(factor, b))
      if x == 0 {
        let isSound =
          y != 0 && (infinite == 0 || confirm(infiniteLabel, source.labels[j], chain))
        guard isSound else {
          isPrimeBad = true
          return 0
        }
        (infinite, infiniteLabel) = (1, source.labels[j])
        continue
      }
      products[written] = product
      leads[written] = x
      scratch[2 * written] = y
      scratch[2 * written + 1] = UInt64(j)
      product = field.times(product, x)
      written += 1
    }
    return infinite
      + countQuotients(source.labels, scratch, count: written, product: product, chain: chain)
  }

  /// The number of distinct `y / x`, inverting all `x` at once.
  private func countQuotients(
    _ labels: UnsafeMutablePointer<Int32>, _ scratch: UnsafeMutablePointer<UInt64>, count: Int,
    product: UInt64, chain: [Int]
  ) -> Int {
    guard count > 0 else { return 0 }
    advanceStamp()
    let (field, stamp) = (field, stamp)
    let shift = UInt64(slotCount.leadingZeroBitCount + 1)
    let mask = slotCount - 1
    var inverse = field.inverse(product)
    var distinct = 0
    for j in stride(from: count - 1, through: 0, by: -1) {
      let value = field.times(field.times(inverse, products[j]), scratch[2 * j])
      inverse = field.times(inverse, leads[j])
      var slot = Int(truncatingIfNeeded: (value &* 0x9E37_79B9_7F4A_7C15) >> shift)
      var isNew = true
      while stamps[slot] == stamp {
        if keys[slot] == value {
          let line = labels[Int(scratch[2 * j + 1])]
          guard confirm(slots[slot], line, chain) else { return 0 }
          isNew = false
          break
        }
        slot = (slot + 1) & mask
      }
      guard isNew else { continue }
      let line = labels[Int(scratch[2 * j + 1])]
      (stamps[slot], slots[slot], keys[slot]) = (stamp, line, value)
      distinct += 1
    }
    return distinct
  }

  /// Whether two lines that agree modulo the prime agree on the flat of the chain.
  private func confirm(_ a: Int32, _ b: Int32, _ chain: [Int]) -> Bool {
    if isFaithful || exact.areDependent(chain + [Int(a), Int(b)]) { return true }
    isPrimeBad = true
    return false
  }

  private func advanceStamp() {
    stamp &+= 1
    if stamp == 0 {
      stamps.update(repeating: 0, count: slotCount)
      stamp = 1
    }
  }

  @inline(__always)
  private static func areEqual(
    _ a: UnsafePointer<UInt64>, _ b: UnsafePointer<UInt64>, _ count: Int
  ) -> Bool {
    for v in 0..<count where a[v] != b[v] { return false }
    return true
  }
}
