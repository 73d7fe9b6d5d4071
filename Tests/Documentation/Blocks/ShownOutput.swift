import Foundation

/// Output that a document shows, compared with what a program printed.
///
/// Words are compared one by one, so that lines may break elsewhere. Not compared are the time of a
/// run (the table row `seconds` and numbers before `s`, `ms`, `seconds` or `minutes`) and the word after
/// `version`. Whole numbers must be equal; others agree to `accuracy`, the fourth significant digit,
/// those below `noise`, where little is left of an iteration, to a factor of ten, and below `rounding` not at all.
package enum ShownOutput {
  /// Largest relative difference of numbers that are not whole.
  static let accuracy = 1e-3
  /// Numbers below this are what is left of an iteration; only their order of magnitude is compared.
  static let noise = 1e-4
  /// Numbers below this are rounding errors.
  static let rounding = 1e-8

  /// The first word that differs.
  ///
  /// - Parameters:
  ///   - shown: Lines of the document.
  ///   - printed: Lines of the program.
  /// - Returns: A sentence about it, nil if there is none.
  package static func difference(shown: [String], printed: [String]) -> String? {
    let (a, b) = (words(of: shown), words(of: printed))
    for (x, y) in zip(a, b) where !agree(x, y) {
      return "\"\(x)\" is shown, \"\(y)\" was printed"
    }
    if a.count > b.count { return "\"\(a[b.count])\" is shown, nothing more was printed" }
    if a.count < b.count { return "nothing more is shown, \"\(b[a.count])\" was printed" }
    return nil
  }

  /// Words with times and versions replaced.
  static func words(of lines: [String]) -> [String] {
    var result = [String]()
    var isTime = false
    for line in lines {
      let words = line.split(separator: " ").map(String.init)
      if isTime, line.first == " " { continue }
      isTime = words.first == "seconds"
      result += isTime ? ["seconds", "<time>"] : words
    }
    for (index, word) in result.enumerated() {
      let next = index + 1 < result.count ? result[index + 1] : ""
      let unit = next.filter { $0.isLetter }
      if ["s", "ms", "seconds", "minutes"].contains(unit), Double(word) != nil {
        result[index] = "<time>"
      }
      if word == "version", !next.isEmpty { result[index + 1] = "<version>" }
    }
    return result
  }

  /// Whether two words are the same but for the digits that machines may differ in.
  static func agree(_ a: String, _ b: String) -> Bool {
    let (p, q) = (parts(of: a), parts(of: b))
    return p.count == q.count && zip(p, q).allSatisfy(agreeParts)
  }

  private static func agreeParts(_ a: Substring, _ b: Substring) -> Bool {
    if a == b { return true }
    guard a.contains(where: { ".e".contains($0) }) || b.contains(where: { ".e".contains($0) }),
      let x = Double(a), let y = Double(b)
    else { return false }
    let (small, large) = (min(x, y), max(x, y))
    return large - small <= accuracy * large || (large < noise && small * 10 >= large)
      || large < rounding
  }

  /// A word cut into numbers without sign and what is between them; digits after a letter are no number.
  private static func parts(of word: String) -> [Substring] {
    var result = [Substring]()
    var rest = word[...]
    while !rest.isEmpty {
      let number = rest.prefixMatch(of: #/[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?/#)?.output.0
      let other = rest.prefix { !$0.isNumber }
      // A word such as `x3.npy` stays whole.
      let isName = other.last?.isLetter == true
      let name = isName ? rest[other.endIndex...].prefix { $0.isNumber } : other.suffix(0)
      let part = number ?? rest[rest.startIndex..<name.endIndex]
      result.append(part)
      rest = rest[part.endIndex...]
    }
    return result
  }
}
