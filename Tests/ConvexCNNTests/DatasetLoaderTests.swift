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

  /// A folder with an image of each shade in the sub-folder of each name.
  private func pictures(_ shades: [(name: String, shade: UInt8)]) throws {
    for (name, shade) in shades {
      try FileManager.default.createDirectory(
        atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
      let image = PNGImage(channels: 1, height: 1, width: 2, bytes: [shade, 0])
      try PNG.write(image, to: "\(folder)/\(name)/\(shade).png")
    }
  }

  @Test func classesOfFoldersAreToldByTheirNames() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try pictures([("dog", 9), ("bird", 8)])
    let loader = DatasetLoader(isSignal: false)
    let names = ["ant", "bird", "cat", "dog"]
    let kind = SampleKind(shape: [1, 1, 2], labels: .classes(count: 4), classNames: names)
    let held = try loader.load(images: folder, labels: nil, like: kind)
    #expect(held.labels == .classes([1, 3], count: 4))
    #expect(held.classNames == names)
    #expect(held.images.elements == [8 / 255, 0, 9 / 255, 0])
    let streamed = try loader.open(images: folder, labels: nil, like: kind)
    #expect(streamed.labels == held.labels)
    let signs = SampleKind(shape: [1, 1, 2], labels: .signs, classNames: ["dog", "bird"])
    #expect(try loader.load(images: folder, labels: nil, like: signs).labels == .signs([1, -1]))
    // Training data number their own.
    #expect(try loader.load(images: folder, labels: nil).labels == .classes([0, 1], count: 2))
  }

  @Test func aFolderOfAnUnknownNameIsRefused() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try pictures([("bird", 8), ("zebra", 9)])
    let kind = SampleKind(
      shape: [1, 1, 2], labels: .classes(count: 2), classNames: ["bird", "cat"])
    let error = #expect(throws: InputError.self) {
      try DatasetLoader(isSignal: false).load(images: folder, labels: nil, like: kind)
    }
    let said = error.map { "\($0)" } ?? ""
    #expect(said.contains("\(folder)/zebra") && said.contains("bird, cat"), "\(said)")
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
