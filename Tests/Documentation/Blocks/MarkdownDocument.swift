package import Foundation

/// The fenced blocks of one Markdown file.
package struct MarkdownDocument: Sendable {
  /// Path inside the repository, such as `README.md`.
  package let path: String
  /// The blocks, in the order of the file.
  package let blocks: [MarkdownBlock]

  /// Reads a file.
  ///
  /// - Parameters:
  ///   - path: Path inside the repository.
  ///   - root: Folder of the repository.
  /// - Throws: An error of Foundation if there is no such text, `MarkdownError` for a fence that is not closed.
  package init(path: String, root: URL) throws {
    let text = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    try self.init(path: path, text: text)
  }

  /// Reads blocks out of a text.
  package init(path: String, text: String) throws {
    self.path = path
    var blocks = [MarkdownBlock]()
    var open: (tag: String, indentation: Int, line: Int, excuse: String?, isOutput: Bool)?
    var inside = [String]()
    var excuse: String?
    var paragraph = ""
    for (index, line) in text.components(separatedBy: "\n").enumerated() {
      let content = line.trimmingCharacters(in: .whitespaces)
      if let fence = open {
        if content == "```" {
          blocks.append(
            MarkdownBlock(
              tag: fence.tag, lines: inside, line: fence.line, excuse: fence.excuse,
              isOutput: fence.isOutput))
          (open, inside, paragraph) = (nil, [], "")
        } else {
          let isIndented = line.prefix(fence.indentation).allSatisfy { $0 == " " }
          inside.append(isIndented ? String(line.dropFirst(fence.indentation)) : content)
        }
      } else if content.hasPrefix("```") {
        open = (
          String(content.dropFirst(3)), line.prefix { $0 == " " }.count, index + 1, excuse,
          Self.announcesOutput(paragraph)
        )
        excuse = nil
      } else if !content.isEmpty {
        excuse = Self.reason(in: content)
        if !content.hasPrefix("<!--") { paragraph = content }
      }
    }
    if let open { throw MarkdownError(path: path, line: open.line, problem: "is never closed") }
    self.blocks = blocks
  }

  /// The name of the function that holds the Swift blocks: `readme`, `arrangementsEnumeratingInParts`.
  package var functionName: String {
    let parts = path.split(separator: "/").map { part in
      String(part.prefix { $0 != "." }.filter { $0.isLetter || $0.isNumber })
    }
    guard parts.count > 2, parts[0] == "Sources" else { return (parts.last ?? "").lowercased() }
    let name = parts[1] == parts[parts.count - 1] ? parts[1] : parts[1] + parts[parts.count - 1]
    let acronym = name.prefix { $0.isUppercase }
    return acronym.lowercased() + name.dropFirst(acronym.count)
  }

  /// The blocks that are compiled.
  package var swiftBlocks: [MarkdownBlock] {
    blocks.filter { $0.kind == .swift && $0.excuse == nil }
  }

  private static func announcesOutput(_ paragraph: String) -> Bool {
    paragraph.trimmingCharacters(in: CharacterSet(charactersIn: ":. ")).hasSuffix("prints")
  }

  private static func reason(in content: String) -> String? {
    let (start, end) = ("<!-- not run: ", " -->")
    guard content.hasPrefix(start), content.hasSuffix(end) else { return nil }
    return String(content.dropFirst(start.count).dropLast(end.count))
  }
}

/// A fence that is wrong, with its place.
package struct MarkdownError: Error, CustomStringConvertible {
  let path: String
  let line: Int
  let problem: String

  package var description: String {
    "\(path):\(line): expected a block between two fences, found one that \(problem). Add ```."
  }
}
