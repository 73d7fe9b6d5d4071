import Formats
import Testing

struct CIFARTests {
  private let folder = TemporaryFolder()

  /// A record whose pixel `i` is `i + label`, cut to a byte.
  private func record(_ labels: [UInt8]) -> [UInt8] {
    labels + (0..<3072).map { UInt8(truncatingIfNeeded: $0 + Int(labels.last ?? 0)) }
  }

  private func message(_ bytes: [UInt8], _ variant: CIFAR.Variant = .automatic) -> String {
    let path = folder.write(bytes, "a.bin")
    return folder.message { _ = try CIFAR.read(path, variant: variant) }
  }

  @Test(arguments: [CIFAR.Variant.automatic, .ten])
  func batchOfTenIsRead(_ variant: CIFAR.Variant) throws {
    let path = folder.write(record([3]) + record([9]), "a.bin")
    let (images, labels) = try CIFAR.read(path, variant: variant)
    #expect(labels == [3, 9])
    #expect(images.shape == [2, 3, 32, 32])
    #expect(images.elementKind == .unsignedByte)
    #expect(images.elements[3072 + 5] == 14)
    #expect(images.elements.prefix(3072).elementsEqual(record([3])[1...].map(Double.init)))
  }

  @Test(arguments: [CIFAR.Variant.automatic, .hundred])
  func batchOfAHundredGivesFineLabels(_ variant: CIFAR.Variant) throws {
    let path = folder.write(record([19, 99]) + record([0, 4]), "a.bin")
    let (images, labels) = try CIFAR.read(path, variant: variant)
    #expect(labels == [99, 4])
    #expect(images.elements[3072] == 4)
  }

  @Test
  func wrongSizesAreRejected() {
    let advice = " The file is cut short; copy or download it again."
    #expect(
      message(record([1]).dropLast()) == "a.bin:3072: expected records of either 3073 bytes "
        + "(CIFAR-10) or 3074 (CIFAR-100), found 3072 bytes." + advice)
    #expect(
      message(record([1, 1]), .ten) == "a.bin:3074: expected records of 3073 bytes (CIFAR-10), "
        + "found 3074 bytes." + advice)
    #expect(message(record([1]), .hundred).contains("records of 3074 bytes (CIFAR-100)"))
    #expect(message([]).contains("found 0 bytes"))
  }

  @Test
  func sizeThatFitsBothNeedsAVariant() throws {
    let both = [UInt8](repeating: 0, count: 3073 * 3074)
    #expect(message(both).hasSuffix("found 9446402 bytes. Both fit; split the file."))
    let path = folder.write(both, "a.bin")
    #expect(try CIFAR.read(path, variant: .ten).labels.count == 3074)
    #expect(try CIFAR.read(path, variant: .hundred).labels.count == 3073)
  }

  @Test
  func labelsOutsideTheClassesAreRejected() {
    #expect(
      message(record([1]) + record([10])) == "a.bin:3073: expected a label below 10, found 10. "
        + "The file is not a CIFAR-10 batch or is damaged.")
    #expect(
      message(record([1, 100])) == "a.bin:1: expected a label below 100, found 100. "
        + "The file is not a CIFAR-100 batch or is damaged.")
    #expect(message(record([20, 1])).hasPrefix("a.bin:0: expected a label below 20, found 20."))
  }
}
