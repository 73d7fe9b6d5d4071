import ConvexCNN
import Foundation
import TestSupport
import Testing

/// `train --checkpoint`: the same bits after a break, and other runs refused.
struct CheckpointTests {
  private static let flags = [
    "train", "--images", "images.npy", "--labels", "labels.npy", "--filter", "1x2", "--pooling",
    "sum",
    "--loss", "logistic", "--lambda", "0.02", "--gap", "1e-5", "--quiet",
  ]

  private func train(_ more: [String], in folder: Folder) throws -> Tool.Output {
    try Tool.run(Self.flags + more, in: folder)
  }

  @Test func aRunGoesOnToTheSameBits() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    #expect(try train(["--output", "plain.safetensors"], in: folder).code == 0)
    let keep = ["--checkpoint", "run", "--checkpoint-seconds", "0"]
    // Ends after one round or so, with what it has.
    let short = try train(keep + ["--max-seconds", "1e-3"], in: folder)
    #expect(short.code == 0, "\(short.error)")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path("run"))
    #expect(files.sorted() == ["checkpoint.safetensors", "run.json"])
    for name in ["first.safetensors", "second.safetensors"] {
      let output = try train(keep + ["--output", name], in: folder)
      #expect(output.code == 0, "\(output.error)")
      #expect(try folder.bytes(name) == folder.bytes("plain.safetensors"))
    }
    let summary = try #require(
      try JSONSerialization.jsonObject(with: Data(try folder.bytes("run/run.json")))
        as? [String: Any])
    #expect(summary["status"] as? String == "solved")
    #expect(summary["neuronCount"] as? Int != nil)
  }

  @Test func aGatedRunGoesOnToTheSameBits() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let gated = ["--activation", "gated", "--cells", "sample:2", "--solver", "proximal"]
    // Many series of proximal steps.
    let flags = gated + ["--gap", "1e-9"]
    #expect(try train(flags + ["--output", "plain.safetensors"], in: folder).code == 0)
    let keep = ["--checkpoint", "run", "--checkpoint-seconds", "0"]
    let short = try train(flags + keep + ["--max-seconds", "2e-3"], in: folder)
    #expect(short.code == 0, "\(short.error)")
    for name in ["first.safetensors", "second.safetensors"] {
      let output = try train(flags + keep + ["--output", name], in: folder)
      #expect(output.code == 0, "\(output.error)")
      #expect(try folder.bytes(name) == folder.bytes("plain.safetensors"))
    }
    // Without --solver the state decides for proximal steps; cells are another run.
    let relu = try train(keep, in: folder)
    #expect(relu.code == 65, "\(relu.error)")
  }

  @Test func aGatedRunWithinALimitOfMemoryGoesOnToTheSameBits() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let flags = [
      "--activation", "gated", "--cells", "sample:2", "--gap", "1e-9", "--memory", "1GiB",
      "--features",
    ]
    #expect(try train(flags + ["streamed", "--output", "plain.safetensors"], in: folder).code == 0)
    let keep = ["--checkpoint", "run", "--checkpoint-seconds", "0"]
    let short = try train(flags + ["streamed", "--max-seconds", "2e-3"] + keep, in: folder)
    #expect(short.code == 0, "\(short.error)")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path("run"))
    #expect(files.sorted() == ["checkpoint.safetensors", "run.json"])
    let output = try train(flags + ["streamed", "--output", "m.safetensors"] + keep, in: folder)
    #expect(output.code == 0, "\(output.error)")
    #expect(try folder.bytes("m.safetensors") == folder.bytes("plain.safetensors"))
    let other = try train(flags + ["float"] + keep, in: folder)
    #expect(other.code == 65)
    #expect(other.error.contains("other --features"), "\(other.error)")
  }

  @Test func otherRunsAndDamagedStatesAreRefused() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let keep = ["--checkpoint", "run"]
    #expect(try train(keep, in: folder).code == 0)
    let other = try train(keep + ["--seed", "7"], in: folder)
    #expect(other.code == 65)
    #expect(other.error.contains("other model flags or gap"))
    let path = folder.path("run/checkpoint.safetensors")
    let bytes = try folder.bytes("run/checkpoint.safetensors")
    for length in [0, 7, bytes.count / 2, bytes.count - 1] {
      try Data(bytes.prefix(length)).write(to: URL(fileURLWithPath: path))
      let damaged = try train(keep, in: folder)
      #expect(damaged.code == 65, "\(length) bytes: \(damaged.error)")
    }
    // A count to which one cannot be added is none.
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    var state = try Safetensors.read(path)
    let counts = try #require(state.metadata["ccnn.counts"])
    let first = counts.dropFirst().prefix { $0.isNumber }
    state.metadata["ccnn.counts"] = "[\(Int.max)" + counts.dropFirst(1 + first.count)
    try state.write(to: path)
    let huge = try train(keep, in: folder)
    #expect(huge.code == 65 && huge.error.contains("ccnn.counts"), "\(huge.error)")
  }

  @Test(arguments: [
    (
      ["--activation", "gated", "--cells", "sample:4", "--solver", "admm", "--checkpoint", "run"],
      "the other solvers keep no state"
    ),
    (["--cells", "all", "--checkpoint", "run"], "the other solvers keep no state"),
    (["--checkpoint-seconds", "1"], "--checkpoint with --checkpoint-seconds"),
    (["--checkpoint", "run", "--checkpoint-seconds", "-1"], "a number >= 0"),
  ])
  func whatKeepsNoStateIsRefused(flags: [String], message: String) throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let output = try train(flags, in: folder)
    #expect(output.code == 64)
    #expect(output.error.contains(message), "\(output.error)")
  }

  @Test func aFolderThatCannotBeMadeIsAnError() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let output = try train(["--checkpoint", "images.npy"], in: folder)
    #expect(output.code == 74, "\(output.error)")
  }
}
