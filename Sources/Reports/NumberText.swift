#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

extension String {
  /// A number as `printf` writes it.
  ///
  /// `String(format:)` of Foundation does the same; a program that loads all of Foundation for it starts later.
  ///
  /// - Parameters:
  ///   - value: The number.
  ///   - format: One conversion of a `double`, with any text around it.
  package init(_ value: Double, format: String) {
    let length = withVaList([value]) { Swift.max(0, Int(vsnprintf(nil, 0, format, $0))) }
    let bytes = [CChar](unsafeUninitializedCapacity: length + 1) { bytes, count in
      withVaList([value]) { _ = vsnprintf(bytes.baseAddress, length + 1, format, $0) }
      count = length
    }
    self.init(decoding: bytes.lazy.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
