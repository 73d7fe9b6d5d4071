/// The binary batches of CIFAR-10 and CIFAR-100: label bytes and a 3 x 32 x 32 image, again and again.
///
/// - Source: Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, 2009, data page.
public enum CIFAR {
  /// Which of the two data sets a batch belongs to.
  public enum Variant: Sendable, Equatable {
    /// CIFAR-10: one label byte, 0...9.
    case ten
    /// CIFAR-100: a coarse label byte, 0...19, and a fine one, 0...99, which is the class.
    case hundred
    /// Whichever record length divides the size of the file.
    case automatic
  }

  private static let imageBytes = 3 * 32 * 32

  /// Reads a batch.
  ///
  /// - Parameters:
  ///   - path: The file, which must hold whole records.
  ///   - variant: The data set.
  /// - Returns: Unsigned bytes of shape `[n, 3, 32, 32]` and `n` labels.
  /// - Throws: `FormatError`.
  public static func read(
    _ path: String, variant: Variant = .automatic
  ) throws -> (images: ArrayFile, labels: [Int]) {
    try parse(try FileBytes.read(path), path: path, variant: variant)
  }

  static func parse(
    _ bytes: [UInt8], path: String, variant: Variant
  ) throws -> (images: ArrayFile, labels: [Int]) {
    let labelBytes = try labelBytes(size: bytes.count, path: path, variant: variant)
    let classes = labelBytes == 1 ? 10 : 100
    let record = labelBytes + imageBytes
    let count = bytes.count / record
    try FileBytes.requireMemory(forCount: count * imageBytes, path: path)
    var labels: [Int] = []
    labels.reserveCapacity(count)
    for start in stride(from: 0, to: bytes.count, by: record) {
      let place = start + labelBytes - 1
      if labelBytes == 2 { try requireLabel(bytes[start], below: 20, at: start, path: path) }
      try requireLabel(bytes[place], below: classes, at: place, path: path)
      labels.append(Int(bytes[place]))
    }
    let pixels = [Double](unsafeUninitializedCapacity: count * imageBytes) { target, filled in
      for image in 0..<count {
        let start = image * record + labelBytes
        for pixel in 0..<imageBytes {
          target[image * imageBytes + pixel] = Double(bytes[start + pixel])
        }
      }
      filled = count * imageBytes
    }
    let images = ArrayFile(
      shape: [count, 3, 32, 32], elements: pixels, elementKind: .unsignedByte)
    return (images, labels)
  }

  /// Label bytes of a record, from the variant or the size of the file.
  private static func labelBytes(size: Int, path: String, variant: Variant) throws -> Int {
    let fits = [1, 2].filter { size > 0 && size % ($0 + imageBytes) == 0 }
    switch variant {
    case .ten where fits.contains(1): return 1
    case .hundred where fits.contains(2): return 2
    case .automatic where fits.count == 1: return fits[0]
    default: break
    }
    let records: String
    switch variant {
    case .ten: records = "records of 3073 bytes (CIFAR-10)"
    case .hundred: records = "records of 3074 bytes (CIFAR-100)"
    case .automatic: records = "records of either 3073 bytes (CIFAR-10) or 3074 (CIFAR-100)"
    }
    let isAmbiguous = variant == .automatic && fits.count == 2
    throw FormatError(
      path: path, offset: size, expected: records, found: "\(size) bytes",
      advice: isAmbiguous ? "Both fit; split the file." : truncationAdvice)
  }

  private static func requireLabel(
    _ label: UInt8, below limit: Int, at offset: Int, path: String
  ) throws {
    guard label < limit else {
      throw FormatError(
        path: path, offset: offset, expected: "a label below \(limit)", found: "\(label)",
        advice: "The file is not a CIFAR-\(limit == 10 ? "10" : "100") batch or is damaged.")
    }
  }
}
