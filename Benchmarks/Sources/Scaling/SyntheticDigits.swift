import ConvexCNN
import Foundation

/// Images of 28 x 28 pixels in ten classes: smooth random prototypes, shifted by up to two pixels, with noise.
///
/// Prototypes depend on the seed only, and sample `i` on the seed and `i`, so that a smaller set is the start of a larger one.
struct SyntheticDigits {
  static let side = 28
  static let classCount = 10
  private let prototypes: [[Double]]
  private let seed: UInt64

  init(seed: UInt64 = 0) {
    self.seed = seed
    var generator = SeededGenerator(seed: seed)
    prototypes = (0..<Self.classCount).map { _ in
      var plane = (0..<Self.side * Self.side).map { _ in generator.uniform() }
      for _ in 0..<3 { plane = Self.smoothed(plane) }
      return plane
    }
  }

  /// Every pixel becomes the mean of itself and its four neighbors, around the rim.
  private static func smoothed(_ plane: [Double]) -> [Double] {
    (0..<side * side).map { p in
      let (row, column) = (p / side, p % side)
      let neighbors = [
        p, row * side + (column + 1) % side, row * side + (column + side - 1) % side,
        (row + 1) % side * side + column, (row + side - 1) % side * side + column,
      ]
      return neighbors.reduce(0) { $0 + plane[$1] } / 5
    }
  }

  /// Bytes and class of a sample.
  func sample(_ index: Int) -> (bytes: [UInt8], label: Int) {
    var generator = SeededGenerator(seed: (seed &+ 1) &* 0x1_0000_0000 &+ UInt64(index))
    let label = generator.integer(below: Self.classCount)
    let (down, right) = (generator.integer(below: 5) + 26, generator.integer(below: 5) + 26)
    let plane = prototypes[label]
    let bytes = (0..<Self.side * Self.side).map { p in
      let (row, column) = ((p / Self.side + down) % Self.side, (p % Self.side + right) % Self.side)
      let value = 255 * (plane[row * Self.side + column] + 0.15 * generator.normal())
      return UInt8(max(0, min(255, value)))
    }
    return (bytes, label)
  }

  /// Writes `images.npy` (bytes) and `labels.npy` to a folder.
  func write(_ count: Int, to folder: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    var bytes: [UInt8] = []
    var labels: [Double] = []
    bytes.reserveCapacity(count * Self.side * Self.side)
    for i in 0..<count {
      let (pixels, label) = sample(i)
      bytes += pixels
      labels.append(Double(label))
    }
    try NPY.write(bytes: bytes, shape: [count, Self.side, Self.side], to: "\(folder)/images.npy")
    try NPY.write(
      ArrayFile(shape: [count], elements: labels, elementKind: .integer),
      to: "\(folder)/labels.npy")
  }
}
