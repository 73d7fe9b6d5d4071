import DocumentationBlocks
import Foundation
import Testing

/// Every fenced block of `README.md` and of the articles: what is shown is what happens.
///
/// Swift blocks are compiled with the tests and run, `$ ` lines run with the built tool, other `ccnn`
/// commands looked up in the help. A block that is not run says why in the line before,
/// `<!-- not run: reason -->`.
@Suite struct DocumentationTests {
  /// Most blocks that may be excused.
  static let excuseLimit = 8

  static let repository = Repository()
  static let documents: [MarkdownDocument] = (try? repository.documents()) ?? []

  @Test func everyBlockHasAKnownTag() {
    #expect(Self.documents.contains { $0.path == "README.md" })
    for document in Self.documents {
      for block in document.blocks {
        let known = MarkdownBlock.Kind.allCases.map(\.rawValue).joined(separator: ", ")
        #expect(
          block.kind != nil,
          "\(document.path):\(block.line): expected one of \(known), found \"\(block.tag)\"")
      }
    }
  }

  @Test func fewBlocksAreNotRun() {
    var excused = [String]()
    for document in Self.documents {
      for block in document.blocks {
        if let excuse = block.excuse { excused.append("\(document.path):\(block.line): \(excuse)") }
      }
    }
    for line in excused { print("not run: \(line)") }
    #expect(excused.count <= Self.excuseLimit, "\(excused)")
  }

  @Test func outputFollowsWhatPrintsIt() {
    for document in Self.documents {
      for (index, block) in document.blocks.enumerated() where block.isOutput {
        let isChecked = index > 0 && document.blocks[index - 1].kind == .swift
        #expect(
          isChecked || block.excuse != nil,
          "\(document.path):\(block.line): expected a swift block before the output of one")
      }
    }
  }

  @Test func snippetFilesAreUpToDate() throws {
    let folder = Self.repository.root.appendingPathComponent(Repository.snippetFolder)
    let expected = try Self.repository.snippetFiles()
    let present = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0 != "main.swift" }
    #expect(present.sorted() == expected.keys.sorted(), "run `make snippets`")
    for name in present {
      let text = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
      #expect(text == expected[name], "\(name): run `make snippets`")
    }
  }

  @Test(arguments: documents.filter { !$0.swiftBlocks.isEmpty })
  func swiftBlocksPrintWhatIsShown(_ document: MarkdownDocument) throws {
    let folder = try documentFolder()
    defer { folder.remove() }
    let program = quoted(toolFolder + "/DocumentationSnippets")
    let output = try Tool.run(
      ["-c", environment + "exec \(program) \(document.functionName)"], in: folder,
      program: "/bin/sh")
    try #require(output.code == 0, "\(document.path): \(output.out)\(output.error)")
    let printed = output.out.components(separatedBy: MarkdownDocument.endOfBlock + "\n")
    // A block that returns from the function would hide the others.
    try #require(printed.count == document.swiftBlocks.count + 1, "\(document.path)")
    let blocks = document.blocks
    for (number, block) in document.swiftBlocks.enumerated() {
      let next = (blocks.firstIndex(of: block) ?? 0) + 1
      let isShown = next < blocks.count && blocks[next].isOutput
      let difference = ShownOutput.difference(
        shown: isShown ? blocks[next].lines : [],
        printed: printed[number].components(separatedBy: "\n"))
      #expect(difference == nil, "\(document.path):\(block.line): \(difference ?? "")")
    }
  }

  @Test(arguments: documents.filter { $0.blocks.contains { $0.kind == .sh } })
  func sessionsPrintWhatIsShown(_ document: MarkdownDocument) throws {
    let folder = try documentFolder()
    defer { folder.remove() }
    for block in document.blocks where block.kind == .sh && block.excuse == nil {
      for step in ShellSession(block.lines).steps {
        let output = try Tool.run(
          ["-c", environment + step.command], in: folder, program: "/bin/sh")
        // Progress is on standard error too; messages start with the name of the tool.
        let messages = output.error.components(separatedBy: "\n").filter { $0.hasPrefix("ccnn: ") }
        var printed = output.out.components(separatedBy: "\n") + messages
        if step.showsCode { printed.append("\(output.code)") }
        let place = "\(document.path):\(block.line): \(step.command)"
        #expect(step.showsCode || output.code == 0, "\(place): \(output.error)")
        let difference = ShownOutput.difference(shown: step.output, printed: printed)
        #expect(difference == nil, "\(place): \(difference ?? "")")
      }
    }
  }

  @Test(arguments: documents.filter { $0.blocks.contains { $0.kind == .sh } })
  func commandsAndFlagsAreInTheHelp(_ document: MarkdownDocument) throws {
    for block in document.blocks where block.kind == .sh {
      for words in ShellSession(block.lines).toolCommands {
        guard let command = words.first, !command.hasPrefix("-") else { continue }
        let output = try Tool.run([command, "--help"])
        let place = "\(document.path):\(block.line): ccnn \(command)"
        #expect(output.code == 0, "\(place): no such command")
        for word in words where word.hasPrefix("--") {
          let flag = word.prefix { $0 != "=" }
          let isKnown = output.out.contains(flag + " ") || output.out.contains(flag + ",")
          #expect(isKnown, "\(place): \(flag)")
        }
      }
    }
  }

  @Test func pythonBlocksCompile() throws {
    let python = "command -v python3 >/dev/null || exit 0; exec python3 -c "
    let program = quoted("import sys; compile(sys.argv[1], sys.argv[2], 'exec')")
    for document in Self.documents {
      for block in document.blocks where block.kind == .python && block.excuse == nil {
        let text = quoted(block.lines.joined(separator: "\n"))
        let output = try Tool.run(
          ["-c", python + "\(program) \(text) \(document.path)"], program: "/bin/sh")
        #expect(output.code == 0, "\(document.path):\(block.line): \(output.error)")
      }
    }
  }

  /// The folder of the built programs.
  private var toolFolder: String {
    URL(fileURLWithPath: Tool.path).deletingLastPathComponent().path
  }

  /// Lines of shell that find the tool and the bundled data, and end what goes on for minutes of CPU time.
  ///
  /// OpenBLAS has products of its own for every processor, which differ in the last bits; local optimizers then end elsewhere.
  /// The documents show what comes of those for Haswell, which later processors have too.
  private var environment: String {
    let data = Self.repository.root.appendingPathComponent("data").path
    return """
      ulimit -t 120; export CCNN_DATA=\(quoted(data)) PATH=\(quoted(toolFolder)):"$PATH"
      if grep -qs ' avx2 ' /proc/cpuinfo; then export OPENBLAS_CORETYPE=Haswell; fi

      """
  }

  private func quoted(_ text: String) -> String {
    "'" + text.replacingOccurrences(of: "'", with: "'\\''") + "'"
  }

  /// An empty folder but for `data`, a link to that of the repository.
  private func documentFolder() throws -> Folder {
    let folder = try Folder()
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("data"),
      withDestinationPath: Self.repository.root.appendingPathComponent("data").path)
    return folder
  }
}

extension MarkdownDocument: CustomTestStringConvertible {
  /// The path, in the output of tests.
  public var testDescription: String { path }
}
