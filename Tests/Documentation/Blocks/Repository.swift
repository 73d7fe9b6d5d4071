package import Foundation

/// The Markdown files whose blocks are checked, and the Swift files made from them.
package struct Repository: Sendable {
  /// Folder of the repository.
  package let root: URL

  /// A repository.
  ///
  /// - Parameter root: Its folder; the one this file is in unless told.
  package init(
    root: URL = (0..<4).reduce(URL(fileURLWithPath: #filePath)) { url, _ in
      url.deletingLastPathComponent()
    }
  ) {
    self.root = root
  }

  /// Folder of the files made from Swift blocks, inside the repository.
  package static let snippetFolder = "Tests/Documentation/Snippets"

  /// `README.md` and every article in `Sources/<module>/<module>.docc`, sorted by path.
  package func documents() throws -> [MarkdownDocument] {
    let files = FileManager.default
    var paths = ["README.md"]
    for module in try files.contentsOfDirectory(atPath: root.path + "/Sources") {
      let catalog = "Sources/\(module)/\(module).docc"
      let articles = files.enumerator(atPath: root.path + "/" + catalog)
      for case let article as String in articles ?? .init() where article.hasSuffix(".md") {
        paths.append(catalog + "/" + article)
      }
    }
    return try paths.sorted().map { try MarkdownDocument(path: $0, root: root) }
  }

  /// The Swift files that hold the blocks of all documents: text by file name.
  ///
  /// One file per document with one function, and `Registry.swift`, which runs a function by its name.
  package func snippetFiles() throws -> [String: String] {
    let documents = try documents().filter { !$0.swiftBlocks.isEmpty }
    var files = ["Registry.swift": Self.registry(documents)]
    for document in documents {
      files[document.functionName + ".swift"] = document.snippetFile
    }
    return files
  }

  private static func registry(_ documents: [MarkdownDocument]) -> String {
    let cases = documents.map { "  case \"\($0.functionName)\": try \($0.functionName)()\n" }
    return """
      // Made by `make snippets` from the Swift blocks of the documentation.

      /// Runs the Swift blocks of one document.
      ///
      /// - Parameter name: Name of the document's function.
      /// - Returns: Whether there is such a document.
      /// - Throws: What a block throws.
      func runBlocks(of name: String) throws -> Bool {
        switch name {
      \(cases.joined())  default: return false
        }
        return true
      }

      """
  }
}

extension MarkdownDocument {
  /// The line that the program prints after every block.
  package static let endOfBlock = "--- end of block ---"

  /// The file made from the Swift blocks: imports on top, the rest in one function.
  fileprivate var snippetFile: String {
    var imports = Set<String>()
    var body = [String]()
    for block in swiftBlocks {
      var lines = block.lines.filter { line in
        if line.hasPrefix("import ") { imports.insert(line) }
        return !line.hasPrefix("import ")
      }
      while lines.first?.isEmpty == true { lines.removeFirst() }
      body += lines.map { $0.isEmpty ? "" : "  " + $0 }
      body += ["  print(\"\(Self.endOfBlock)\")", ""]
    }
    let head = [
      "// Made by `make snippets` from \(path): change it there.",
      imports.sorted().joined(separator: "\n"),
      "", "/// The Swift blocks of `\(path)`.", "func \(functionName)() throws {",
    ]
    return (head + body.dropLast()).joined(separator: "\n") + "\n}\n"
  }
}
