import Foundation
import Testing

struct EnumerateCommandTests {
  /// Rows of the cube's arrangement: three axes and their sum, general position in space.
  private static let four = "1,0,0\n0,1,0\n0,0,1\n1,1,1\n"

  private func result(_ text: String) throws -> [String: Any] {
    let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
    return object as? [String: Any] ?? [:]
  }

  @Test func jsonHasTheContractsKeys() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try folder.write(Array(Self.four.utf8), "m.csv")
    let output = try Tool.run(
      ["enumerate", "--matrix", "m.csv", "--count", "--json", "-"], in: folder)
    #expect(output.code == 0)
    let json = try result(output.out)
    let numbers = ["rows", "distinctRows", "rank", "cells", "upperBound"].map {
      (json[$0] as? NSNumber)?.intValue
    }
    #expect(numbers == [4, 4, 3, 14, 14])
    #expect(json["seconds"] is NSNumber)
  }

  @Test func allDigitsHaveTheKnownCells() throws {
    let output = try Tool.run([
      "enumerate", "--dataset", "digits", "--filter", "1x3", "--count", "--quiet", "--json", "-",
    ])
    #expect(output.code == 0)
    let json = try result(output.out)
    let numbers = ["rows", "distinctRows", "rank", "cells"].map {
      (json[$0] as? NSNumber)?.intValue
    }
    #expect(numbers == [86_256, 3_580, 3, 8_246_896])
  }

  @Test func outputAndWitnessesAreRowsPerCell() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try folder.write(Array(Self.four.utf8), "m.csv")
    let output = try Tool.run(
      ["enumerate", "--matrix", "m.csv", "--output", "p.npy", "--witnesses", "w.npy"],
      in: folder)
    #expect(output.code == 0)
    #expect(output.out.contains("7 half cells (14 cells), exact"))
    let patterns = try folder.bytes("p.npy")
    #expect(patterns.count == 128 + 14)
    #expect(Set(patterns[128...]).count == 14)
    #expect(patterns[128] ^ patterns[129] == 15)
    let witnesses = try folder.bytes("w.npy")
    #expect(witnesses.count == 128 + 14 * 3 * 8)
    let listing = try folder.listing
    #expect(listing == ["m.csv", "p.npy", "w.npy"])
  }

  @Test func streamPrintsOneLinePerCell() throws {
    let folder = try Folder()
    defer { folder.remove() }
    // A repeated, an opposite and a zero row: the pattern is over all five rows.
    try folder.write(Array("1,0\n0,1\n2,0\n-1,0\n0,0\n".utf8), "m.csv")
    let output = try Tool.run(
      ["enumerate", "--matrix", "m.csv", "--stream", "--quiet"], in: folder)
    let lines = output.out.split(separator: "\n").map(String.init)
    #expect(Set(lines) == ["11101", "10101", "01011", "00011"])
    #expect(lines.count == 4)
  }

  @Test func shardsTogetherAreTheWhole() throws {
    let folder = try Folder()
    defer { folder.remove() }
    let common = ["enumerate", "--dataset", "digits", "--filter", "2x2", "--first", "1", "--quiet"]
    var sizes = 0
    var union: Set<[UInt8]> = []
    for part in ["0/2", "1/2"] {
      let output = try Tool.run(common + ["--output", "p.npy", "--shard", part], in: folder)
      #expect(output.code == 0)
      let bytes = try Array(folder.bytes("p.npy")[128...])
      sizes += bytes.count / 7
      for start in stride(from: 0, to: bytes.count, by: 7) {
        union.insert(Array(bytes[start..<start + 7]))
      }
    }
    let whole = try Tool.run(common + ["--count", "--json", "-"], in: folder)
    let cells = (try result(whole.out)["cells"] as? NSNumber)?.intValue
    #expect(sizes == cells)
    #expect(union.count == cells)
  }

  @Test(arguments: [
    (["--count"], "--matrix, --images or --dataset"),
    (["--matrix", "m.csv"], "--count, --faces, --output"),
    (["--matrix", "m.csv", "--count", "--output", "p.npy"], "--output"),
    (["--matrix", "m.csv", "--count", "--max-cells", "13"], "--max-cells"),
    (["--matrix", "m.csv", "--stream", "--shard", "2/2"], "--shard"),
    (["--dataset", "digits", "--count"], "--filter"),
    (["--matrix", "m.csv", "--count", "--half"], "--half"),
    (["--matrix", "m.csv", "--stream", "--method", "sweep"], "--method"),
    (["--matrix", "m.csv", "--faces", "--method", "sweep"], "--method"),
    (["--matrix", "m.csv", "--count", "--method", "swep"], "sweep"),
    (["--matrix", "m.csv", "--faces", "--max-cells", "0"], "--max-cells"),
  ])
  func wrongUsageIsRefused(arguments: [String], mention: String) throws {
    let folder = try Folder()
    defer { folder.remove() }
    try folder.write(Array(Self.four.utf8), "m.csv")
    let output = try Tool.run(["enumerate"] + arguments, in: folder)
    #expect(output.code == 64)
    #expect(output.error.contains(mention))
  }

  @Test func badNormalsAreRefused() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try folder.write(Array("0,0\n0,0\n".utf8), "zero.csv")
    let zero = try Tool.run(["enumerate", "--matrix", "zero.csv", "--count"], in: folder)
    #expect(zero.code == 65)
    let absent = try Tool.run(["enumerate", "--matrix", "none.csv", "--count"], in: folder)
    #expect(absent.code == 74)
  }
}
