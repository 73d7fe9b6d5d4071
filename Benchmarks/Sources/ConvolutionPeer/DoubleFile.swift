#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// What went wrong in a comparison.
struct PeerError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = "ConvolutionPeer: " + description }
}

/// Files of native `Double`s, the way NumPy's `tofile` and `fromfile` have them.
enum DoubleFile {
  static func read(_ path: String, count: Int) throws -> [Double] {
    guard let file = fopen(path, "rb") else { throw PeerError("cannot read \(path)") }
    defer { fclose(file) }
    var numbers = [Double](repeating: 0, count: count)
    let found = fread(&numbers, MemoryLayout<Double>.stride, count, file)
    guard found == count else { throw PeerError("\(path): expected \(count), found \(found)") }
    return numbers
  }

  static func write(_ numbers: [Double], to path: String) throws {
    guard let file = fopen(path, "wb") else { throw PeerError("cannot write \(path)") }
    defer { fclose(file) }
    let written = fwrite(numbers, MemoryLayout<Double>.stride, numbers.count, file)
    guard written == numbers.count else { throw PeerError("\(path): the disk is full") }
  }

  /// Sends what was printed; a pipe would keep it.
  static func flushOutput() { fflush(nil) }
}
