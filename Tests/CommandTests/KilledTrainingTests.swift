import ConvexCNN
import Foundation
import Testing

/// `train --checkpoint` killed or asked to end at random moments: it always goes on, to the same bits.
struct KilledTrainingTests {
  /// Kills in all by each signal, half of them for each network; `CCNN_KILLS=50` takes minutes.
  private static let kills =
    ProcessInfo.processInfo.environment["CCNN_KILLS"].flatMap { Int($0) } ?? 4

  @Test(
    arguments: [
      [],
      ["--activation", "gated", "--cells", "sample:20", "--solver", "proximal", "--gap", "1e-8"],
    ], [SIGKILL, SIGTERM])
  func killedRunsGoOnToTheSameBits(more: [String], signal: Int32) throws {
    let folder = try Folder()
    defer { folder.remove() }
    func flags(_ output: String) -> [String] {
      [
        "train", "--dataset", "waveform", "--filter", "3", "--pooling", "average:1x3", "--lambda",
        "0.023", "--threads", "1", "--quiet", "--output", output,
      ] + more
    }
    let clock = ContinuousClock()
    var code: Int32 = -1
    let whole = try clock.measure {
      code = try Tool.run(flags("whole.safetensors"), in: folder).code
    }
    #expect(code == 0)
    let seconds = Double(whole.components.attoseconds) / 1e18 + Double(whole.components.seconds)
    let expected = try folder.bytes("whole.safetensors")
    let keep = ["--checkpoint", "run", "--checkpoint-seconds", "0"]
    var generator = SeededGenerator(seed: 50)
    var (kills, ends, resumed) = (0, 0, 0)
    while kills < (Self.kills + 1) / 2, ends < 10 * Self.kills {
      // A run that has its checkpoint goes on from there.
      let goesOn = FileManager.default.fileExists(atPath: folder.path("run/checkpoint.safetensors"))
      let ended = try Tool.runAndKill(
        flags("m.safetensors") + keep, in: folder, with: signal,
        after: seconds * generator.uniform())
      if !ended {
        kills += 1
        resumed += goesOn ? 1 : 0
        continue
      }
      ends += 1
      #expect(try folder.bytes("m.safetensors") == expected)
      for name in ["run", "m.safetensors"] {
        try FileManager.default.removeItem(atPath: folder.path(name))
      }
    }
    let last = try Tool.run(flags("m.safetensors") + keep, in: folder)
    #expect(last.code == 0, "\(last.error)")
    #expect(try folder.bytes("m.safetensors") == expected)
    #expect(kills == (Self.kills + 1) / 2)
    print("killed \(kills) times, \(resumed) of them after going on; ended \(ends + 1) times")
  }
}
