import ConvexCNN

/// Bytes of the patterns over all original rows, from patterns over the lines.
///
/// Bit `r % 8` of byte `r / 8` belongs to row `r` (NumPy's `bitorder="little"`); zero rows are active.
struct RowExpansion {
  /// Bytes of a pattern.
  let byteCount: Int
  private let lines: [Int32]
  private let flips: [UInt8]
  private let isPlain: Bool
  private let lineCount: Int

  /// The expansion to all rows, or to the lines themselves.
  init(_ essential: EssentialRows, linesOnly: Bool) {
    let count = linesOnly ? essential.lineCount : essential.lineOfRow.count
    byteCount = (count + 7) / 8
    lineCount = essential.lineCount
    isPlain =
      linesOnly
      || (count == essential.lineCount && essential.lineOfRow == Array(0..<count)
        && essential.signOfRow.allSatisfy { $0 > 0 })
    lines = isPlain ? [] : essential.lineOfRow.map { Int32(truncatingIfNeeded: $0) }
    flips = isPlain ? [] : essential.signOfRow.map { $0 < 0 ? 1 : 0 }
  }

  /// Writes the bytes of a pattern, or of its complement, which is the opposite cell's.
  func write(
    _ words: UnsafePointer<UInt64>, lineCount: Int, isComplement: Bool,
    into bytes: UnsafeMutablePointer<UInt8>
  ) {
    let mask: UInt64 = isComplement ? ~0 : 0
    if isPlain {
      for b in 0..<byteCount {
        bytes[b] = UInt8(truncatingIfNeeded: (words[b >> 3] ^ mask) >> UInt64(8 * (b & 7)))
      }
      let rest = lineCount & 7
      if rest != 0 { bytes[byteCount - 1] &= (1 << UInt8(rest)) - 1 }
      return
    }
    for b in 0..<byteCount { bytes[b] = 0 }
    let complement: UInt8 = isComplement ? 1 : 0
    for r in lines.indices {
      let line = Int(lines[r])
      var bit: UInt8 = 1
      if line >= 0 {
        bit = UInt8(truncatingIfNeeded: words[line >> 6] >> UInt64(line & 63)) & 1
        bit ^= flips[r] ^ complement
      }
      bytes[r >> 3] |= bit << UInt8(r & 7)
    }
  }

  /// The bytes of a pattern over the lines.
  func bytes(of pattern: ActivationPattern) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: byteCount)
    bytes.withUnsafeMutableBufferPointer { buffer in
      pattern.bits.withUnsafeBufferPointer { words in
        guard let target = buffer.baseAddress, let words = words.baseAddress else { return }
        write(words, lineCount: pattern.count, isComplement: false, into: target)
      }
    }
    return bytes
  }

  /// Prints the bytes of a pattern as a line of 0 and 1.
  ///
  /// - Throws: `InputError` of kind `access` when standard output takes no more.
  static func stream(_ bytes: [UInt8], rowCount: Int) throws {
    var text = [UInt8](repeating: 48, count: rowCount + 1)
    for r in 0..<rowCount { text[r] += (bytes[r >> 3] >> UInt8(r & 7)) & 1 }
    text[rowCount] = 10
    try StandardOutput.write(text)
  }

  /// Bytes in which the bits of all rows on some lines are set.
  func members(_ chosen: [Int]) -> [UInt8] {
    var isChosen = [Bool](repeating: false, count: lineCount)
    for line in chosen { isChosen[line] = true }
    var bytes = [UInt8](repeating: 0, count: byteCount)
    for r in 0..<(isPlain ? lineCount : lines.count) {
      let line = isPlain ? r : Int(lines[r])
      if line >= 0, isChosen[line] { bytes[r >> 3] |= 1 << UInt8(r & 7) }
    }
    return bytes
  }
}
