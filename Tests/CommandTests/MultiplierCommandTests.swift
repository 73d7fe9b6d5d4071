import ConvexCNN
import Foundation
import Testing

/// `certify --multipliers` and `--check-multipliers`, and the exact bound of ReLU networks.
struct MultiplierCommandTests {
  private let data = [
    "certify", "--model", "m.safetensors", "--images", "images.npy", "--labels", "labels.npy",
  ]

  private func trained(_ filter: String = "1x2", _ extra: [String] = []) throws -> Folder {
    let folder = try Folder()
    try TinyData.write(to: folder)
    let flags = [
      "train", "--images", "images.npy", "--labels", "labels.npy", "--filter", filter,
      "--lambda-ratio", "0.1", "--threads", "1", "--output", "m.safetensors", "--quiet", "--json",
      "t.json",
    ]
    let output = try Tool.run(flags + extra, in: folder)
    #expect(output.code == 0, "\(output.error)")
    return folder
  }

  private func result(_ folder: Folder, _ name: String) throws -> TrainingResult {
    try JSONDecoder().decode(TrainingResult.self, from: Data(try folder.bytes(name)))
  }

  @Test func aFileThatWasWrittenIsAProof() throws {
    let folder = try trained()
    defer { folder.remove() }
    let trained = try result(folder, "t.json")
    #expect(trained.bound == "exact")
    #expect(trained.pricing.contains("angular sweep"))
    let written = try Tool.run(
      data + ["--bound", "exact", "--multipliers", "p.json", "--json", "c.json", "--gap", "1e-3"],
      in: folder)
    #expect(written.code == 0, "\(written.error)")
    let checked = try Tool.run(
      data + ["--check-multipliers", "p.json", "--json", "k.json", "--gap", "1e-3"], in: folder)
    #expect(checked.code == 0, "\(checked.error)")
    #expect(checked.out.contains("Proven over all cells: within"))
    let (exact, proven) = (try result(folder, "c.json"), try result(folder, "k.json"))
    #expect(exact.bound == "exact")
    #expect(proven.bound == "multipliers")
    #expect(proven.objective == exact.objective)
    let (low, high) = (proven.lowerBound.value ?? 0, exact.lowerBound.value ?? 0)
    #expect(abs(low - high) <= 1e-8 * high)
    // Another strength, other labels and a damaged file prove nothing.
    let another = try Tool.run(
      data + ["--check-multipliers", "p.json", "--lambda", "0.01"], in: folder)
    #expect(another.code == 2)
    #expect(another.error.contains("multipliers, lambda"))
    let text = try String(contentsOfFile: folder.path("p.json"), encoding: .utf8)
    for (broken, code) in [(String(text.dropLast(9)), 65), ("", 65), ("{}", 65)] {
      try broken.write(toFile: folder.path("q.json"), atomically: true, encoding: .utf8)
      let output = try Tool.run(data + ["--check-multipliers", "q.json"], in: folder)
      #expect(output.code == code)
    }
    // A sign without a magnitude is no sign.
    let least = text.replacingOccurrences(
      of: #""sign" ?: ?-?1"#, with: "\"sign\": -9223372036854775808", options: .regularExpression)
    #expect(least != text)
    try least.write(toFile: folder.path("q.json"), atomically: true, encoding: .utf8)
    let unsigned = try Tool.run(data + ["--check-multipliers", "q.json"], in: folder)
    #expect(unsigned.code == 2 && unsigned.error.contains("a sign 1 or -1"), "\(unsigned.error)")
    let missing = try Tool.run(data + ["--check-multipliers", "none.json"], in: folder)
    #expect(missing.code == 74)
    let labels: [Double] = [1, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    try TinyData.write(labels: labels, to: folder.path("labels.npy"))
    let swapped = try Tool.run(data + ["--check-multipliers", "p.json"], in: folder)
    #expect(swapped.code == 2)
  }

  @Test func multipliersOfOtherNetworksAreRefused() throws {
    let folder = try trained("2x2")
    defer { folder.remove() }
    // Larger filters are proven by facet pairs, which a solver writes.
    let output = try Tool.run(data + ["--multipliers", "p.json"], in: folder)
    #expect(output.code == 64)
    #expect(output.error.contains("patch dimension 2"))
    #expect(output.error.contains("ccnn copositive --multipliers"))
    let exact = try Tool.run(data + ["--bound", "exact"], in: folder)
    #expect(exact.code == 64)
    #expect(exact.error.contains("auto or branch or spectral"))
    #expect(exact.error.contains("filters of 4 entries"))
    let both = try Tool.run(
      data + ["--check-multipliers", "p.json", "--bound", "exact"], in: folder)
    #expect(both.code == 64)
  }

  @Test(arguments: [["1x2", "max"], ["1x3", "average"], ["1x1", "sum:2x2"]])
  func theExactBoundOfSmallFilters(flags: [String]) throws {
    let folder = try trained(flags[0], ["--pooling", flags[1]])
    defer { folder.remove() }
    let output = try Tool.run(data + ["--bound", "exact", "--json", "c.json"], in: folder)
    #expect(output.code == 0, "\(output.error)")
    #expect(try result(folder, "c.json").bound == "exact")
  }
}
