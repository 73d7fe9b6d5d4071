import Foundation
import Tensors
import Testing

/// `ccnn enumerate` in parts: killed and continued, and in shards.
struct EnumerateResumeTests {
  private static let digits = ["enumerate", "--dataset", "digits", "--filter", "2x2", "--quiet"]

  /// Killed at random moments, with another number of threads every time, until it is done.
  @Test(arguments: [1, 2])
  func killedRunsGoOnWithTheSameBytes(seed: Int) throws {
    let folder = try Folder()
    defer { folder.remove() }
    let common = Self.digits + ["--first", "\(1 + seed)", "--lines", "--half"]
    let whole = try Tool.run(
      common + [
        "--output", "whole.npy", "--witnesses", "wholes.npy", "--facets", "walls.npy",
        "--min-facets", "5", "--threads", "1",
      ], in: folder)
    #expect(whole.code == 0)
    var generator = SeededGenerator(seed: UInt64(seed))
    var kills = 0
    var isDone = false
    while !isDone, kills < 200 {
      let arguments =
        common + [
          "--output", "p.npy", "--witnesses", "w.npy", "--facets", "f.npy", "--min-facets", "5",
          "--checkpoint", "c.json", "--checkpoint-seconds", "0",
          "--threads", "\(1 + generator.integer(below: 3))",
        ]
      // Later attempts get longer, so that slow machines finish too.
      let least = kills < 8 ? 0.02 : 0.05 * Double(kills)
      isDone = try Tool.runAndKill(
        arguments, in: folder, after: least + 0.2 * generator.uniform())
      if !isDone { kills += 1 }
    }
    #expect(isDone)
    #expect(kills >= 3)
    let (patterns, expected) = (try folder.bytes("p.npy"), try folder.bytes("whole.npy"))
    #expect(patterns == expected)
    let (points, expectedPoints) = (try folder.bytes("w.npy"), try folder.bytes("wholes.npy"))
    #expect(points == expectedPoints)
    let (facets, expectedFacets) = (try folder.bytes("f.npy"), try folder.bytes("walls.npy"))
    #expect(facets == expectedFacets)
    // A kill while the checkpoint is written may leave a hidden temporary file.
    let listing = try folder.listing.filter { !$0.hasPrefix(".") }
    #expect(listing == ["f.npy", "p.npy", "w.npy", "walls.npy", "whole.npy", "wholes.npy"])
  }

