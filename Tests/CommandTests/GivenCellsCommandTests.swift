import ConvexCNN
import Foundation
import Testing

/// `ccnn train --activation relu --cells sample:P`, and what the other commands make of its models.
struct GivenCellsCommandTests {
  private static let train =
    TinyData.train + ["--cells", "sample:6", "--loss", "logistic", "--gap", "1e-6"]

  private static func json(_ output: Tool.Output) throws -> [String: Any] {
    let object = try JSONSerialization.jsonObject(with: Data(output.out.utf8))
    return try #require(object as? [String: Any])
  }

  @Test func modelsAreTrainedCertifiedAndUsed() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let trained = try Tool.run(
      Self.train + ["--output", "m.safetensors", "--json", "-", "--require-gap"], in: folder)
    #expect(trained.code == 0, "\(trained.error)")
    let result = try Self.json(trained)
    #expect(result["scope"] as? String == "the 6 cells given")
    #expect(result["bound"] as? String == "exact")
    #expect(result["cellCount"] as? Int == 6)
    #expect((result["relativeGap"] as? Double ?? 1) <= 1e-6)
    #expect((result["model"] as? [String: Any])?["cells"] as? String == "sample:6")
    #expect((result["model"] as? [String: Any])?["gates"] as? String == "centered")
    let model = try Model(contentsOf: folder.path("m.safetensors"))
    #expect(model.cellGates?.rows == 6 && model.gates == nil)
    let data = ["--images", "images.npy", "--labels", "labels.npy", "--threads", "1"]
    let certified = try Tool.run(
      ["certify", "--model", "m.safetensors", "--gap", "1e-6", "--json", "-"] + data, in: folder)
    #expect(certified.code == 0, "\(certified.error)")
    let again = try Self.json(certified)
    #expect(again["scope"] as? String == "the 6 cells given")
    #expect(again["lowerBound"] as? Double == result["lowerBound"] as? Double)
    #expect(again["lambdaMaxKind"] as? String == "exact over these cells")
    let exact = try Tool.run(
      ["certify", "--model", "m.safetensors", "--bound", "exact"] + data, in: folder)
    #expect(exact.code == 0 && exact.out.contains("(exact, the 6 cells given)"))
    let global = try Tool.run(
      ["certify", "--model", "m.safetensors", "--bound", "spectral"] + data, in: folder)
    #expect(global.code == 0 && global.out.contains("(spectral, all cells)"))
    let evaluated = try Tool.run(["evaluate", "--model", "m.safetensors"] + data, in: folder)
    #expect(evaluated.code == 0, "\(evaluated.error)")
    let predicted = try Tool.run(
      ["predict", "--model", "m.safetensors", "--images", "images.npy", "--output", "p.npy"],
      in: folder)
    #expect(predicted.code == 0, "\(predicted.error)")
    #expect(try NPY.read(folder.path("p.npy")).shape.first == 12)
    let table = try Tool.run(Self.train, in: folder)
    #expect(table.out.contains("relu") && table.out.contains("sample:6"))
    #expect(table.out.contains("Proven over the 6 cells given"))
  }

  /// The same flags give the same bytes; the kind of gates and a start have their effect.
  @Test func cellsFollowTheirFlags() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    for (name, flags) in [
      ("a", []), ("b", ["--gates", "centered"]), ("c", ["--gates", "gaussian"]),
      ("d", ["--seed", "3"]), ("e", ["--start", "a.safetensors"]),
    ] {
      let output = try Tool.run(
        Self.train + flags + ["--output", "\(name).safetensors", "--quiet"], in: folder)
      #expect(output.code == 0, "\(name): \(output.error)")
    }
    let bytes = try ["a", "b", "c", "d"].map { try folder.bytes("\($0).safetensors") }
    #expect(bytes[0] == bytes[1] && bytes[0] != bytes[2] && bytes[0] != bytes[3])
    let gates = try ["a", "c", "d", "e"].map {
      try #require(try Model(contentsOf: folder.path("\($0).safetensors")).cellGates)
    }
    #expect(gates[0] != gates[1] && gates[0] != gates[2] && gates[0] == gates[3])
    let mixed = try Tool.run(
      Self.train + ["--seed", "3", "--start", "a.safetensors"], in: folder)
    #expect(mixed.code == 64 && mixed.error.contains("--seed 3"))
  }

  @Test(arguments: [
    (
      ["--solver", "admm"],
      "expected augmented-lagrangian with --activation relu and --cells sample:6"
    ),
    (["--output-bias"], "expected generate with --output-bias"),
    (["--pooling", "max"], "expected average or sum with --cells sample:6"),
    (["--filter-rank", "2"], "--filter-rank"),
    (["--max-cells", "5"], "at most --max-cells 5"),
    (["--checkpoint", "state"], "--checkpoint"),
    (["--pooling", "average:2x1"], "2 windows"),
    (["--loss", "softmax"], "2 outputs"),
    (["--cells", "sample:100000"], "Ask for fewer cells"),
  ])
  func whatDoesNotWorkIsRefused(flags: [String], words: String) throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    // The last of two values of an option counts.
    let output = try Tool.run(Self.train + flags, in: folder)
    #expect(output.code == 64, "\(output.out)")
    #expect(output.error.contains(words), "\(output.error)")
  }

  @Test func commandsThatChooseCellsThemselvesRefuseThem() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let data = ["--images", "images.npy", "--labels", "labels.npy", "--filter", "2x2"]
    let path = try Tool.run(
      ["path"] + data + ["--cells", "sample:6", "--output", "p"], in: folder)
    #expect(path.code == 64)
    #expect(path.error.contains("trained by ccnn train"), "\(path.error)")
    let gates = try Tool.run(TinyData.train + ["--gates", "patches"], in: folder)
    #expect(gates.code == 64 && gates.error.contains("--gates"), "\(gates.error)")
  }
}
