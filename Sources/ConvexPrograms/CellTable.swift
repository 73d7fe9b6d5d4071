import Arrangements

/// All cells of an arrangement with their neighbors across every line.
///
/// Two cells whose patterns differ in one line share a facet on it, and no other lines bound a cell: among all cells,
/// looking up patterns with one bit flipped finds the facets exactly, without any arithmetic.
struct CellTable {
  /// Number of lines.
  let lineCount: Int
  private let wordCount: Int
  private var words: [UInt64] = []
  private var hashes: [UInt64] = []
  private var slots: [Int32] = []
  private let keys: [UInt64]

  /// All cells, both of each pair.
  ///
  /// - Throws: `ProgramError` as soon as there are more than `limit`.
  init(_ enumeration: CellEnumeration, limit: Int) throws {
    lineCount = enumeration.lineCount
    wordCount = enumeration.wordsPerCell
    var key: UInt64 = 0x9E37_79B9_7F4A_7C15
    keys = (0..<lineCount).map { _ in
      key = (key ^ (key >> 29)) &* 0xBF58_476D_1CE4_E5B9 &+ 0x9E37_79B9_7F4A_7C15
      return key ^ (key >> 32)
    }
    for pattern in enumeration.cells {
      guard count + 2 <= limit else {
        throw ProgramError(
          place: "cells", expected: "at most \(limit) cells", found: "more",
          advice: "Raise --max-cells, or use --cells generate.")
      }
      append(pattern)
      append(pattern.complement)
    }
    index()
  }

  /// Number of cells.
  var count: Int { hashes.count }

  /// The pattern of a cell over the lines.
  func pattern(_ cell: Int) -> ActivationPattern {
    ActivationPattern(
      bits: Array(words[cell * wordCount..<(cell + 1) * wordCount]), count: lineCount)
  }

  /// Whether a cell lies on the active side of a line.
  func isActive(_ cell: Int, line: Int) -> Bool {
    (words[cell * wordCount + line >> 6] >> UInt64(line & 63)) & 1 == 1
  }

  /// The cell across a line, nil where the line does not bound the cell.
  ///
  /// - Complexity: O(`words`) expected.
  func neighbor(of cell: Int, across line: Int) -> Int? {
    let hash = hashes[cell] ^ keys[line]
    var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[slot] >= 0 {
      let other = Int(slots[slot])
      if hashes[other] == hash, isFlipped(cell, other, line) { return other }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  private func isFlipped(_ cell: Int, _ other: Int, _ line: Int) -> Bool {
    for w in 0..<wordCount {
      let flip: UInt64 = w == line >> 6 ? 1 << UInt64(line & 63) : 0
      if words[cell * wordCount + w] ^ words[other * wordCount + w] != flip { return false }
    }
    return true
  }

  private mutating func append(_ pattern: ActivationPattern) {
    words.append(contentsOf: pattern.bits)
    var hash: UInt64 = 0
    for line in 0..<lineCount where pattern[line] { hash ^= keys[line] }
    hashes.append(hash)
  }

  private mutating func index() {
    var capacity = 16
    while capacity < 2 * count { capacity *= 2 }
    slots = [Int32](repeating: -1, count: capacity)
    for (cell, hash) in hashes.enumerated() {
      var slot = Int(truncatingIfNeeded: hash) & (capacity - 1)
      while slots[slot] >= 0 { slot = (slot + 1) & (capacity - 1) }
      slots[slot] = Int32(cell)
    }
  }
}
