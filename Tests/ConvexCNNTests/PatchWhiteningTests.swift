import ConvexCNN
import Foundation
import Testing

/// Whitened training patches are orthonormal, are recorded in the model, and pass through every consumer.
struct PatchWhiteningTests {
  private static func images(_ count: Int) -> Tensor {
    var generator = SeededGenerator(seed: 7)
    return Tensor(
      shape: [count, 1, 4, 4], elements: (0..<count * 16).map { _ in 1 + generator.normal() })
  }

  private static func data(_ count: Int) -> LabeledDataset {
    LabeledDataset(
      name: "whitening", images: images(count), isSignal: false,
      labels: .classes((0..<count).map { $0 % 3 }, count: 3), classNames: ["0", "1", "2"])
  }

  @Test(arguments: [(20, 2, false), (20, 2, true), (3, 4, false), (5, 3, true)])
  func stackedPatchesAreOrthonormal(count: Int, filter: Int, hasBias: Bool) throws {
    let images = Self.images(count)
    let geometry = try PatchGeometry(
      imageHeight: 4, imageWidth: 4, filterHeight: filter, filterWidth: filter, hasBias: hasBias)
    let fit = try Standardization(fitting: .patchWhiten, to: images, geometry: geometry)
    let white = try PatchSet(
      images: fit.applied(to: images), geometry: fit.geometry(of: geometry)
    ).patches
    let gram = BLAS.product(white, .transposed, white, .plain)
    let rank = min(count * geometry.patchesPerSample, filter * filter)
    #expect(white.columns == rank + (hasBias ? 1 : 0))
    for i in 0..<gram.rows {
      for j in 0..<gram.rows {
        // The bias column is the constant 1, orthogonal to the others.
        let isBias = hasBias && i == rank && j == rank
        let expected = i != j ? 0.0 : isBias ? Double(white.rows) : 1
        #expect(abs(gram[i, j] - expected) <= 1e-11)
      }
    }
    // Few patches: the rows are orthonormal as well.
    guard white.rows == rank, !hasBias else { return }
    let rows = BLAS.product(white, .plain, white, .transposed)
    for i in 0..<rank { for j in 0..<rank { #expect(abs(rows[i, j] - (i == j ? 1 : 0)) <= 1e-11) } }
  }

  @Test(arguments: [Activation.relu, .linear, .gated], [true, false])
  func modelsKeepTheWhitening(activation: Activation, hasBias: Bool) throws {
    var flags = TrainingConfiguration(filter: FilterSize(height: 2, width: 2))
    flags.standardize = .patchWhiten
    flags.activation = activation
    flags.bias = hasBias
    flags.loss = "squared"
    flags.strength = .ratio(0.2)
    if activation == .gated { flags.cells = .sample(4) }
    flags.gap = 1e-2
    let data = Self.data(9)
    let (model, result) = try Trainer(configuration: flags, threads: 1, maximumSeconds: 5)
      .train(on: Dataset(train: data))
    #expect(model.network.geometry.filterHeight == 1)
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("ccnn-\(UUID().uuidString).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try model.write(to: path)
    let back = try Model(contentsOf: path)
    #expect(back.standardization == model.standardization)
    #expect(try back.predictions(of: data.images) == model.predictions(of: data.images))
    let certified = try back.certified(on: Dataset(train: data), targetGap: 1e-2)
    #expect(certified.result.objective == result.objective)
    #expect(try back.evaluation(on: data).accuracy == result.trainAccuracy)
    // One sample alone is whitened by the training patches, not by its own.
    let one = try back.predictions(of: data.images.selecting([4]))
    let all = try back.predictions(of: data.images)
    for k in 0..<3 { #expect(abs(one[0, k] - all[4, k]) <= 1e-14) }
  }

  @Test func equalPatchesAreRefused() throws {
    let geometry = try PatchGeometry(
      imageHeight: 4, imageWidth: 4, filterHeight: 2, filterWidth: 2)
    #expect(throws: InputError.self) {
      try Standardization(
        fitting: .patchWhiten, to: Tensor(shape: [3, 1, 4, 4]), geometry: geometry)
    }
  }

  /// The closed form of real images: exact, and proven by the certifier too.
  @Test func whitenedDigitsHaveAClosedForm() throws {
    var flags = TrainingConfiguration(filter: FilterSize(height: 8, width: 8))
    flags.standardize = .patchWhiten
    flags.strength = .ratio(0.3)
    let digits = try DatasetLoader.bundled(named: "digits").train
    let few = digits.selecting(Array(0..<40), name: "forty digits")
    let (model, result) = try Trainer(configuration: flags, threads: 1)
      .closedForm(on: Dataset(train: few))
    #expect(result.family == "whitened")
    #expect(result.isExact)
    #expect(result.spikeFree == "yes")
    #expect((result.relativeGap.value ?? 1) <= 1e-9)
    let network = try #require(model)
    let certified = try network.certified(on: Dataset(train: few), targetGap: 1e-6)
    let (objective, bound) = (certified.result.objective.value, certified.result.lowerBound.value)
    #expect(certified.isEstablished)
    #expect((bound ?? .infinity) <= (result.value.value ?? 0) * (1 + 1e-12))
    #expect(abs((objective ?? 0) - (result.value.value ?? 1)) <= 1e-12)
    #expect(abs((certified.result.lambdaMax.value ?? 0) - (result.lambdaMax.value ?? 1)) <= 1e-6)
  }
}
