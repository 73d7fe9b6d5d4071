import Formats
import Foundation
import Testing

struct JSONValueTests {
  private func parse(_ text: String) throws -> JSONValue {
    try JSONValue(parsing: Array(text.utf8), path: "r.json")
  }

  @Test func numbersKeepTheirDigits() throws {
    let document = try parse(#"{ "a": [1e-05, -0.10, 12345678901234567890, 0], "b": null }"#)
    let expected: [JSONValue] = [
      .number("1e-05"), .number("-0.10"), .number("12345678901234567890"), .number("0"),
    ]
    #expect(document["a"] == .array(expected))
    #expect(document["b"] == .null)
    #expect(document["c"] == nil)
    #expect(document["a"]?["x"] == nil)
  }

  @Test func escapesAreResolved() throws {
    let document = try parse(#" "a\"\\\/\n\u00e9\ud83d\ude00" "#)
    #expect(document == .string("a\"\\/\n\u{E9}\u{1F600}"))
  }

  @Test func membersKeepTheirOrder() throws {
    guard case .object(let members) = try parse(#"{"b":true,"a":false,"":{}}"#) else {
      Issue.record("no object")
      return
    }
    #expect(members.map(\.name) == ["b", "a", ""])
    #expect(members.map(\.value) == [.bool(true), .bool(false), .object([])])
  }

  @Test(arguments: [
    ("", 1, "a JSON value"), ("{\n\"a\": 1,\n}", 3, "'\"'"), ("[1 2]", 1, "',' or ']'"),
    ("{\"a\" 1}", 1, "':'"), ("[01]", 1, "',' or ']'"), ("[1.]", 1, "a digit"),
    ("[1e]", 1, "a digit"), ("[-]", 1, "a digit"), ("[+1]", 1, "a JSON value"),
    ("[NaN]", 1, "a JSON value"), ("[nul]", 1, "a JSON value"), ("[]\n\n[]", 3, "the end"),
    ("\"a", 1, "a closing quote"), ("\"\\x\"", 1, "escape"), ("\"\\ud800\"", 1, "\\uXXXX"),
    ("{\"a\":1,\n\"a\":2}", 2, "each name once"), ("[\"a\u{1}\"]", 1, "control character"),
  ])
  func damageIsRefusedWithItsLine(text: String, line: Int, word: String) throws {
    let error = #expect(throws: FormatError.self) { try parse(text) }
    #expect(error?.line == line)
    #expect(error?.exitCode == 65)
    let sentence = error?.description ?? ""
    #expect(sentence.hasPrefix("r.json:\(line): expected"), "\(sentence)")
    #expect(sentence.contains(word), "\(sentence)")
  }

  @Test func bytesThatAreNoTextAreRefused() {
    for bytes: [UInt8] in [[0x22, 0xFF, 0x22], [0xFE, 0xFF], [0]] {
      #expect(throws: FormatError.self) { try JSONValue(parsing: bytes, path: "r.json") }
    }
  }

  @Test func depthIsBounded() throws {
    let deep = JSONValue.largestDepth
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    _ = try parse(nested(deep))
    let error = #expect(throws: FormatError.self) { try parse(nested(deep + 1)) }
    #expect(error?.expected.contains("inside each other") == true)
    #expect(throws: FormatError.self) { try parse(String(repeating: "[{\"a\":", count: 100_000)) }
  }

  /// What is cut off anywhere is refused, except after the last bracket.
  @Test func truncationAtEveryOffsetIsRefused() throws {
    let text = Array(#"{"a": [1.5e-3, true, null, "x\u00e9"], "b": {"c": -2}}"#.utf8)
    for end in 0..<text.count {
      let part = Array(text[..<end])
      #expect(throws: FormatError.self) { try JSONValue(parsing: part, path: "r.json") }
    }
    _ = try JSONValue(parsing: text, path: "r.json")
  }

  /// Whatever byte is changed: a value or an error, never a trap.
  @Test func changedBytesNeverTrap() {
    let text = Array(#"{"a":[1.5e-3,true,null,"x\u00e9"],"b":{"c":-2}}"#.utf8)
    var accepted = 0
    for place in text.indices {
      for byte in UInt8.min...UInt8.max {
        var changed = text
        changed[place] = byte
        if (try? JSONValue(parsing: changed, path: "r.json")) != nil { accepted += 1 }
      }
    }
    #expect(accepted > 0 && accepted < 256 * text.count)
  }

  @Test func filesThatAreNotThereAreNamed() {
    let error = #expect(throws: FormatError.self) { try JSONValue(contentsOf: "/nowhere/r.json") }
    #expect(error?.exitCode == 74)
  }
}
