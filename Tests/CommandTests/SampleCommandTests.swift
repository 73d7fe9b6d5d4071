import ConvexCNN
import Foundation
import Testing

/// `ccnn enumerate --sample`.
struct SampleCommandTests {
  private static let digits = [
    "enumerate", "--dataset", "digits", "--filter", "2x2", "--first", "3", "--quiet",
  ]

  private func result(_ output: Tool.Output) throws -> [String: Any] {
    let object = try JSONSerialization.jsonObject(with: Data(output.out.utf8))
    return try #require(object as? [String: Any])
  }

  /// Rows of bytes of a pattern file.
  private func patterns(_ folder: Folder, _ name: String, columns: Int) throws -> [[UInt8]] {
    let bytes = try Array(folder.bytes(name)[128...])
    return stride(from: 0, to: bytes.count, by: columns).map { Array(bytes[$0..<$0 + columns]) }
  }

  @Test(arguments: SamplingMethod.allCases)
  func everySamplerWritesDifferentCells(method: SamplingMethod) throws {
    let folder = try Folder()
    defer { folder.remove() }
    let flags = [
      "--sample", "25", "--sampler", method.rawValue, "--output", "p.npy", "--witnesses", "w.npy",
      "--json", "-",
    ]
    let output = try Tool.run(Self.digits + flags, in: folder)
    #expect(output.code == 0, "\(output.error)")
    let json = try result(output)
    #expect(json["sampler"] as? String == method.rawValue)
    #expect(json["cells"] as? Int == 25)
    #expect((json["knownCells"] as? Int ?? 0) > 25)
    #expect((json["draws"] is NSNull) != method.drawsIndependently)
    #expect((json["coveredProbability"] is NSNull) != method.drawsIndependently)
    #expect((json["estimatedHalfCells"] is NSNull) == (method != .uniform))
    let rows = try patterns(folder, "p.npy", columns: (3 * 49 + 7) / 8)
    #expect(rows.count == 25 && Set(rows).count == 25)
    let witnesses = try folder.bytes("w.npy")
    #expect(witnesses.count == 128 + 25 * 4 * 8)
    let listing = try folder.listing
    #expect(listing == ["p.npy", "w.npy"])
  }

  /// The sampled cells are among the listed ones, and no two opposite ones are taken with `--half`.
  @Test func uniformCellsAreListedCells() throws {
    let folder = try Folder()
    defer { folder.remove() }
    let flags = ["enumerate", "--dataset", "digits", "--filter", "2x2", "--first", "1", "--quiet"]
    let all = try Tool.run(flags + ["--output", "all.npy"], in: folder)
    let half = try Tool.run(
      flags + ["--sample", "9490", "--half", "--output", "half.npy", "--json", "-"], in: folder)
    let cells = try Tool.run(
      flags + ["--sample", "5000", "--output", "some.npy", "--threads", "1"], in: folder)
    let same = try Tool.run(
      flags + ["--sample", "5000", "--output", "same.npy", "--threads", "2"], in: folder)
    let other = try Tool.run(
      flags + ["--sample", "5000", "--output", "other.npy", "--seed", "1"], in: folder)
    #expect([all, half, cells, same, other].allSatisfy { $0.code == 0 })
    let listed = try Set(patterns(folder, "all.npy", columns: 7))
    let pairs = try patterns(folder, "half.npy", columns: 7)
    let some = try patterns(folder, "some.npy", columns: 7)
    #expect(listed.count == 18_980)
    #expect(Set(pairs).count == 9490 && Set(pairs).isSubset(of: listed))
    #expect(Set(some).count == 5000 && Set(some).isSubset(of: listed))
    #expect(try folder.bytes("some.npy") == folder.bytes("same.npy"))
    #expect(try folder.bytes("some.npy") != folder.bytes("other.npy"))
    let json = try result(half)
    #expect(json["knownCells"] as? Int == 9490)
    #expect(json["coveredFraction"] as? Double == 1)
    let estimate = try #require(json["estimatedHalfCells"] as? Double)
    let error = try #require(json["standardError"] as? Double)
    #expect(abs(estimate - 9490) <= 4.5 * error)
  }

  @Test func streamsAndTables() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try folder.write(Array("1,0\n0,1\n2,0\n-1,0\n0,0\n".utf8), "m.csv")
    let streamed = try Tool.run(
      ["enumerate", "--matrix", "m.csv", "--sample", "4", "--stream", "--quiet"], in: folder)
    let lines = streamed.out.split(separator: "\n").map(String.init)
    #expect(Set(lines) == ["11101", "10101", "01011", "00011"])
    let table = try Tool.run(["enumerate", "--matrix", "m.csv", "--sample", "3"], in: folder)
    #expect(table.code == 0)
    #expect(table.out.hasSuffix("3 different cells sampled\n"))
    #expect(table.out.contains("4 cells, 75.00 % sampled"))
    let more = try Tool.run(
      ["enumerate", "--matrix", "m.csv", "--sample", "5", "--output", "p.npy"], in: folder)
    #expect(more.code == 64)
    #expect(more.error.contains("--sample: expected at most 4 cells"))
    let listing = try folder.listing
    #expect(listing == ["m.csv"])
  }

  @Test func classMeansTakeLabels() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    try TinyData.write(
      labels: (0..<12).map { Double($0) / 3 }, kind: .floating, to: folder.path("targets.npy"))
    try TinyData.write(labels: [Double](repeating: 1, count: 12), to: folder.path("one.npy"))
    let flags = [
      "enumerate", "--images", "images.npy", "--filter", "2x2", "--sample", "5", "--sampler",
      "class-means",
    ]
    let good = try Tool.run(flags + ["--labels", "labels.npy"], in: folder)
    #expect(good.code == 0, "\(good.error)")
    let targets = try Tool.run(flags + ["--labels", "targets.npy"], in: folder)
    #expect(targets.code == 64)
    #expect(targets.error.contains("class-means: expected labels that are classes"))
    let one = try Tool.run(flags + ["--labels", "one.npy"], in: folder)
    #expect(one.code == 64)
    #expect(one.error.contains("at least two classes"))
    let none = try Tool.run(flags, in: folder)
    #expect(none.code == 64)
    #expect(none.error.contains("--labels"))
  }

  @Test(arguments: [
    (["--sample", "0"], "--sample: expected an integer >= 1"),
    (["--sampler", "uniform", "--count"], "--sample with --sampler"),
    (["--sample", "3", "--sampler", "unifrom"], "Did you mean uniform?"),
    (["--sample", "3", "--count"], "--sample: expected no value together with --count"),
    (["--sample", "3", "--checkpoint", "c"], "--checkpoint"),
    (["--sample", "3", "--shard", "0/2"], "--shard"),
    (["--sample", "3", "--max-cells", "9"], "--max-cells"),
    (["--sample", "3", "--labels", "l.npy"], "--labels"),
  ])
  func badOptionIsRefused(extra: [String], word: String) throws {
    let output = try Tool.run(Self.digits + extra)
    #expect(output.code == 64)
    #expect(output.error.contains(word))
  }
}
