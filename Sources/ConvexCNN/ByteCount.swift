/// A number of bytes, as people write it: `512MiB`, `2GiB`, `1.5GB` or plain bytes.
public struct ByteCount: Sendable, Equatable, CustomStringConvertible {
  /// The number of bytes.
  public let value: Int

  private static let units: [(name: String, size: Double)] = [
    ("KiB", 0x1p10), ("MiB", 0x1p20), ("GiB", 0x1p30), ("TiB", 0x1p40), ("KB", 1e3), ("MB", 1e6),
    ("GB", 1e9), ("TB", 1e12), ("B", 1),
  ]

  /// A number of bytes.
  public init(_ value: Int) { self.value = value }

  /// The number that a text names; nil for other texts, and for numbers that are not positive.
  ///
  /// - Parameter text: A number, whole unless a unit follows: KiB, MiB, GiB, TiB, KB, MB, GB, TB or B in any case.
  public init?(_ text: String) {
    let lower = text.lowercased()
    let unit = Self.units.first { lower.hasSuffix($0.name.lowercased()) }
    let digits = unit.map { lower.dropLast($0.name.count) } ?? lower[...]
    guard digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }),
      let number = Double(digits), unit != nil || number == number.rounded(),
      case let bytes = (number * (unit?.size ?? 1)).rounded(.down), (1...0x1p62).contains(bytes)
    else { return nil }
    value = Int(bytes)
  }

  /// The number in the unit that suits it, with three digits.
  public var description: String {
    var (scaled, name) = (Double(value), "B")
    for unit in Self.units.prefix(4) where Double(value) >= unit.size {
      (scaled, name) = (Double(value) / unit.size, unit.name)
    }
    let digits = (scaled * 100).rounded() / 100
    return digits == digits.rounded() ? "\(Int(digits)) \(name)" : "\(digits) \(name)"
  }
}
