import ConvexCNN
import Foundation
import TestSupport
import Testing

/// Files of this module, cut after every byte: an error, never a trap and never a network.
struct TruncatedFileTests {
  private static let corpus = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Fuzz/corpus")

  private let scratch = FileManager.default.temporaryDirectory
    .appendingPathComponent("ccnn-cut-\(UUID().uuidString)").path

  /// Whether an error is one of a file or of what it says.
  private func isRefusal(_ error: any Error) -> Bool {
    error is FormatError || error is InputError
  }

  /// Reads every proper beginning of a file, longest last; then the whole.
  private func cut(_ bytes: [UInt8], at path: String, read: (String) throws -> Void) throws {
    let url = URL(fileURLWithPath: path)
    var accepted: [Int] = []
    for count in bytes.indices {
      try Data(bytes[..<count]).write(to: url)
      do {
        try read(path)
        accepted.append(count)
      } catch {
        #expect(isRefusal(error), "\(count) bytes: \(error)")
      }
    }
    #expect(accepted == [])
    try Data(bytes).write(to: url)
    try read(path)
  }

  private func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: Self.corpus.appendingPathComponent(name)))
  }

  @Test(arguments: ["relu", "gated", "whiten", "windows-softmax", "signal"])
  func models(name: String) throws {
    defer { try? FileManager.default.removeItem(atPath: scratch) }
    try cut(try bytes("model/\(name)"), at: scratch) { _ = try Model(contentsOf: $0) }
  }

  @Test(arguments: ["images", "signal", "biased"])
  func weights(name: String) throws {
    defer { try? FileManager.default.removeItem(atPath: scratch) }
    try cut(try bytes("weights/\(name)"), at: scratch) { _ = try ImportedWeights(contentsOf: $0) }
  }

  @Test func multipliers() throws {
    defer { try? FileManager.default.removeItem(atPath: scratch) }
    // The line end behind the last brace is no part of the value.
    let all = try bytes("multipliers/plane")
    let value = try #require(all.lastIndex(of: UInt8(ascii: "}")))
    try cut(Array(all[...value]), at: scratch) { _ = try MultiplierCertificate(contentsOf: $0) }
  }

  /// The state of a training run, which is refused before it takes a step.
  @Test func checkpoints() throws {
    defer { try? FileManager.default.removeItem(atPath: scratch) }
    var generator = SeededGenerator(seed: 4)
    let images = Tensor(shape: [6, 1, 3, 3], elements: (0..<54).map { _ in generator.normal() })
    let data = Dataset(
      train: LabeledDataset(
        name: "random", images: images, isSignal: false,
        labels: .classes([0, 1, 0, 1, 0, 1], count: 2), classNames: ["0", "1"]))
    var flags = TrainingConfiguration(filter: FilterSize(height: 1, width: 2))
    (flags.loss, flags.strength, flags.pooling) = ("squared", .ratio(0.5), "sum")
    var trainer = Trainer(configuration: flags, threads: 1)
    trainer.checkpoint = scratch
    let first = try trainer.train(on: data)
    let path = "\(scratch)/checkpoint.safetensors"
    let state = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    try cut(state, at: path) { _ in
      let again = try trainer.train(on: data)
      #expect(again.model.network == first.model.network)
    }
  }
}
