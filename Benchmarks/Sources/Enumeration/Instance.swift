import Arrangements
import BenchmarkSupport
import ConvexCNN
import Tensors

/// An arrangement by name: `gaussian-100-4`, `digits-2x2-20` (`-all`), `braid-10`, and so on for
/// every `CountingFamily`.
struct Instance {
  let name: String
  let normals: Matrix

  /// The rows of a name; `nil` when it names none.
  init?(_ name: String) throws {
    self.name = name
    let parts = name.split(separator: "-").map(String.init)
    let numbers = parts.dropFirst().compactMap { Int($0) }
    if parts.first == "gaussian", numbers.count == 2 {
      normals = Self.gaussian(lines: numbers[0], columns: numbers[1])
    } else if parts.first == "digits", parts.count == 3, let size = FilterSize(rawValue: parts[1]) {
      let count = Int(parts[2])
      guard parts[2] == "all" || (1...100).contains(count ?? 0) else { return nil }
      normals = try Self.digits(size, count: count)
    } else if let family = CountingFamily(rawValue: parts.first ?? ""), numbers.count == 1 {
      normals = Matrix(family.rows(numbers[0]))
    } else {
      return nil
    }
  }

  private static func gaussian(lines: Int, columns: Int) -> Matrix {
    var generator = SeededGenerator(seed: 1)
    let elements = (0..<lines * columns).map { _ in generator.normal() }
    return Matrix(rows: lines, columns: columns, elements: elements)
  }

  /// Where the first images of scikit-learn's order stand among training and test images.
  ///
  /// Both parts keep that order; the list has the test images among the first 100.
  private static func firstImages(_ count: Int) -> [Int] {
    let test = [4, 12, 22, 27, 35, 38, 45, 51, 53, 60, 69, 79, 82, 85, 86, 90, 95]
    let late = test.filter { $0 < count }.count
    return Array(0..<count - late) + Array(1438..<1438 + late)
  }

  /// All patches of some of the digits, or of all 1,797.
  private static func digits(_ size: FilterSize, count: Int?) throws -> Matrix {
    let data = try DatasetLoader.bundled(named: "digits")
    let all = data.train.images.elements + (data.test?.images.elements ?? [])
    let indices = count.map { firstImages($0) } ?? Array(0..<all.count / 64)
    let images = Tensor(
      shape: [indices.count, 1, 8, 8], elements: indices.flatMap { all[$0 * 64..<$0 * 64 + 64] })
    let geometry = try PatchGeometry(
      channels: 1, imageHeight: 8, imageWidth: 8, filterHeight: size.height,
      filterWidth: size.width)
    return try PatchSet(images: images, geometry: geometry).patches
  }
}
