import ConvexCNN
import Foundation
import Testing

/// `ccnn export`: files for other programs, and every refusal without a trace on the disk.
struct ExportCommandTests {
  /// A folder with a trained model `m.safetensors`.
  private func trained(_ flags: [String]) throws -> Folder {
    let folder = try Folder()
    try TinyData.write(to: folder)
    let output = try Tool.run(flags + ["--output", "m.safetensors", "--quiet"], in: folder)
    #expect(output.code == 0, "\(output.error)")
    return folder
  }

  @Test func fileAndTableSayTheSame() throws {
    let folder = try trained(TinyData.gated)
    defer { folder.remove() }
    let output = try Tool.run(["export", "m.safetensors", "--output", "m.ONNX"], in: folder)
    #expect(output.code == 0, "\(output.error)")
    let model = try Model(contentsOf: folder.path("m.safetensors"))
    let claim = try #require(model.certificate["claim"])
    #expect(output.out.hasSuffix(claim + "\n"))
    #expect(output.out.contains("images [N, 1, 4, 4]"))
    let text = String(decoding: try folder.bytes("m.ONNX"), as: UTF8.self)
    for word in ["GreaterOrEqual", "ccnn.certificate.claim", claim, "bytes divided by 255"] {
      let isWritten = text.contains(word)
      #expect(isWritten, "\(word)")
    }
    let quiet = try Tool.run(
      ["export", "m.safetensors", "--output", "again.onnx", "--json", "-"], in: folder)
    let result = try JSONDecoder().decode(ExportResult.self, from: Data(quiet.out.utf8))
    #expect(result.format == "onnx")
    #expect(result.inputShape == [1, 4, 4])
    #expect(result.neuronCount == model.network.neuronCount)
    let again = try folder.bytes("again.onnx")
    #expect(again == (try folder.bytes("m.ONNX")))
  }

  @Test(arguments: [["--bias"], ["--output-bias"], ["--pooling", "max:2x2"]])
  func exportedWeightsAreImportedBitForBit(flags: [String]) throws {
    let folder = try trained(TinyData.train + flags)
    defer { folder.remove() }
    let exported = try Tool.run(
      [
        "export", "m.safetensors", "--output", "w.safetensors", "--precision", "float64", "--quiet",
      ],
      in: folder)
    #expect(exported.code == 0, "\(exported.error)")
    #expect(exported.out == "")
    let pooling = flags.contains("--pooling") ? flags : []
    let imported = try Tool.run(
      [
        "import", "--weights", "w.safetensors", "--output", "i.safetensors", "--images",
        "images.npy", "--labels", "labels.npy", "--lambda", "0.1",
      ] + pooling, in: folder)
    #expect(imported.code == 0, "\(imported.error)")
    let original = try Model(contentsOf: folder.path("m.safetensors"))
    let copy = try Model(contentsOf: folder.path("i.safetensors"))
    #expect(copy.network == original.network)
  }

  @Test func singlePrecisionIsTheDefault() throws {
    let folder = try trained(TinyData.train)
    defer { folder.remove() }
    let output = try Tool.run(
      ["export", "m.safetensors", "--output", "w.safetensors"], in: folder)
    #expect(output.code == 0, "\(output.error)")
    let file = try Safetensors.read(folder.path("w.safetensors"))
    #expect(file.entries.map(\.dtype) == ["F32", "F32"])
    #expect(file.entries.map(\.name) == ["conv.weight", "head.weight"])
    #expect(file.metadata["format"] == "pt")
  }

  @Test(arguments: [
    (["--output", "m.pt"], 64, "expected a name that ends in .onnx or .safetensors"),
    (["--output", "m"], 64, "expected a name that ends in .onnx or .safetensors"),
    (["--output", "m.onnx", "--precision", "float64"], 64, "expected float32 with ONNX"),
    (["--output", "w.safetensors", "--precision", "float23"], 64, "Did you mean float32?"),
    (["--output", "m.safetensors"], 64, "expected another file than one that"),
    (["--output", "nowhere/m.onnx"], 74, "no folder"),
    (["--output", "w.safetensors"], 65, "there is no tensor for gates"),
  ])
  func refusalLeavesNothing(flags: [String], code: Int32, words: String) throws {
    let folder = try trained(TinyData.gated)
    defer { folder.remove() }
    let before = try folder.listing
    let output = try Tool.run(["export", "m.safetensors"] + flags, in: folder)
    #expect(output.code == code)
    #expect(output.error.contains(words), "\(output.error)")
    let after = try folder.listing
    #expect(after == before)
  }

  @Test func fileThatIsNoModelIsRefused() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try folder.write([1, 2, 3], "m.safetensors")
    let damaged = try Tool.run(["export", "m.safetensors", "--output", "m.onnx"], in: folder)
    #expect(damaged.code == 65)
    let missing = try Tool.run(["export", "none.safetensors", "--output", "m.onnx"], in: folder)
    #expect(missing.code == 74)
    let names = try folder.listing
    #expect(names == ["m.safetensors"])
  }
}
