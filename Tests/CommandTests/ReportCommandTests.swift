import ConvexCNN
import Foundation
import Testing

struct ReportCommandTests {
  private static let baseline = [
    "baseline", "--images", "images.npy", "--labels", "labels.npy", "--filter", "2x2",
    "--lambda-ratio", "0.1", "--loss", "squared", "--threads", "1", "--width", "3", "--epochs",
    "20", "--seeds", "2", "--quiet",
  ]

  private func folder() throws -> Folder {
    let folder = try Folder()
    try TinyData.write(to: folder)
    return folder
  }

  private func text(_ name: String, _ folder: Folder) throws -> String {
    String(decoding: try folder.bytes(name), as: UTF8.self)
  }

  private func run(_ arguments: [String], _ folder: Folder) throws {
    let output = try Tool.run(arguments, in: folder)
    #expect(output.code == 0, "\(output.error)")
  }

  /// All pairs of key and digits of a page, in the order of the page.
  private func numbers(_ page: String) -> [(key: String, value: String)] {
    page.split(separator: "data-key=\"").dropFirst().compactMap { part in
      guard let key = part.split(separator: "\"").first else { return nil }
      let tag = part.prefix { $0 != ">" }
      if let range = tag.range(of: "data-value=\"") {
        return (String(key), String(tag[range.upperBound...].prefix { $0 != "\"" }))
      }
      let content = part[tag.endIndex...].dropFirst().prefix { $0 != "<" }
      return (String(key), String(content))
    }
  }

  private func digits(_ root: JSONValue, _ key: String) -> String? {
    var value: JSONValue? = root
    for part in key.replacingOccurrences(of: "[", with: ".[").split(separator: ".") {
      if part.hasPrefix("["), let index = Int(part.dropFirst().dropLast()),
        case .array(let elements) = value
      {
        value = index < elements.count ? elements[index] : nil
      } else {
        value = value?[String(part)]
      }
    }
    guard case .number(let digits) = value else { return nil }
    return digits
  }

  @Test func thePageOfTrainingHasTheNumbersOfItsJSON() throws {
    let folder = try folder()
    defer { folder.remove() }
    try run(TinyData.gated + ["--json", "r.json", "--report", "r.html", "--quiet"], folder)
    let page = try text("r.html", folder)
    let document = try JSONValue(contentsOf: folder.path("r.json"))
    let found = numbers(page)
    for (key, value) in found {
      let expected = digits(document, key)
      #expect(value == expected, "\(key)")
    }
    let keys = Set(found.map(\.key))
    for key in [
      "objective", "lowerBound", "relativeGap", "phases[0].seconds",
      "details.trace.objective[0]", "details.weights.neurons[0].filter[3]",
      "details.weights.neurons[0].outputWeights[0]",
      "details.predictions.evaluation.confusion[1][0]", "details.data.parts[0].mean",
      "model.lambdaRatio",
    ] {
      #expect(keys.contains(key), "\(key)")
    }
    for heading in ["Progress", "Network", "Predictions", "Data", "Time", "All values"] {
      #expect(page.contains("\">\(heading)</h3>"), "\(heading)")
    }
    let claim = document["claim"].flatMap { if case .string(let text) = $0 { text } else { nil } }
    #expect(page.contains("<p class=\"claim\">\(try #require(claim))</p>"))
  }

  @Test func theReportAloneIsWritten() throws {
    let folder = try folder()
    defer { folder.remove() }
    try run(TinyData.gated + ["--report", "r.html", "--quiet"], folder)
    let names = try folder.listing
    #expect(names == ["images.npy", "labels.npy", "r.html"])
    let page = try text("r.html", folder)
    #expect(page.contains("<h2 id=\"s1h\">This run (train)</h2>"))
  }

  @Test func theSamePageIsMadeOfTheFile() throws {
    let folder = try folder()
    defer { folder.remove() }
    try run(TinyData.gated + ["--json", "r.json", "--report", "a.html", "--quiet"], folder)
    try run(["report", "r.json", "--output", "b.html"], folder)
    let pages = [try folder.bytes("a.html"), try folder.bytes("b.html")]
    #expect(pages[0] == pages[1])
  }

  @Test func runsOfOneProblemAreCompared() throws {
    let folder = try folder()
    defer { folder.remove() }
    try run(Self.baseline + ["--json", "adam.json"], folder)
    try run(
      TinyData.train + ["--loss", "squared", "--json", "ours.json", "--quiet"], folder)
    try run(
      TinyData.train.map { $0 == "0.1" ? "0.2" : $0 }
        + ["--loss", "squared", "--json", "other.json", "--quiet"], folder)
    try run(["report", "ours.json", "adam.json", "other.json", "--output", "r.html"], folder)
    let page = try text("r.html", folder)
    #expect(page.contains(">Runs of one problem</h3>"))
    #expect(page.contains("No other run is of the problem of other.json."))
    #expect(page.contains("adam.json, seed 1"))
    // Other samples are another problem, though flags and strength are the same.
    let text = try text("adam.json", folder)
    let checksum = try #require(text.firstMatch(of: /"checksum":"([0-9a-f]+)"/)?.output.1)
    try folder.write(
      Array(text.replacing("\"\(checksum)\"", with: "\"0\"").utf8), "elsewhere.json")
    try run(["report", "ours.json", "elsewhere.json", "--output", "e.html"], folder)
    let apart = try self.text("e.html", folder)
    #expect(apart.contains("No other run is of the problem of ours.json."))
  }

