import ConvexCNN
import Foundation
import Testing

/// Results with one value replaced by another: `ccnn report` makes a page or names the place, and never ends otherwise.
struct DamagedResultTests {
  /// What a value is replaced by.
  private static let others: [JSONValue] = [
    .null, .bool(true), .number("-1"), .number("1e308"), .number("9007199254740993"), .string(""),
    .string("<b>&\u{0}"), .array([]), .object([]), .array([.array([.null])]),
  ]

  /// A document with one of its values replaced, counted in the order of the file.
  private struct Damage {
    var place: Int
    let other: JSONValue

    mutating func applied(to value: JSONValue) -> JSONValue {
      place -= 1
      if place == -1 { return other }
      switch value {
      case .array(let elements): return .array(elements.map { applied(to: $0) })
      case .object(let members):
        return .object(members.map { .init($0.name, applied(to: $0.value)) })
      default: return value
      }
    }
  }

  /// The number of values of a document, itself among them.
  private func count(_ value: JSONValue) -> Int {
    switch value {
    case .array(let elements): 1 + elements.reduce(0) { $0 + count($1) }
    case .object(let members): 1 + members.reduce(0) { $0 + count($1.value) }
    default: 1
    }
  }

  private func text(_ value: JSONValue) throws -> String {
    func quoted(_ text: String) throws -> String {
      String(decoding: try JSONEncoder().encode(text), as: UTF8.self)
    }
    switch value {
    case .null: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .number(let digits): return digits
    case .string(let text): return try quoted(text)
    case .array(let elements): return "[" + (try elements.map(text).joined(separator: ",")) + "]"
    case .object(let members):
      let parts = try members.map { "\(try quoted($0.name)):\(try text($0.value))" }
      return "{" + parts.joined(separator: ",") + "}"
    }
  }

  @Test(arguments: ["train", "path", "baseline"])
  func reportsOfDamagedResults(command: String) throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let flags = Array(TinyData.gated.dropFirst())
    let arguments: [String]
    switch command {
    case "path":
      arguments =
        ["path"] + flags.filter { !["--lambda-ratio", "0.1"].contains($0) }
        + ["--points", "3", "--output", "path"]
    case "baseline":
      arguments =
        ["baseline"] + flags.prefix(8) + ["--width", "3", "--epochs", "5", "--seeds", "2"]
    default: arguments = TinyData.gated
    }
    let made = try Tool.run(arguments + ["--json", "r.json", "--quiet"], in: folder)
    try #require(made.code == 0, "\(made.error)")
    let document = try JSONValue(contentsOf: folder.path("r.json"))
    let size = count(document)
    var generator = SeededGenerator(seed: 8)
    var refused = 0
    for _ in 0..<120 {
      var damage = Damage(
        place: generator.integer(below: size),
        other: Self.others[generator.integer(below: Self.others.count)])
      let damaged = try text(damage.applied(to: document))
      try folder.write(Array(damaged.utf8), "d.json")
      let output = try Tool.run(["report", "d.json", "--output", "d.html"], in: folder)
      #expect([0, 65].contains(output.code), "\(output.code): \(output.error)\n\(damaged)")
      let exists = FileManager.default.fileExists(atPath: folder.path("d.html"))
      #expect(exists == (output.code == 0))
      if exists { try FileManager.default.removeItem(atPath: folder.path("d.html")) }
      if output.code == 65 {
        refused += 1
        #expect(output.error.contains("d.json"))
      }
    }
    // Values that the page shows are checked.
    #expect(refused > 10)
  }
}
