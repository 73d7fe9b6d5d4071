import ConvexCNN
import Foundation
import Testing

/// `ccnn train --gates`.
struct GateOptionTests {
  /// Every kind of gates is recorded, gives a network of its own, and continues from its model.
  @Test func everyKindOfGatesHasItsEffect() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    var gates: Set<[Double]> = []
    for method in SamplingMethod.allCases {
      let flags = TinyData.gated + ["--gates", method.rawValue, "--output", "m.safetensors"]
      let output = try Tool.run(flags + ["--json", "-", "--quiet"], in: folder)
      #expect(output.code == 0, "\(method): \(output.error)")
      let json = try JSONSerialization.jsonObject(with: Data(output.out.utf8)) as? [String: Any]
      let recorded = (json?["model"] as? [String: Any])?["gates"] as? String
      #expect(recorded == method.rawValue)
      let model = try Model(contentsOf: folder.path("m.safetensors"))
      #expect(model.configuration.gates == method)
      let found = try #require(model.gates)
      #expect(found.rows == 4)
      gates.insert(found.elements)
      let again = try Tool.run(flags + ["--start", "m.safetensors", "--quiet"], in: folder)
      #expect(again.code == 0, "\(again.error)")
    }
    #expect(gates.count == SamplingMethod.allCases.count)
  }

  @Test func centeredGatesAreTheDefault() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let plain = try Tool.run(TinyData.gated + ["--output", "a.safetensors"], in: folder)
    let named = try Tool.run(
      TinyData.gated + ["--gates", "centered", "--output", "b.safetensors"], in: folder)
    let table = try Tool.run(TinyData.gated + ["--gates", "patches"], in: folder)
    #expect(plain.code == 0 && named.code == 0 && table.code == 0)
    #expect(try folder.bytes("a.safetensors") == folder.bytes("b.safetensors"))
    #expect(table.out.contains("gates patches"))
    let mixed = try Tool.run(
      TinyData.gated + ["--gates", "gaussian", "--start", "a.safetensors"], in: folder)
    #expect(mixed.code == 64)
    #expect(mixed.error.contains("--gates centered"))
  }

  @Test func classMeansAreRefusedForRealTargets() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    try TinyData.write(
      labels: (0..<12).map { Double($0) / 3 }, kind: .floating, to: folder.path("labels.npy"))
    let output = try Tool.run(TinyData.gated + ["--gates", "class-means"], in: folder)
    #expect(output.code == 64)
    #expect(output.error.contains("class-means: expected labels that are classes"))
    let others = try Tool.run(TinyData.gated + ["--gates", "k-means"], in: folder)
    #expect(others.code == 0)
  }

  /// Choosing gates ends at the limit of time, after a second at least; without gates there is no program whose status could say so.
  @Test(arguments: ["gaussian", "uniform"])
  func theLimitOfTimeEndsTheChoiceOfGates(gates: String) throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let flags = TinyData.gated.map { $0 == "sample:4" ? "sample:300000" : $0 }
    let output = try Tool.run(flags + ["--gates", gates, "--max-seconds", "0.001"], in: folder)
    #expect(output.code == 64)
    #expect(output.error.contains("--max-seconds"), "\(output.error)")
  }

  @Test func tooFewGatesAreRefused() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let flags = TinyData.gated.map { $0 == "sample:4" ? "sample:500" : $0 }
    let output = try Tool.run(flags + ["--gates", "patches"], in: folder)
    #expect(output.code == 64)
    #expect(output.error.contains("gates made from patches found"))
  }
}
