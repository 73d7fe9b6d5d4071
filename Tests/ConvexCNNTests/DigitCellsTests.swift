import ConvexCNN
import Testing

/// Cells of patches of the first images of the digits, in the order of the original file.
struct DigitCellsTests {
  /// The numbers 0..<count in the order of the split's shuffle (`data/README.md`).
  private static func shuffled(_ count: Int, digit: Int) -> [Int] {
    var state = UInt64(20_210_506 + digit)
    func bits() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    var order = Array(0..<count)
    for i in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(i, Int(bits().multipliedFullWidth(by: UInt64(i + 1)).high))
    }
    return order
  }

  /// The first 20 images of the file, whose labels are 0...9 twice.
  private static func firstImages() throws -> Tensor {
    let (train, test) = try BundledDataset.digits.load()
    func images(of digit: Int, _ part: LabeledDataset) -> [[Double]] {
      guard case .classes(let classes, _) = part.labels else { return [] }
      return classes.indices.filter { classes[$0] == digit }.map { i in
        Array(part.images.elements[i * 64..<(i + 1) * 64])
      }
    }
    var rounds: [[[Double]]] = [[], []]
    for digit in 0..<10 {
      var (rest, held) = (images(of: digit, train), images(of: digit, test))
      let order = shuffled(rest.count + held.count, digit: digit)
      let isHeld = Set(order.prefix(held.count))
      for round in 0..<2 {
        rounds[round].append(isHeld.contains(round) ? held.removeFirst() : rest.removeFirst())
      }
    }
    return Tensor(shape: [20, 1, 8, 8], elements: rounds.flatMap { $0 }.flatMap { $0 })
  }

  @Test(arguments: [
    (2, 2, 1, 42, 9_490), (2, 2, 5, 166, 649_414), (2, 2, 10, 321, 4_747_676),
    (2, 2, 20, 604, 31_645_809), (1, 3, 5, 142, 8_420), (1, 3, 20, 435, 78_000),
  ])
  func firstDigitsHaveTheKnownCells(
    height: Int, width: Int, images: Int, lines: Int, half: Int
  ) throws {
    let all = try Self.firstImages()
    let batch = Tensor(shape: [images, 1, 8, 8], elements: Array(all.elements[..<(images * 64)]))
    let geometry = try PatchGeometry(
      imageHeight: 8, imageWidth: 8, filterHeight: height, filterWidth: width)
    let patches = try PatchSet(images: batch, geometry: geometry).patches
    let enumeration = try CellEnumeration(CentralArrangement(normals: patches))
    #expect(enumeration.lineCount == lines)
    var found = 0
    try enumeration.forEachBatch(threads: 1) { batch in
      found += batch.count
      return true
    }
    #expect(found == half)
    if half < 1_000_000 {
      let patterns = Set(enumeration.cells)
      #expect(patterns.union(patterns.map(\.complement)).count == 2 * half)
    }
  }
}
