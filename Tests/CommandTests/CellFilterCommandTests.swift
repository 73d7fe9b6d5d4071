import Foundation
import Testing

struct CellFilterCommandTests {
  /// Three axes, their sum, a row opposite to the first, and a zero row.
  private static let rows = "1,0,0\n0,1,0\n0,0,1\n1,1,1\n-2,0,0\n0,0,0\n"

  private func folder(_ rows: String = Self.rows) throws -> Folder {
    let folder = try Folder()
    try folder.write(Array(rows.utf8), "m.csv")
    return folder
  }

  private func run(_ arguments: [String], in folder: Folder) throws -> [String: Any] {
    let output = try Tool.run(
      ["enumerate", "--matrix", "m.csv", "--quiet", "--json", "-"] + arguments, in: folder)
    #expect(output.code == 0, "\(output.error)")
    let object = try JSONSerialization.jsonObject(with: Data(output.out.utf8))
    return object as? [String: Any] ?? [:]
  }

  private func number(_ key: String, _ json: [String: Any]) -> Int? {
    (json[key] as? NSNumber)?.intValue
  }

  @Test func facetsArePackedOverOriginalRows() throws {
    let folder = try folder()
    defer { folder.remove() }
    let json = try run(["--output", "p.npy", "--facets", "f.npy"], in: folder)
    #expect(number("cells", json) == 14)
    let patterns = try Array(folder.bytes("p.npy")[128...])
    let facets = try Array(folder.bytes("f.npy")[128...])
    #expect(facets.count == 14)
    // A facet's bit is set for all rows of its line: 0 and 4 together, 5 never.
    #expect(facets.allSatisfy { ($0 & 1 == 0) == ($0 & 16 == 0) && $0 & 32 == 0 })
    // Flipping the rows of a facet gives another pattern, flipping other lines does not.
    let all = Set(patterns)
    for (pattern, facet) in zip(patterns, facets) {
      for line: UInt8 in [17, 2, 4, 8] {
        #expect(all.contains(pattern ^ line) == (facet & line != 0))
      }
    }
  }

  @Test func filtersCountAndWriteTheSameCells() throws {
    let folder = try folder()
    defer { folder.remove() }
    _ = try run(["--output", "p.npy", "--facets", "f.npy"], in: folder)
    let patterns = try Array(folder.bytes("p.npy")[128...])
    let facets = try Array(folder.bytes("f.npy")[128...])
    let triangles = zip(patterns, facets).filter { ($0.1 & 15).nonzeroBitCount == 3 }.map(\.0)
    #expect(!triangles.isEmpty && triangles.count < 14)
    let counted = try run(["--count", "--max-facets", "3"], in: folder)
    #expect(number("cells", counted) == triangles.count)
    #expect(number("examined", counted) == 14)
    let written = try run(
      ["--output", "q.npy", "--max-facets", "3", "--threads", "1", "--witnesses", "w.npy"],
      in: folder)
    #expect(number("cells", written) == triangles.count)
    let kept = try Array(folder.bytes("q.npy")[128...])
    #expect(kept == triangles)
    let witnesses = try folder.bytes("w.npy")
    #expect(witnesses.count == 128 + 24 * triangles.count)
    let rest = try run(["--count", "--min-facets", "4"], in: folder)
    #expect(number("cells", rest) == 14 - triangles.count)
  }

  @Test func theFunctionalKeepsCellsByTheirActiveRows() throws {
    let folder = try folder()
    defer { folder.remove() }
    try folder.write(Array("1\n2\n4\n8\n16\n32\n".utf8), "w.csv")
    _ = try run(["--output", "p.npy"], in: folder)
    let patterns = try Array(folder.bytes("p.npy")[128...])
    // With these weights the value of a cell is its pattern as a number.
    let expected = patterns.filter { $0 >= 40 && $0 <= 50 }
    let json = try run(
      ["--output", "q.npy", "--functional", "w.csv", "--min-value", "40", "--max-value", "50"],
      in: folder)
    #expect(!expected.isEmpty)
    #expect(number("cells", json) == expected.count)
    let kept = try Array(folder.bytes("q.npy")[128...])
    #expect(kept == expected)
  }

  @Test func shardsAndThreadsKeepTheSameCells() throws {
    let folder = try Folder()
    defer { folder.remove() }
    let common = [
      "enumerate", "--dataset", "digits", "--filter", "1x3", "--first", "2", "--quiet",
      "--min-facets", "4", "--max-facets", "4",
    ]
    var bytes: [[UInt8]] = []
    for arguments in [["--threads", "1"], ["--threads", "2"]] {
      let output = try Tool.run(common + arguments + ["--output", "p.npy"], in: folder)
      #expect(output.code == 0)
      bytes.append(try folder.bytes("p.npy"))
    }
    #expect(bytes[0] == bytes[1])
    var sum = 0
    for shard in ["0/3", "1/3", "2/3"] {
      let output = try Tool.run(common + ["--shard", shard, "--output", "p.npy"], in: folder)
      #expect(output.code == 0)
      sum += try folder.bytes("p.npy").count - 128
    }
    #expect(sum == bytes[0].count - 128)
  }

  @Test(arguments: [
    (["--count", "--facets", "f.npy"], "--facets"),
    (["--output", "p.npy", "--min-facets", "0"], "--min-facets"),
    (["--output", "p.npy", "--min-facets", "5", "--max-facets", "4"], "--max-facets"),
    (["--output", "p.npy", "--min-value", "1"], "--functional"),
    (["--output", "p.npy", "--functional", "w.csv"], "--min-value"),
    (["--faces", "--max-facets", "4"], "--max-facets"),
    (["--count", "--method", "sweep", "--max-facets", "4"], "--method"),
  ])
  func wrongUsageIsRefused(arguments: [String], mention: String) throws {
    let folder = try folder()
    defer { folder.remove() }
    let output = try Tool.run(["enumerate", "--matrix", "m.csv"] + arguments, in: folder)
    #expect(output.code == 64)
    #expect(output.error.contains(mention))
  }

  @Test func wrongWeightsAreRefused() throws {
    let folder = try folder()
    defer { folder.remove() }
    try folder.write(Array("1\n2\n".utf8), "w.csv")
    let output = try Tool.run(
      [
        "enumerate", "--matrix", "m.csv", "--count", "--functional", "w.csv", "--min-value", "0",
      ], in: folder)
    #expect(output.code == 65)
    #expect(output.error.contains("6 weights"))
  }
}
