import Foundation
import Testing

/// Counting, refusals and progress of `ccnn enumerate`.
struct EnumerateCountTests {
  /// Rows `e_i` and `e_i - e_j`, `(n + 1)!` cells.
  private static func braid(_ n: Int) -> String {
    var rows = (0..<n).map { i in (0..<n).map { $0 == i ? "1" : "0" } }
    for i in 0..<n {
      for j in i + 1..<n { rows.append((0..<n).map { $0 == i ? "1" : $0 == j ? "-1" : "0" }) }
    }
    return rows.map { $0.joined(separator: ",") }.joined(separator: "\n") + "\n"
  }

  private func run(_ n: Int, _ arguments: [String]) throws -> Tool.Output {
    let folder = try Folder()
    defer { folder.remove() }
    try folder.write(Array(Self.braid(n).utf8), "m.csv")
    return try Tool.run(["enumerate", "--matrix", "m.csv"] + arguments, in: folder)
  }

  private func json(_ output: Tool.Output) throws -> [String: Any] {
    let object = try JSONSerialization.jsonObject(with: Data(output.out.utf8))
    return object as? [String: Any] ?? [:]
  }

  @Test(arguments: ["auto", "polynomial", "sweep"])
  func everyMethodCountsTheSame(method: String) throws {
    let output = try run(7, ["--count", "--method", method, "--quiet", "--json", "-"])
    #expect(output.code == 0)
    let result = try json(output)
    #expect((result["cells"] as? NSNumber)?.intValue == 40_320)
    #expect(result["method"] as? String == (method == "sweep" ? "sweep" : "polynomial"))
  }

  @Test func listingsAreConfirmedByThePolynomial() throws {
    let output = try run(6, ["--output", "p.npy", "--quiet", "--json", "-"])
    #expect(output.code == 0)
    let result = try json(output)
    #expect((result["isConfirmed"] as? NSNumber)?.boolValue == true)
    #expect(result["method"] as? String == "list")
    #expect((result["cells"] as? NSNumber)?.intValue == 5_040)
  }

  /// Faces of the braid arrangement: ordered set partitions of `n + 1` items.
  @Test func facesAreCountedByDimension() throws {
    let output = try run(3, ["--faces", "--json", "-"])
    #expect(output.code == 0)
    let result = try json(output)
    let faces = (result["faces"] as? [NSNumber])?.map(\.intValue)
    #expect(faces == [1, 14, 36, 24])
    #expect((result["cells"] as? NSNumber)?.intValue == 24)
    let table = try run(3, ["--faces"])
    #expect(table.out.contains("Euler              -1 = (-1)^3"))
  }

  /// 91 lines of rank 13: the bound of general position is 1e14, but there are 14! cells.
  @Test func theExactCountDecidesWhereTheBoundDoesNot() throws {
    let counted = try run(13, ["--count", "--quiet", "--json", "-"])
    #expect(counted.code == 0)
    let result = try json(counted)
    #expect((result["cells"] as? NSNumber)?.uint64Value == 87_178_291_200)
    // 36 lines of rank 8: 9! = 362,880 cells, general position 17,463,696.
    let listed = try run(8, ["--output", "p.npy", "--half", "--max-cells", "362880"])
    #expect(listed.code == 0)
    #expect(listed.error.contains("362880 cells by an exact count, so --max-cells is kept"))
    let refused = try run(8, ["--output", "p.npy", "--max-cells", "362879"])
    #expect(refused.code == 64)
    #expect(
      refused.error.contains(
        "--max-cells: expected at most 362879 cells, found 362880, the exact count."))
    for method in ["polynomial", "sweep"] {
      let count = try run(8, ["--count", "--max-cells", "362879", "--method", method])
      #expect(count.code == 64)
      #expect(count.error.contains("found 362880, the exact count"))
    }
  }

  /// Listing stops at rank 16; counting does not.
  @Test func countingHasNoLimitOfTheRank() throws {
    let folder = try Folder()
    defer { folder.remove() }
    let rows = (0..<18).map { i in (0..<18).map { $0 == i ? "1" : "0" }.joined(separator: ",") }
    try folder.write(Array((rows.joined(separator: "\n") + "\n").utf8), "m.csv")
    let counted = try Tool.run(["enumerate", "--matrix", "m.csv", "--count"], in: folder)
    #expect(counted.code == 0)
    #expect(counted.out.contains("131072 half cells (262144 cells), exact"))
    let listed = try Tool.run(["enumerate", "--matrix", "m.csv", "--output", "p.npy"], in: folder)
    #expect(listed.code == 65)
    #expect(listed.error.contains("found rank 18"))
  }

  @Test func theBoundAndTimesComeBeforeTheRun() throws {
    let output = try run(7, ["--faces", "--threads", "1"])
    // 2 sum_{k < 7} C(27, k)
    #expect(output.error.contains("28 rows, 28 lines, rank 7: at most 795188 cells"))
    #expect(output.error.contains("to count, "))
    #expect(output.error.contains("to count faces, "))
    #expect(output.error.contains("to list"))
  }

  /// What the tool writes to a terminal in every mode.
  @Test(arguments: [
    (["--count", "--method", "sweep", "--threads", "1"], " cells  ", "at most "),
    (["--output", "p.npy", "--half", "--threads", "1"], " cells  ", " left"),
    (["--faces", "--threads", "1"], "% of the faces  ", " left"),
    (["--count", "--threads", "1"], "% counted  ", " left"),
  ])
  func progressHasTheTimeLeft(arguments: [String], start: String, end: String) throws {
    let folder = try Folder()
    defer { folder.remove() }
    let n = arguments.contains("--faces") ? 10 : arguments.contains("sweep") ? 9 : 8
    var rows = Self.braid(n)
    if arguments == ["--count", "--threads", "1"] {
      // General position: points of the moment curve.
      rows = (1...60).map { t in
        (0..<6).map { k in "\((0..<k).reduce(1) { p, _ in p * t })" }.joined(separator: ",")
      }.joined(separator: "\n")
    }
    try folder.write(Array(rows.utf8), "m.csv")
    let text = try Terminal.error(
      of: ["enumerate", "--matrix", "m.csv"] + arguments, in: folder)
    let lines = text.split(separator: "\r").map(String.init).filter { $0.contains(" left") }
    let shown = lines.filter { $0.contains(start) && $0.contains(end) }
    #expect(!shown.isEmpty, "\(text)")
    #expect(lines.allSatisfy { $0.trimmingCharacters(in: .whitespacesAndNewlines).count <= 79 })
  }
}
