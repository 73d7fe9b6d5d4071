/// One level of a sweep: the arrangement restricted to the flat of the rows chosen so far.
///
/// With `e` the dimension of the flat, slots `0..<e` of `values` hold the rows on a basis of the flat
/// that is adapted to the flag, and slots `e..<rank` the rows on the dual basis of the chosen rows.
final class SweepFrame {
  /// Values of all rows, slot `s` at `s * stride`.
  let values: UnsafeMutablePointer<Double>
  /// Bound on the error of any value in a slot.
  let errors: UnsafeMutablePointer<Double>
  /// Largest modulus of any value in a slot.
  let sizes: UnsafeMutablePointer<Double>
  /// Sign of the determinant of the chosen rows in as many last coordinates of the flag.
  var sign = 1
  /// The row chosen to come here; unused at the root.
  var row = 0
  /// Children are rows below this one.
  var last: Int
  /// Packed bits of the rows that vanish on the flat.
  let members: UnsafeMutablePointer<UInt64>
  /// Number of such rows.
  var memberCount = 0
  /// Packed bits of the rows in the class of the chosen row.
  let followers: UnsafeMutablePointer<UInt64>
  /// Which of them have its sign.
  let sides: UnsafeMutablePointer<UInt64>
  /// Whether the class has other rows.
  var hasFollowers = false
  /// Rows that are not members in the order of the pencil.
  let order: UnsafeMutablePointer<Int32>
  /// Whether a row is parallel to the one before it in `order`.
  let tie: UnsafeMutablePointer<UInt8>
  /// Where the class of each child starts in `order`, -1 for other rows.
  let place: UnsafeMutablePointer<Int32>
  /// Number of rows in `order`.
  var liveCount = 0
  /// Whether any rows are parallel on the flat.
  var hasTies = false
  /// Next row to try as a child.
  var next = 1
  /// End of the rows to try.
  var end = 0
  /// Integer basis of the flat, one vector after another.
  let kernel: UnsafeMutablePointer<Int64>
  /// Whether products of two numbers of `restricted` are exact.
  var restrictedIsSmall = false
  /// Whether `kernel` and `restricted` can be used.
  var kernelState = Availability.unknown
  var restrictedState = Availability.unknown
  /// Exact values of the rows on the integer basis, slot `v` at `v * stride`.
  private(set) var restricted: UnsafeMutablePointer<Double>?
  private let capacity: Int

  /// Whether exact integers are at hand.
  enum Availability { case unknown, available, overflows }

  init(rank: Int, stride: Int, words: Int, lines: Int) {
    capacity = rank * stride
    values = .allocate(capacity: capacity)
    values.initialize(repeating: 0, count: capacity)
    errors = .allocate(capacity: rank)
    errors.initialize(repeating: 0, count: rank)
    kernel = .allocate(capacity: rank * rank)
    kernel.initialize(repeating: 0, count: rank * rank)
    sizes = .allocate(capacity: rank)
    sizes.initialize(repeating: 0, count: rank)
    last = lines
    members = .allocate(capacity: words)
    members.initialize(repeating: 0, count: words)
    followers = .allocate(capacity: words)
    followers.initialize(repeating: 0, count: words)
    sides = .allocate(capacity: words)
    sides.initialize(repeating: 0, count: words)
    order = .allocate(capacity: lines)
    order.initialize(repeating: 0, count: lines)
    tie = .allocate(capacity: lines + 1)
    tie.initialize(repeating: 0, count: lines + 1)
    place = .allocate(capacity: lines)
    place.initialize(repeating: -1, count: lines)
  }

  /// Memory for `restricted`, allocated when first asked for.
  func restrictedMemory() -> UnsafeMutablePointer<Double> {
    if let restricted { return restricted }
    let memory = UnsafeMutablePointer<Double>.allocate(capacity: capacity)
    memory.initialize(repeating: 0, count: capacity)
    restricted = memory
    return memory
  }

  deinit {
    values.deallocate()
    errors.deallocate()
    sizes.deallocate()
    kernel.deallocate()
    members.deallocate()
    followers.deallocate()
    sides.deallocate()
    order.deallocate()
    tie.deallocate()
    place.deallocate()
    restricted?.deallocate()
  }
}

/// Whether a bit is set.
@inline(__always)
func testBit(_ words: UnsafeMutablePointer<UInt64>, _ index: Int) -> Bool {
  (words[index >> 6] >> UInt64(index & 63)) & 1 == 1
}

/// Sets a bit.
@inline(__always)
func setBit(_ words: UnsafeMutablePointer<UInt64>, _ index: Int) {
  words[index >> 6] |= 1 << UInt64(index & 63)
}
