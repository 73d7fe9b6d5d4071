import BenchmarkSupport
import Foundation
import Testing

struct BenchmarkOptionsTests {
  private let groups = ["pricing", "floors"]

  @Test func wordsAreRead() throws {
    let plain = try BenchmarkOptions([], groups: groups)
    #expect(plain.isQuick && plain.groups.isEmpty && plain.files.isEmpty)
    let full = try BenchmarkOptions(
      ["--full", "--only", "floors,pricing", "--json", "-", "--csv", "a.csv"], groups: groups)
    #expect(!full.isQuick)
    #expect(full.groups == ["floors", "pricing"])
    #expect(full.json == "-")
    #expect(full.files.map(\.path) == ["a.csv", "-"])
  }

  @Test(arguments: [
    (["--quick", "--full"], "found both"), (["--csv"], "--csv: expected a value, found none"),
    (["--csv", "-"], "--csv: expected a value"), (["--only", "price"], "found price"),
    (["--csv", "a", "--html", "a"], "one of them twice"), (["--quick", "--quick"], "it twice"),
    (["quick"], "found \"quick\""), (["--only", ","], "at least one name"),
  ])
  func misuseIsRefused(words: [String], message: String) {
    #expect {
      try BenchmarkOptions(words, groups: groups)
    } throws: { error in
      (error as? BenchmarkError)?.code == 64 && "\(error)".contains(message)
    }
  }

  @Test func filesAreCheckedAndWrittenInOneStep() throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("benchmarks-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("b.csv").path
    try BenchmarkOptions(["--csv", path], groups: groups).checkFiles()
    try BenchmarkOptions.write("x\n", to: path)
    try BenchmarkOptions.write("y\n", to: path)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "y\n")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["b.csv"])
    #expect(
      try BenchmarkOptions(
        ["--markdown", path, "--figures", folder.appendingPathComponent("figures").path],
        groups: groups
      ).figureFolder == "figures")
    #expect {
      try BenchmarkOptions(["--figures", path], groups: groups).checkFiles()
    } throws: { ($0 as? BenchmarkError)?.code == 74 }
    for lost in [folder.path, folder.appendingPathComponent("no/b.csv").path] {
      #expect {
        try BenchmarkOptions(["--csv", lost], groups: groups).checkFiles()
      } throws: { ($0 as? BenchmarkError)?.code == 74 }
    }
  }
}
