import ConvexCNN
import Foundation

/// Small images and labels in files.
enum TinyData {
  /// Twelve 4 x 4 images of two classes: a bright row, or a bright column.
  static func images() -> Tensor {
    var generator = SeededGenerator(seed: 5)
    var result = Tensor(shape: [12, 4, 4])
    for i in 0..<12 {
      for p in 0..<16 {
        let line = i % 2 == 0 ? p / 4 : p % 4
        let isBright = line == (i / 2) % 4
        result.elements[i * 16 + p] = (isBright ? 1 : 0) + 0.1 * generator.uniform()
      }
    }
    return result
  }

  /// Writes `images.npy` and `labels.npy` (classes 0 and 1).
  static func write(to folder: Folder) throws {
    try NPY.write(images(), to: folder.path("images.npy"))
    try write(labels: (0..<12).map { Double($0 % 2) }, to: folder.path("labels.npy"))
  }

  static func write(labels: [Double], kind: ElementKind = .integer, to path: String) throws {
    try NPY.write(
      ArrayFile(shape: [labels.count], elements: labels, elementKind: kind), to: path)
  }

  /// Flags of a training run on those files.
  static let train = [
    "train", "--images", "images.npy", "--labels", "labels.npy", "--filter", "2x2",
    "--lambda-ratio", "0.1", "--threads", "1",
  ]

  /// Flags of a training run of a gated network, which is quick and proven.
  static let gated = train + ["--activation", "gated", "--cells", "sample:4", "--loss", "squared"]
}