  /// A kill after the first of two files got its name: nothing is lost, nothing is written twice.
  @Test func aRunKilledWhileItNamesItsFilesGoesOn() throws {
    let folder = try Folder()
    defer { folder.remove() }
    let arguments =
      Self.digits + [
        "--first", "1", "--output", "p.npy", "--witnesses", "w.npy", "--checkpoint", "c.json",
        "--checkpoint-seconds", "0",
      ]
    var wait = 0.02
    while !FileManager.default.fileExists(atPath: folder.path("c.json")), wait < 10 {
      _ = try Tool.runAndKill(arguments, in: folder, after: wait)
      wait *= 1.5
    }
    // The run removes the link and leaves its last record in the file behind it.
    try FileManager.default.moveItem(
      atPath: folder.path("c.json"), toPath: folder.path("last.json"))
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("c.json"), withDestinationPath: folder.path("last.json"))
    let whole = try Tool.run(arguments, in: folder)
    #expect(whole.code == 0)
    let (patterns, points) = (try folder.bytes("p.npy"), try folder.bytes("w.npy"))
    try FileManager.default.moveItem(
      atPath: folder.path("last.json"), toPath: folder.path("c.json"))
    try FileManager.default.moveItem(
      atPath: folder.path("w.npy"), toPath: folder.path("w.npy.partial"))
    let rest = try Tool.run(arguments, in: folder)
    #expect(rest.code == 0)
    let (first, second) = (try folder.bytes("p.npy"), try folder.bytes("w.npy"))
    #expect(first == patterns)
    #expect(second == points)
    let listing = try folder.listing.filter { !$0.hasPrefix(".") }
    #expect(listing == ["p.npy", "w.npy"])
  }

  @Test func checkpointsOfOtherOptionsAreRefused() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try folder.write(Array("not a checkpoint".utf8), "c.json")
    let common = Self.digits + ["--first", "1", "--output", "p.npy", "--checkpoint", "c.json"]
    let broken = try Tool.run(common, in: folder)
    #expect(broken.code == 65)
    #expect(broken.error.contains("expected a checkpoint of ccnn enumerate"))
    let state = """
      {"cells": 2, "examined": 2, "fingerprint": "0 0/1 false false true false", "tasks": 1,
      "thin": 0}
      """
    try folder.write(Array(state.utf8), "c.json")
    let other = try Tool.run(common, in: folder)
    #expect(other.code == 65)
    #expect(other.error.contains("expected a checkpoint of the same data and options"))
    let lonely = try Tool.run(
      Self.digits + ["--first", "1", "--output", "p.npy", "--checkpoint-seconds", "1"], in: folder)
    #expect(lonely.code == 64)
  }

  /// The state of a stopped run, cut after every byte: refused, and neither it nor the rows are touched.
  @Test func statesCutAtEveryOffsetAreRefused() throws {
    let folder = try Folder()
    defer { folder.remove() }
    let arguments =
      Self.digits + [
        "--first", "1", "--output", "p.npy", "--checkpoint", "c.json", "--checkpoint-seconds", "0",
      ]
    var wait = 0.02
    while !FileManager.default.fileExists(atPath: folder.path("c.json")), wait < 10 {
      _ = try Tool.runAndKill(arguments, in: folder, after: wait)
      wait *= 1.5
    }
    let state = try folder.bytes("c.json")
    let rows = try folder.bytes("p.npy.partial")
    for count in 0..<state.count {
      try folder.write(Array(state[..<count]), "c.json")
      let output = try Tool.run(arguments, in: folder)
      #expect(output.code == 65, "\(count) bytes: \(output.error)")
    }
    let kept = try folder.bytes("p.npy.partial")
    #expect(kept == rows)
    try folder.write(state, "c.json")
    let rest = try Tool.run(arguments, in: folder)
    #expect(rest.code == 0, "\(rest.error)")
  }

  /// Three machines, one of which was killed once: every cell exactly once.
  @Test func shardsAreDisjointAndTheirUnionIsExact() throws {
    let folder = try Folder()
    defer { folder.remove() }
    let common = Self.digits + ["--first", "2", "--lines"]
    let whole = try Tool.run(common + ["--output", "whole.npy"], in: folder)
    #expect(whole.code == 0)
    var all: [[UInt8]] = []
    for i in 0..<3 {
      let arguments =
        common + [
          "--output", "p\(i).npy", "--shard", "\(i)/3", "--checkpoint", "c\(i).json",
          "--checkpoint-seconds", "0",
        ]
      if i == 1 { _ = try Tool.runAndKill(arguments, in: folder, after: 0.05) }
      let output = try Tool.run(arguments, in: folder)
      #expect(output.code == 0)
      all += try rows(of: folder.bytes("p\(i).npy"))
    }
    let expected = try rows(of: folder.bytes("whole.npy"))
    #expect(all.count == expected.count)
    #expect(Set(all).count == all.count)
    #expect(Set(all) == Set(expected))
  }

  /// The rows of a file of unsigned bytes, by the number of columns in its header.
  private func rows(of file: [UInt8]) -> [[UInt8]] {
    let header = String(decoding: file[10..<128], as: UTF8.self)
    let shape = header.split(separator: "(")[1].split(separator: ")")[0].split(separator: ",")
    let columns = Int(shape[1].trimmingCharacters(in: .whitespaces)) ?? 1
    return stride(from: 128, to: file.count, by: columns).map { Array(file[$0..<$0 + columns]) }
  }
}
