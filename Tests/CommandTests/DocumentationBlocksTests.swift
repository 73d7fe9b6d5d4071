import DocumentationBlocks
import Foundation
import Testing

/// How blocks of Markdown are read and compared.
@Suite struct DocumentationBlocksTests {
  static let text = """
    Words.

    ```swift
    import Tensors
    print(1)
    ```

    prints

    ```text
    1
    ```

    * A list:

      <!-- not run: an example -->
      ```sh
      ccnn train \\
        --bias
      ```

    ```
    no tag
    ```
    """

  @Test func blocksHaveTagLineExcuseAndIndentation() throws {
    let document = try MarkdownDocument(path: "README.md", text: Self.text)
    #expect(document.blocks.map(\.tag) == ["swift", "text", "sh", ""])
    #expect(document.blocks.map(\.line) == [3, 10, 17, 22])
    #expect(document.blocks.map(\.isOutput) == [false, true, false, false])
    #expect(document.blocks.map(\.excuse) == [nil, nil, "an example", nil])
    #expect(document.blocks[2].lines == ["ccnn train \\", "  --bias"])
    #expect(document.blocks[3].kind == nil)
    #expect(document.swiftBlocks.count == 1)
  }

  @Test func openFenceIsAnError() throws {
    let error = #expect(throws: MarkdownError.self) {
      try MarkdownDocument(path: "a.md", text: "x\n```text\ny\n")
    }
    #expect(error?.description.hasPrefix("a.md:2: ") == true)
  }

  @Test(arguments: [
    ("README.md", "readme"),
    ("Sources/ConvexCNN/ConvexCNN.docc/ConvexCNN.md", "convexCNN"),
    ("Sources/Tensors/Tensors.docc/Tensors.md", "tensors"),
    ("Sources/Solvers/Solvers.docc/Cell-Generation.md", "solversCellGeneration"),
  ])
  func functionNamesComeFromPaths(_ path: String, _ name: String) throws {
    let document = try MarkdownDocument(path: path, text: "")
    #expect(document.functionName == name)
  }

  @Test func sessionsHaveCommandsAndTheirOutput() {
    let session = ShellSession([
      "$ ccnn train --bias \\", "    --quiet; echo $?", "words", "2", "",
      "$ cat a | /opt/ccnn report b.json && ls",
    ])
    #expect(
      session.steps.map(\.command) == [
        "ccnn train --bias     --quiet", "cat a | /opt/ccnn report b.json && ls",
      ])
    #expect(session.steps.map(\.showsCode) == [true, false])
    #expect(session.steps.map(\.output) == [["words", "2"], []])
    #expect(session.toolCommands == [["train", "--bias", "--quiet"], ["report", "b.json"]])
  }

  @Test func scriptsAreOnlyLookedUp() {
    let session = ShellSession(["# ccnn no-command", "srun ccnn path --points 3 # all"])
    #expect(session.steps.isEmpty)
    #expect(session.toolCommands == [["path", "--points", "3"]])
  }

  @Test(arguments: [
    ("objective   0.369643808", "objective 0.369643901"),
    ("gap 7.73e-07.", "gap 1.02e-06."),
    ("estimated gap 2.47e-10", "estimated gap 6e-16"),
    ("version 0.1.0", "version 0.2.0"),
    ("seconds 1.27 (solve 1.2,\n    certify 0.1)\nend", "seconds 11.3 (solve 8)\nend"),
    ("found in 1.3 s, then", "found in 2.7 s, then"),
    ("a line\nthat breaks", "a line that\nbreaks"),
  ])
  func sameButForMachines(_ shown: String, _ printed: String) {
    let lines = (shown.components(separatedBy: "\n"), printed.components(separatedBy: "\n"))
    #expect(ShownOutput.difference(shown: lines.0, printed: lines.1) == nil)
  }

  @Test(arguments: [
    ("objective 0.3696", "objective 0.3716"),
    ("25 neurons", "26 neurons"),
    ("gap 7.7e-07", "gap 9.1e-06"),
    ("3x3 filters", "3x4 filters"),
    ("m2.npy", "m3.npy"),
    ("-0.5", "0.5"),
    ("one line", "one line more"),
    ("one line more", "one line"),
    ("1e-07", "0"),
  ])
  func different(_ shown: String, _ printed: String) {
    #expect(ShownOutput.difference(shown: [shown], printed: [printed]) != nil)
  }
}
