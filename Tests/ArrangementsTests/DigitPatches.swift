import Formats
import Tensors

/// Patches of the bundled digits, whose cells other programs have counted.
enum DigitPatches {
  /// All 1,797 images, training before test, as rows of 64 integers from 0 to 16.
  static func images() throws -> [[Double]] {
    let folder = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    return try ["train", "test"].flatMap { part in
      let file = try IDX.read("/\(folder)/data/digits-\(part)-images-idx3-ubyte.gz")
      return (0..<file.shape[0]).map { Array(file.elements[$0 * 64..<($0 + 1) * 64]) }
    }
  }

  /// Where the first images of scikit-learn's order stand in `images()`, for at most 100.
  ///
  /// Both parts keep that order; the list has the images among the first 100 that are in the second.
  static func firstImages(_ count: Int) -> [Int] {
    let second = [4, 12, 22, 27, 35, 38, 45, 51, 53, 60, 69, 79, 82, 85, 86, 90, 95]
    let late = second.filter { $0 < count }.count
    return Array(0..<count - late) + Array(1438..<1438 + late)
  }

  /// The patches of images of 8 x 8 pixels.
  static func patches(_ images: [[Double]], height: Int, width: Int) -> Matrix {
    var elements: [Double] = []
    for image in images {
      for top in 0...8 - height {
        for left in 0...8 - width {
          for i in 0..<height {
            for j in 0..<width { elements.append(image[(top + i) * 8 + left + j]) }
          }
        }
      }
    }
    let columns = height * width
    return Matrix(rows: elements.count / columns, columns: columns, elements: elements)
  }
}
