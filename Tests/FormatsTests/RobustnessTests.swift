import Formats
import Tensors
import Testing

/// A format with a small valid file and its reader.
struct Sample: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let bytes: [UInt8]
  let read: @Sendable (String) throws -> Void

  static let all: [Sample] = [
    Sample(testDescription: "IDX", bytes: plainIDX) { _ = try IDX.read($0) },
    Sample(testDescription: "IDX.gz", bytes: Fixtures.idxGz) { _ = try IDX.read($0) },
    Sample(testDescription: "NPY", bytes: Fixtures.npyF4) { _ = try NPY.read($0) },
    Sample(testDescription: "NPY Fortran", bytes: Fixtures.npyBigFortran) { _ = try NPY.read($0) },
    Sample(testDescription: "NPZ stored", bytes: Fixtures.npzStored) {
      _ = try NPZ.read($0, key: "images")
    },
    Sample(testDescription: "NPZ deflated", bytes: Fixtures.npzDeflated) {
      _ = try NPZ.read($0, key: "labels")
    },
    Sample(testDescription: "PNG gray", bytes: Fixtures.pngGray) { _ = try PNG.read($0) },
    Sample(testDescription: "PNG palette", bytes: Fixtures.pngPalette) { _ = try PNG.read($0) },
    Sample(testDescription: "PNG alpha", bytes: Fixtures.pngOpaque) { _ = try PNG.read($0) },
    Sample(testDescription: "safetensors", bytes: Fixtures.safetensors) {
      _ = try Safetensors.read($0)
    },
    Sample(testDescription: "CIFAR", bytes: [UInt8](repeating: 7, count: 3073)) {
      _ = try CIFAR.read($0, variant: .ten)
    },
  ]

  static let plainIDX: [UInt8] = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3] + Array(0..<12)
}

struct RobustnessTests {
  @Test(arguments: Sample.all)
  func wholeSampleIsRead(_ sample: Sample) throws {
    let folder = TemporaryFolder()
    try sample.read(folder.write(sample.bytes, "file"))
  }

  @Test(arguments: Sample.all)
  func truncationAtEveryOffsetThrows(_ sample: Sample) {
    let folder = TemporaryFolder()
    for count in 0..<sample.bytes.count {
      let path = folder.write(Array(sample.bytes[..<count]), "file")
      let error = folder.error { try sample.read(path) }
      #expect(error?.kind == .malformed, "\(count) bytes")
      #expect(error?.path.hasPrefix("file") == true, "\(count) bytes")
      #expect(error?.offset != nil, "\(count) bytes")
    }
  }

  /// A table cut short is refused, or is the same table up to its last value.
  @Test
  func tablesCutAtEveryOffsetKeepTheirLines() throws {
    let folder = TemporaryFolder()
    let text = "\"a, b\",c,d\r\n1.5,-2e-3,nan\n 7 , \"8\", inf\r\n-0,12345678901234567890,3\n"
    let whole = try CSV.read(folder.write(text, "whole.csv")).values
    var (refused, read) = (0, 0)
    for count in 0..<text.utf8.count {
      let path = folder.write(Array(text.utf8.prefix(count)), "cut.csv")
      do {
        let table = try CSV.read(path)
        read += 1
        #expect(table.values.columns == 3, "\(count) bytes")
        let known = table.values.elements.count - 1
        for (index, value) in table.values.elements.prefix(known).enumerated() {
          #expect(value.bitPattern == whole.elements[index].bitPattern, "\(count) bytes")
        }
      } catch {
        let error = try #require(error as? FormatError)
        #expect(error.kind == .malformed && error.path.hasSuffix("cut.csv"), "\(count) bytes")
        refused += 1
      }
    }
    // A line is whole from the first digit of its last value on.
    #expect(refused > 0 && read > 0 && refused + read == text.utf8.count)
  }

  @Test(arguments: Sample.all)
  func changedBytesNeverTrap(_ sample: Sample) {
    let folder = TemporaryFolder()
    for index in 0..<min(sample.bytes.count, 400) {
      let byte = sample.bytes[index]
      let others: [UInt8] = [0, 0xFF, 0x7F, byte &+ 1, byte ^ 0x80, byte ^ 0x20]
      for other in others where other != byte {
        let path = folder.write(sample.bytes.replacing(index, with: other), "file")
        do { try sample.read(path) } catch { #expect(error is FormatError) }
      }
    }
  }

  @Test(arguments: Sample.all)
  func manyChangedBytesNeverTrap(_ sample: Sample) {
    let folder = TemporaryFolder()
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<300 {
      var bytes = sample.bytes
      for _ in 0..<4 {
        let index = generator.integer(below: min(bytes.count, 400))
        bytes[index] = UInt8(generator.integer(below: 256))
      }
      let path = folder.write(bytes, "file")
      do { try sample.read(path) } catch { #expect(error is FormatError) }
    }
  }

  @Test(arguments: Sample.all, [1, 2, 100])
  func trailingBytesAreRejected(_ sample: Sample, _ count: Int) {
    let folder = TemporaryFolder()
    let path = folder.write(sample.bytes + [UInt8](repeating: 0, count: count), "file")
    let error = folder.error { try sample.read(path) }
    #expect(error?.kind == .malformed)
  }

  @Test(arguments: Sample.all)
  func missingFileAndFolderAreUnreadable(_ sample: Sample) {
    let folder = TemporaryFolder()
    let missing = folder.error { try sample.read(folder.file("missing")) }
    #expect(missing?.kind == .unreadable)
    let aFolder = folder.error { try sample.read(folder.path) }
    #expect(aFolder?.kind == .unreadable)
  }
}