  /// Results of older versions and of other commands are shown without what they have not.
  @Test func whatIsMissingIsNamed() throws {
    let folder = try folder()
    defer { folder.remove() }
    try run(TinyData.gated + ["--json", "r.json", "--output", "m.safetensors", "--quiet"], folder)
    let text = try text("r.json", folder)
    let start = try #require(text.range(of: ",\n  \"details\""))
    try folder.write(Array((text[..<start.lowerBound] + "\n}\n").utf8), "old.json")
    try run(["report", "old.json", "--output", "old.html"], folder)
    let page = try self.text("old.html", folder)
    #expect(
      page.contains(
        "Not in this file, and left out: progress, network, predictions, data. ccnn train --json"))
    #expect(!page.contains("<img"))
    let data = ["--model", "m.safetensors", "--images", "images.npy", "--labels", "labels.npy"]
    for command in [["certify"], ["evaluate"], ["prune", "--quiet"]] {
      try run([command[0]] + data + command.dropFirst() + ["--json", "o.json"], folder)
      try run(["report", "o.json", "--output", "o.html"], folder)
      let page = try self.text("o.html", folder)
      let document = try JSONValue(contentsOf: folder.path("o.json"))
      let found = numbers(page)
      #expect(found.count >= 4)
      for (key, value) in found {
        let expected = digits(document, key)
        #expect(value == expected, "\(command[0]) \(key)")
      }
    }
  }

  @Test func aCertificateHasAPageToo() throws {
    let folder = try folder()
    defer { folder.remove() }
    try run(TinyData.gated + ["--output", "m.safetensors", "--quiet"], folder)
    try run(
      [
        "certify", "--model", "m.safetensors", "--images", "images.npy", "--labels", "labels.npy",
        "--report", "c.html", "--quiet",
      ], folder)
    let page = try text("c.html", folder)
    #expect(page.contains("This run (certify)"))
    #expect(page.contains(">Network</h3>") && page.contains("data:image/png;base64,"))
    #expect(!page.contains("left out:"))
  }

  /// What is said about a path has the scope of its bounds.
  @Test func thePageOfAPathClaimsWhatItsPointsClaim() throws {
    let folder = try folder()
    defer { folder.remove() }
    try run(
      [
        "path", "--images", "images.npy", "--labels", "labels.npy", "--filter", "2x2",
        "--activation", "gated", "--cells", "sample:4", "--loss", "squared", "--points", "3",
        "--json", "p.json", "--quiet",
      ], folder)
    try run(["report", "p.json", "--output", "p.html"], folder)
    let page = try text("p.html", folder)
    let claim = try #require(page.firstMatch(of: /<p class="claim">([^<]*)</)?.output.1)
    #expect(claim.hasPrefix("A relative gap of at most 0.001 is proven at 3 of 3 strengths."))
    #expect(claim.contains("over the 4 cells given"))
    #expect(page.contains(">Regularization path, 3 strengths</figcaption>"))
    let document = try JSONValue(contentsOf: folder.path("p.json"))
    let found = numbers(page)
    for (key, value) in found {
      let expected = digits(document, key)
      #expect(value == expected, "\(key)")
    }
    #expect(found.contains { $0.key == "points[2].objective" })
  }

  @Test func aNameIsInert() throws {
    let folder = try folder()
    defer { folder.remove() }
    let name = "<script>alert(1)<&\"'.json"
    try run(TinyData.gated + ["--json", name, "--report", "a.html", "--quiet"], folder)
    try run(["report", name, "--title", "</title><script>x", "--output", "b.html"], folder)
    for file in ["a.html", "b.html"] {
      let page = try text(file, folder)
      #expect(!page.contains("<script"))
      #expect(page.contains("&lt;script&gt;alert(1)&lt;&amp;&quot;&#39;.json (train)"))
    }
  }

  @Test(arguments: [
    ("{", "r.json:1: expected '\"'"), ("{\"schema\": 1,\n\"a\": tru}", "r.json:2: expected a JSON"),
    ("[1]", "r.json: expected a result of ccnn, an object, found an array of 1"),
    ("{\"a\": 1}", "r.json: expected a key \"schema\", found none"),
    ("{\"schema\": 2}", "r.json: schema: expected 1"),
    (
      "{\"schema\": 1, \"status\": 3}", "r.json: status: expected a string, found the number 3"
    ),
    (
      "{\"schema\": 1, \"phases\": [{\"name\": \"a\", \"seconds\": 1e999}]}",
      "r.json: phases[0].seconds: expected a finite number, found the number 1e999"
    ),
    (
      "{\"schema\": 1, \"sampleCount\": 3, \"confusion\": [[1, 2], [3]]}",
      "r.json: confusion: expected as many columns as rows, 2"
    ),
    (
      "{\"schema\": 1, \"optimizer\": \"adam\", \"runs\": [{}]}",
      "r.json: runs[0]: expected a key \"seed\", found none"
    ),
  ])
  func brokenFilesAreRefusedWithThePlace(document: String, words: String) throws {
    let folder = try folder()
    defer { folder.remove() }
    try folder.write(Array(document.utf8), "r.json")
    try folder.write(Array("before".utf8), "r.html")
    let output = try Tool.run(["report", "r.json", "--output", "r.html"], in: folder)
    #expect(output.code == 65, "\(output.error)")
    #expect(output.error.contains(words), "\(output.error)")
    let page = try text("r.html", folder)
    #expect(page == "before")
  }

  /// Details that do not fit together are refused; whatever is changed, nothing traps.
  @Test func changedDetailsAreRefusedOrShown() throws {
    let folder = try folder()
    defer { folder.remove() }
    try run(TinyData.gated + ["--json", "r.json", "--quiet"], folder)
    let text = try text("r.json", folder)
    for (old, new, place) in [
      ("\"filterShape\":[1,2,2]", "\"filterShape\":[1,2,3]", "details.weights.neurons[0].filter"),
      ("\"filterShape\":[1,2,2]", "\"filterShape\":[2,2]", "details.weights.filterShape"),
      ("\"filterShape\":[1,2,2]", "\"filterShape\":[1,-2,2]", "details.weights.filterShape[1]"),
      ("\"windowCount\":1", "\"windowCount\":9999999", "details.weights.windowCount"),
      ("\"windowCount\":1", "\"windowCount\":0", "details.weights"),
      ("\"phase\":[", "\"phase\":[\"x\",", "details.trace.iteration"),
    ] {
      #expect(text.contains(old), "\(old)")
      let changed = text.replacingOccurrences(of: old, with: new)
      try folder.write(Array(changed.utf8), "changed.json")
      let output = try Tool.run(["report", "changed.json", "--output", "c.html"], in: folder)
      #expect(output.code == 65, "\(new): \(output.error)")
      #expect(output.error.contains("changed.json: \(place): expected"), "\(output.error)")
    }
  }

  /// Two thousand filters and ten thousand rows of a trace are thinned, and the page says so.
  @Test func largeFilesMakeBoundedPages() throws {
    let folder = try folder()
    defer { folder.remove() }
    func list(_ count: Int, _ value: (Int) -> String) -> String {
      "[" + (0..<count).map(value).joined(separator: ",") + "]"
    }
    let rows = 10_000
    let neurons = list(2000) { index in
      "{\"index\":\(index),\"mass\":\(2000 - index).5,\"filter\":\(list(9) { "0.123456789\($0)" }),"
        + "\"outputWeights\":\(list(40) { "-0.987654321\($0)" })}"
    }
    let numbers = list(rows) { "\(rows - $0).25" }
    let trace =
      "{\"rowCount\":\(rows),\"phase\":\(list(rows) { _ in "\"round\"" }),"
      + "\"iteration\":\(list(rows) { "\($0)" }),\"seconds\":\(list(rows) { "\($0)" }),"
      + "\"objective\":\(numbers),\"lowerBound\":\(numbers),\"dualNormRatio\":\(numbers),"
      + "\"neuronCount\":\(list(rows) { "\($0)" })}"
    let document =
      "{\"schema\":1,\"status\":\"solved\",\"statusAdvice\":\"\",\"objective\":1,\"relativeGap\":0.5,"
      + "\"details\":{\"trace\":\(trace),\"weights\":{\"neuronCount\":2000,\"filterShape\":[1,3,3],"
      + "\"hasBias\":false,\"windowCount\":4,\"outputCount\":10,\"neurons\":\(neurons)}}}"
    try folder.write(Array(document.utf8), "large.json")
    try run(["report", "large.json", "--output", "large.html"], folder)
    let page = try text("large.html", folder)
    #expect(page.utf8.count < 4_000_000)
    #expect(page.contains("500 of 10000 rows of the trace are shown"))
    #expect(page.contains("167 of 2000 neurons are shown"))
  }

  @Test func outputsAreCheckedBeforeAnyWork() throws {
    let folder = try folder()
    defer { folder.remove() }
    let nowhere = try Tool.run(["report", "r.json", "--output", "no/r.html"], in: folder)
    #expect(nowhere.code == 74)
    #expect(nowhere.error.contains("--output no/r.html"))
    let missing = try Tool.run(["report", "r.json", "--output", "r.html"], in: folder)
    #expect(missing.code == 74)
    #expect(missing.error.contains("r.json"))
    let none = try Tool.run(["report", "--output", "r.html"], in: folder)
    #expect(none.code == 64)
    let twice = try Tool.run(TinyData.gated + ["--json", "a", "--report", "a"], in: folder)
    #expect(twice.code == 64)
    let names = try folder.listing
    #expect(names == ["images.npy", "labels.npy"])
  }
}
