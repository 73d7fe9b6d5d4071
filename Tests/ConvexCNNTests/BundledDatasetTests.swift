import ConvexCNN
import Foundation
import Tensors
import Testing

struct BundledDatasetTests {
  private func classes(_ labels: Labels) throws -> [Int] {
    guard case .classes(let classes, _) = labels else {
      throw TestFailure(description: "expected classes")
    }
    return classes
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test func digitsHaveTheDocumentedSizesAndRange() throws {
    let (train, test) = try BundledDataset.digits.load()
    let trainShape = [1438, 1, 8, 8]
    let testShape = [359, 1, 8, 8]
    let names = (0..<10).map { "\($0)" }
    #expect(train.images.shape == trainShape)
    #expect(test.images.shape == testShape)
    #expect(train.classNames == names)
    #expect(train.name == "digits train")
    #expect(!train.isSignal)
    for part in [train, test] {
      let (least, most) = (part.images.elements.min(), part.images.elements.max())
      #expect(least == 0)
      #expect(most == 1)
    }
  }

  /// Sums of the pixels as integers, printed by `data/make_digits.py`.
  @Test func digitsHaveTheRecordedSums() throws {
    let (train, test) = try BundledDataset.digits.load()
    let sums = [train, test].map { $0.images.elements.reduce(0, +) * 16 }
    let expected: [Double] = [449_064, 112_654]
    #expect(sums == expected)
  }

  @Test func digitsAreSplitWithinEachClass() throws {
    let (train, test) = try BundledDataset.digits.load()
    let (inTrain, inTest) = (try classes(train.labels), try classes(test.labels))
    for digit in 0..<10 {
      let held = inTest.count { $0 == digit }
      let all = held + inTrain.count { $0 == digit }
      #expect(abs(Double(held) - Double(all) / 5) <= 0.5)
    }
  }

  @Test func noTestImageIsATrainingImage() throws {
    let (train, test) = try BundledDataset.digits.load()
    func rows(_ images: Tensor) -> Set<[Double]> {
      Set((0..<images.shape[0]).map { Array(images.elements[$0 * 64..<($0 + 1) * 64]) })
    }
    let common = rows(train.images).intersection(rows(test.images))
    #expect(common.isEmpty)
  }

  @Test func parityRelabelsTheSameImages() throws {
    let digits = try BundledDataset.digits.load()
    let parity = try BundledDataset.digitsParity.load()
    let signs = try classes(digits.train.labels).map { $0 % 2 == 0 ? 1.0 : -1 }
    let names = ["odd", "even"]
    #expect(parity.train.images == digits.train.images)
    #expect(parity.test.images == digits.test.images)
    #expect(parity.train.labels == .signs(signs))
    #expect(parity.train.classNames == names)
  }

  @Test func waveformFilesEqualTheGenerator() throws {
    let loaded = try BundledDataset.waveform.load()
    for (part, generator) in [
      (loaded.train, WaveformGenerator.training), (loaded.test, WaveformGenerator.test),
    ] {
      let (signals, classes) = generator.generate()
      let shape = [generator.count, 1, 1, 21]
      #expect(part.images.shape == shape)
      #expect(part.images.elements == signals.elements)
      #expect(part.labels == .classes(classes, count: 3))
      #expect(part.isSignal)
    }
  }

  @Test func aMissingFolderIsNamed() {
    let text = message { _ = try BundledDataset.digits.load(folder: "/nowhere") }
    #expect(text.contains("/nowhere/digits-train-images-idx3-ubyte.gz"))
  }

  @Test func everyPlaceTriedIsListed() {
    let text = message {
      _ = try BundledDataset.folder(
        environment: [:], executable: "/no/such/bin/ccnn", sourceRoot: "/src/convexcnn")
    }
    let expected =
      "bundled data: expected a folder with digits-train-images-idx3-ubyte.gz, found none of "
      + "/no/such/bin/data, /no/such/data, /no/data, /data, /no/such/share/convexcnn/data, "
      + "/src/convexcnn/data. Set CCNN_DATA to the package's data folder."
    #expect(text == expected)
  }

  @Test func theEnvironmentIsNeverOverruled() {
    let text = message {
      _ = try BundledDataset.folder(
        environment: ["CCNN_DATA": "/nowhere"], executable: nil, sourceRoot: "/")
    }
    let expected =
      "CCNN_DATA=/nowhere: expected a folder with digits-train-images-idx3-ubyte.gz, found none. "
      + "Set CCNN_DATA to the package's data folder, or unset it."
    #expect(text == expected)
  }

  @Test func foldersNearTheExecutableAreFound() throws {
    let manager = FileManager.default
    let base = manager.temporaryDirectory.appendingPathComponent("ccnn-\(UUID().uuidString)").path
    defer { try? manager.removeItem(atPath: base) }
    func place(_ folder: String) throws {
      try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try Data().write(to: URL(fileURLWithPath: "\(folder)/\(BundledDataset.markerFile)"))
    }
    try place("\(base)/package/data")
    try place("\(base)/prefix/share/convexcnn/data")
    let built = try BundledDataset.folder(
      environment: [:], executable: "\(base)/package/.build/release/ccnn", sourceRoot: "/none")
    let installed = try BundledDataset.folder(
      environment: [:], executable: "\(base)/prefix/bin/ccnn", sourceRoot: "/none")
    let source = try BundledDataset.folder(
      environment: [:], executable: nil, sourceRoot: "\(base)/package")
    let chosen = try BundledDataset.folder(
      environment: ["CCNN_DATA": "\(base)/package/data"],
      executable: "\(base)/prefix/bin/ccnn", sourceRoot: "/none")
    #expect(built == "\(base)/package/data")
    #expect(installed == "\(base)/prefix/share/convexcnn/data")
    #expect(source == "\(base)/package/data")
    #expect(chosen == "\(base)/package/data")
  }

  @Test func filesOfAnotherDataSetAreRefused() throws {
    let manager = FileManager.default
    let base = manager.temporaryDirectory.appendingPathComponent("ccnn-\(UUID().uuidString)").path
    defer { try? manager.removeItem(atPath: base) }
    let folder = try BundledDataset.folder()
    try manager.copyItem(atPath: folder, toPath: base)
    let labels = "digits-train-labels-idx1-ubyte.gz"
    try manager.removeItem(atPath: "\(base)/\(labels)")
    try manager.copyItem(
      atPath: "\(folder)/digits-test-labels-idx1-ubyte.gz", toPath: "\(base)/\(labels)")
    let text = message { _ = try BundledDataset.digits.load(folder: base) }
    let expected =
      "\(base)/\(labels): expected 1438 labels, one per sample, found shape [359]. "
      + "Restore the file from the package's data folder."
    #expect(text == expected)
  }

  @Test(arguments: BundledDataset.allCases)
  func allSamplesAreBothParts(dataset: BundledDataset) throws {
    let (train, test) = try dataset.load()
    let whole = Dataset(train: train, test: test).withoutHeldOut
    #expect(whole.test == nil)
    #expect(whole.train.sampleCount == train.sampleCount + test.sampleCount)
    #expect(whole.train.images.elements == train.images.elements + test.images.elements)
    let tail = Array(whole.train.images.elements.suffix(test.images.elements.count))
    #expect(tail == test.images.elements)
  }
}

private struct TestFailure: Error, CustomStringConvertible {
  let description: String
}
