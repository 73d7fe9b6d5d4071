import ConvexCNN
import Foundation
import TestSupport
import Testing

/// Training by several ranks: the model, the proof and the claim of one process, to the bit.
struct SharedTrainingTests {
  /// Noisy images of three classes, each with a bright corner of its own.
  private func data() -> Dataset {
    var generator = SeededGenerator(seed: 31)
    let (count, side) = (640, 11)
    var images = Tensor(
      shape: [count, 1, side, side],
      elements: (0..<count * side * side).map { _ in generator.normal() })
    let classes = (0..<count).map { $0 % 3 }
    for (i, label) in classes.enumerated() {
      for y in 0..<4 { for x in 0..<4 { images.elements[i * 121 + (y + 3 * label) * 11 + x] += 1 } }
    }
    return Dataset(
      train: LabeledDataset(
        name: "corners", images: images, isSignal: false, labels: .classes(classes, count: 3),
        classNames: ["0", "1", "2"]))
  }

  private func flags(
    _ activation: Activation, _ loss: String, outputBias: Bool = false
  ) -> TrainingConfiguration {
    var flags = TrainingConfiguration(filter: FilterSize(height: 2, width: 2))
    (flags.activation, flags.loss, flags.strength) = (activation, loss, .ratio(0.2))
    (flags.pooling, flags.outputBias, flags.gap) = ("average:2x2", outputBias, 1e-3)
    if activation == .gated { flags.cells = .sample(40) }
    return flags
  }

  private func trained(
    _ flags: TrainingConfiguration, ranks: Int
  ) throws -> (model: Model, result: TrainingResult) {
    var trainer = Trainer(configuration: flags, threads: 1)
    guard ranks > 1 else { return try trainer.train(on: data()) }
    return try ThreadRanks.leading(ranks, makers: { RankServer.allMakers }) { team in
      trainer.team = team
      return try trainer.train(on: data())
    }.value
  }

  private func requireSame(_ flags: TrainingConfiguration, ranks counts: [Int]) throws {
    let alone = try trained(flags, ranks: 1)
    #expect(alone.model.network.neuronCount > 0)
    for ranks in counts {
      let together = try trained(flags, ranks: ranks)
      #expect(together.model.network == alone.model.network)
      #expect(together.result.lowerBound.value == alone.result.lowerBound.value)
      #expect(together.result.objective.value == alone.result.objective.value)
      #expect(together.result.claim == alone.result.claim)
      #expect(together.result.status == alone.result.status)
    }
  }

  @Test(arguments: ["squared", "softmax"], [false, true])
  func gatedNetworksAreTheSame(loss: String, outputBias: Bool) throws {
    try requireSame(flags(.gated, loss, outputBias: outputBias), ranks: [2, 4])
  }

  @Test func reluNetworksAreTheSame() throws {
    var flags = flags(.relu, "squared")
    (flags.pooling, flags.strength, flags.gap) = ("average", .ratio(0.5), 2e-2)
    try requireSame(flags, ranks: [3])
  }
}
