import ConvexCNN
import Foundation
import Testing

struct TrainerTests {
  /// Random images whose label is the sign of a sum of rectified edges.
  private func data(_ count: Int = 24) -> Dataset {
    var generator = SeededGenerator(seed: 11)
    let images = Tensor(
      shape: [count, 1, 3, 4], elements: (0..<count * 12).map { _ in generator.normal() })
    let signs = (0..<count).map { i in
      let row = images.elements[i * 12..<(i + 1) * 12]
      return row.reduce(0) { $0 + max(0, $1) } > 4.5 ? 1.0 : -1
    }
    return Dataset(
      train: LabeledDataset(
        name: "random", images: images, isSignal: false, labels: .signs(signs),
        classNames: ["-1", "1"]))
  }

  private func flags(_ activation: Activation, _ loss: String) -> TrainingConfiguration {
    var flags = TrainingConfiguration(filter: FilterSize(height: 2, width: 2))
    (flags.activation, flags.loss, flags.strength) = (activation, loss, .ratio(0.2))
    if activation == .gated { flags.cells = .sample(6) }
    flags.gap = 1e-5
    return flags
  }

  @Test(arguments: ["squared", "logistic", "softmax"], [Activation.gated, .linear])
  func convexProgramsAreSolvedToTheGap(loss: String, activation: Activation) throws {
    let (model, result) = try Trainer(configuration: flags(activation, loss), threads: 1)
      .train(on: data())
    let gap = try #require(result.relativeGap.value)
    #expect(result.status == "solved")
    #expect(gap <= 1e-5)
    #expect(result.bound == "exact")
    #expect(model.network.neuronCount == result.neuronCount)
  }

  @Test func solutionIsZeroAtLambdaMax() throws {
    var flags = flags(.gated, "squared")
    flags.strength = .ratio(1.0001)
    let (model, result) = try Trainer(configuration: flags, threads: 1).train(on: data())
    #expect(model.network.neuronCount == 0)
    #expect(result.objective.value == 0.5)
  }

  @Test func averagePoolingIsSumPoolingAtKTimesTheStrength() throws {
    var average = flags(.gated, "squared")
    average.gap = 1e-10
    average.strength = .lambda(0.01)
    var sum = average
    sum.pooling = "sum"
    sum.strength = .lambda(0.06)
    let first = try Trainer(configuration: average, threads: 1).train(on: data()).result
    let second = try Trainer(configuration: sum, threads: 1).train(on: data()).result
    let a = try #require(first.objective.value)
    let b = try #require(second.objective.value)
    #expect(abs(a - b) <= 1e-9 * a)
  }

  @Test(arguments: [Activation.relu, .gated, .linear], [true, false])
  func modelFileReadsBackWithEqualPredictions(activation: Activation, bias: Bool) throws {
    var flags = flags(activation, "squared")
    (flags.bias, flags.standardize, flags.pooling) = (bias, .pixel, "average:2x2")
    let data = data()
    let model = try Trainer(configuration: flags, threads: 1).train(on: data).model
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("model-\(UUID().uuidString).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try model.write(to: path)
    let back = try Model(contentsOf: path)
    #expect(back == model)
    let before = try model.predictions(of: data.train.images, backend: .im2col)
    let after = try back.predictions(of: data.train.images, backend: .im2col)
    #expect(before == after)
  }

  @Test func modelFileHasTheDocumentedTensors() throws {
    var flags = flags(.gated, "softmax")
    (flags.bias, flags.pooling, flags.standardize) = (true, "sum:2x1", .global)
    let model = try Trainer(configuration: flags, threads: 1).train(on: data()).model
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("model-\(UUID().uuidString).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try model.write(to: path)
    let file = try Safetensors.read(path)
    let m = model.network.neuronCount
    let shapes = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0.tensor.shape) })
    let expected = [
      "conv.weight": [m, 1, 2, 2], "conv.bias": [m], "head.weight": [2, 2 * m],
      "gates.weight": [m, 1, 2, 2], "gates.bias": [m], "cells.gates": [6, 5],
      "standardization.mean": [1], "standardization.scale": [1],
    ]
    #expect(shapes == expected)
    // Column j * windows + q of the head belongs to neuron j and window q.
    let head = try #require(file["head.weight"])
    let last = model.network.outputWeights[2 * m - 1, 1]
    #expect(head.elements[head.elements.count - 1] == last)
  }

  @Test func certifyingAModelRepeatsTheResultOfTraining() throws {
    let data = data()
    let (model, result) = try Trainer(configuration: flags(.gated, "logistic"), threads: 1)
      .train(on: data)
    let (again, isEstablished) = try model.certified(on: data, targetGap: 1e-5)
    #expect(isEstablished)
    #expect(again.objective == result.objective)
    #expect(again.lowerBound == result.lowerBound)
    #expect(again.lambdaMax == result.lambdaMax)
  }

  @Test func warmStartFromASolutionStopsAtOnce() throws {
    let trainer = Trainer(configuration: flags(.gated, "squared"), threads: 1)
    let model = try trainer.train(on: data()).model
    var rows = 0
    _ = try trainer.train(on: data(), from: model) { _ in rows += 1 }
    #expect(rows == 1)
  }

  @Test func startOfAnotherArchitectureIsRefused() throws {
    let model = try Trainer(configuration: flags(.linear, "squared"), threads: 1)
      .train(on: data()).model
    let other = Trainer(configuration: flags(.gated, "squared"), threads: 1)
    #expect(throws: InputError.self) { try other.train(on: data(), from: model) }
  }

  @Test func interruptionEndsWithoutAModel() throws {
    let trainer = Trainer(
      configuration: flags(.relu, "squared"), threads: 1, isInterrupted: { true })
    #expect(throws: Trainer.Interrupted.self) { try trainer.train(on: data()) }
  }

  @Test func moreGatesThanCellsAreRefused() throws {
    var flags = flags(.gated, "squared")
    flags.filter = FilterSize(height: 1, width: 1)
    flags.cells = .sample(5)
    let error = #expect(throws: InputError.self) {
      try Trainer(configuration: flags, threads: 1).train(on: data())
    }
    #expect(error?.kind == .usage)
  }
}
