import ConvexCNN
import Foundation
import Testing

struct DatasetLoaderTests {
  private let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("convexcnn-\(UUID().uuidString)").path

  private func load(
    _ images: ArrayFile, labels: ArrayFile, isSignal: Bool = false, like kind: SampleKind? = nil
  ) throws -> LabeledDataset {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try NPY.write(images, to: "\(folder)/x.npy")
    try NPY.write(labels, to: "\(folder)/y.npy")
    return try DatasetLoader(isSignal: isSignal).load(
      images: "\(folder)/x.npy", labels: "\(folder)/y.npy", like: kind)
  }

  private func array(_ shape: [Int], _ kind: ElementKind = .floating) -> ArrayFile {
    ArrayFile(shape: shape, elements: (0..<shape.reduce(1, *)).map(Double.init), elementKind: kind)
  }

  private func labels(_ values: [Double], _ kind: ElementKind = .integer) -> ArrayFile {
    ArrayFile(shape: [values.count], elements: values, elementKind: kind)
  }

  @Test(arguments: [
    ([2, 6], false, [2, 1, 1, 6]), ([2, 3, 4], false, [2, 1, 3, 4]),
    ([2, 3, 4], true, [2, 3, 1, 4]), ([2, 3, 4, 5], false, [2, 3, 4, 5]),
  ])
  func axesBecomeSamplesChannelsHeightWidth(shape: [Int], isSignal: Bool, expected: [Int]) throws {
    let data = try load(array(shape), labels: labels([0, 1]), isSignal: isSignal)
    #expect(data.images.shape == expected)
  }

  @Test func unsignedBytesAreScaledToOne() throws {
    let pixels = ArrayFile(
      shape: [2, 1, 2], elements: [0, 51, 102, 255], elementKind: .unsignedByte)
    let data = try load(pixels, labels: labels([0, 1]))
    #expect(data.images.elements == [0, 0.2, 0.4, 1])
  }

  @Test func integersAreClassesAndFloatsAreTargets() throws {
    let classes = try load(array([3, 2, 2]), labels: labels([0, 2, 1]))
    let signs = try load(array([3, 2, 2]), labels: labels([-1, 1, 1]))
    let targets = try load(array([3, 2, 2]), labels: labels([0, 2, 1], .floating))
    #expect(classes.labels == .classes([0, 2, 1], count: 3))
    #expect(signs.labels == .signs([-1, 1, 1]))
    #expect(targets.labels == .regression(Matrix(rows: 3, columns: 1, elements: [0, 2, 1])))
  }

  @Test func labelsTakeTheKindOfTheModel() throws {
    let kind = SampleKind(shape: [1, 2, 2], labels: .signs, classNames: ["a", "b"])
    let data = try load(array([3, 2, 2]), labels: labels([0, 1, 0]), like: kind)
    #expect(data.labels == .signs([-1, 1, -1]))
    #expect(data.classNames == ["a", "b"])
  }

  @Test func absentClassesAreFound() throws {
    let data = try load(array([3, 2, 2]), labels: labels([0, 4, 1]))
    #expect(data.labels.absentClasses == [2, 3])
  }

  @Test func splitIsStratifiedAndSeeded() throws {
    let values = (0..<40).map { Double($0 % 4) }
    let data = try load(array([40, 1, 2]), labels: labels(values))
    let first = try data.split(testFraction: 0.3, seed: 1)
    let again = try data.split(testFraction: 0.3, seed: 1)
    let other = try data.split(testFraction: 0.3, seed: 2)
    #expect(first == again)
    #expect(first.train != other.train)
    let test = try #require(first.test)
    let counts = (0..<4).map { c in (test.labels.classIndices ?? []).count { $0 == c } }
    #expect(counts == [3, 3, 3, 3])
    let union = Set(test.images.elements).union(first.train.images.elements)
    #expect(union.count == 80)
  }

  @Test func splitRefusesAnEmptyPart() throws {
    let data = try load(array([2, 1, 2]), labels: labels([0, 1]))
    #expect(throws: InputError.self) { try data.split(testFraction: 0.1, seed: 0) }
  }

  @Test func otherShapeThanTheModelIsNamed() throws {
    let kind = SampleKind(shape: [1, 3, 2], labels: .signs, classNames: ["a", "b"])
    let error = #expect(throws: InputError.self) {
      try load(array([3, 2, 2]), labels: labels([0, 1, 0]), like: kind)
    }
    #expect(error?.kind == .data)
    #expect(error?.expected.contains("[1, 3, 2]") == true)
  }
}
