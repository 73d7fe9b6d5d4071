import ConvexCNN
import Testing

/// Training within a limit of memory gives the network of training without one.
struct StreamedTrainingTests {
  private func data(_ count: Int = 40) -> Dataset {
    var generator = SeededGenerator(seed: 12)
    let images = Tensor(
      shape: [count, 1, 4, 4], elements: (0..<count * 16).map { _ in generator.normal() })
    let classes = (0..<count).map { i in
      let row = images.elements[i * 16..<(i + 1) * 16]
      return Int(row.reduce(0) { $0 + max(0, $1) }) % 3
    }
    func part(_ range: Range<Int>, _ name: String) -> LabeledDataset {
      LabeledDataset(
        name: name, images: images.selecting(Array(range)), isSignal: false,
        labels: .classes(Array(classes[range]), count: 3), classNames: ["0", "1", "2"])
    }
    return Dataset(train: part(0..<30, "train"), test: part(30..<count, "test"))
  }

  private func flags(_ activation: Activation, _ loss: String) -> TrainingConfiguration {
    var flags = TrainingConfiguration(filter: FilterSize(height: 2, width: 2))
    (flags.activation, flags.loss, flags.strength) = (activation, loss, .ratio(0.1))
    (flags.pooling, flags.standardize) = ("average:2x1", .pixel)
    if activation == .gated { flags.cells = .sample(6) }
    flags.gap = 1e-8
    return flags
  }

  @Test(
    arguments: ["squared", "softmax"], FeatureStorage.allCases)
  func resultIsThatOfTrainingInMemory(loss: String, storage: FeatureStorage) throws {
    guard storage != .gram || loss == "squared" else { return }
    var flags = flags(.gated, loss)
    if storage == .float { flags.gap = 1e-5 }
    let trainer = Trainer(configuration: flags, threads: 2)
    let (expected, first) = try trainer.train(on: data())
    let (model, result) = try trainer.train(
      streaming: StreamedData(data()), memory: MemorySettings(features: storage))
    let (a, b) = (try #require(first.objective.value), try #require(result.objective.value))
    #expect(result.status == "solved")
    #expect(result.relativeGap.value ?? 1 <= flags.gap)
    #expect(abs(a - b) <= 2 * flags.gap * a)
    #expect(result.features.value == storage.rawValue)
    #expect(result.bound == "exact")
    #expect(result.scope == first.scope)
    #expect(model.gates == expected.gates)
    #expect(model.standardization == expected.standardization)
    #expect(model.configuration.gateSamples == nil)
    let outputs = try model.predictions(of: data().train.images, backend: .im2col)
    let streamed = try model.predictions(of: TensorSource(data().train.images))
    let largest = zip(outputs.elements, streamed.elements).map { abs($0 - $1) }.max() ?? 1
    #expect(largest <= 1e-12)
    let test = try #require(data().test)
    let evaluation = try model.evaluation(on: test, backend: .im2col)
    #expect(abs((result.testLoss.value ?? 0) - (evaluation.loss.value ?? 1)) <= 1e-12)
    #expect(result.testAccuracy == evaluation.accuracy)
  }

  @Test func certificatesInBlocksAreThoseOfAllSamples() throws {
    let trainer = Trainer(configuration: flags(.linear, "squared"), threads: 1)
    let (model, _) = try trainer.train(on: data())
    let whole = try model.certified(on: data(), targetGap: 1e-6)
    let blocks = try model.certified(
      streaming: StreamedData(data()), memory: nil, targetGap: 1e-6)
    #expect(blocks.isEstablished)
    let (a, b) = (
      try #require(whole.result.lowerBound.value), try #require(blocks.result.lowerBound.value)
    )
    #expect(abs(a - b) <= 1e-12 * a)
    #expect(blocks.result.scope == whole.result.scope)
    #expect(blocks.result.features.value == "streamed")
  }

  /// Cell generation on samples that are read anew in every pass ends where that in memory ends.
  @Test(arguments: ["squared", "softmax"])
  func reluNetworksAreThoseOfTrainingInMemory(loss: String) throws {
    var flags = flags(.relu, loss)
    flags.gap = 1e-4
    let trainer = Trainer(configuration: flags, threads: 2)
    let (_, first) = try trainer.train(on: data())
    var words: [String] = []
    let (model, result) = try trainer.train(
      streaming: StreamedData(data()), memory: MemorySettings(limit: 400 << 20),
      choosing: { words.append($0) })
    let (a, b) = (try #require(first.objective.value), try #require(result.objective.value))
    // Without steps of Newton and without pricing all cells, the last digits may differ.
    #expect(abs(a - b) <= 1e-3 * a)
    #expect(result.status == "converged")
    #expect(result.bound == "spectral" && result.scope == "all cells")
    let (bound, sharp) = (
      try #require(result.lowerBound.value), try #require(first.lowerBound.value)
    )
    #expect(bound > 0 && bound <= sharp * (1 + 1e-9))
    #expect(words.count == 1 && words[0].contains("neurons fit"))
    let again = try model.certified(
      streaming: StreamedData(data()), memory: 400 << 20, targetGap: 1e-4)
    #expect(!again.isEstablished)
    #expect(abs((again.result.lowerBound.value ?? 0) - bound) <= 1e-9 * bound)
  }

  /// Neither the number of threads nor the limit is part of the model.
  @Test func modelsWithinALimitHaveTheSameBitsForAnyNumberOfThreads() throws {
    var models: [Model] = []
    for (threads, limit) in [(1, 400 << 20), (2, 400 << 20), (2, 300 << 20)] {
      var flags = flags(.relu, "softmax")
      flags.gap = 1e-3
      models.append(
        try Trainer(configuration: flags, threads: threads).train(
          streaming: StreamedData(data()), memory: MemorySettings(limit: limit)
        ).model)
    }
    #expect(models[0].network == models[1].network && models[0].network == models[2].network)
    #expect(models.allSatisfy { $0.configuration.maximumCells == nil })
  }

  /// The limit bounds the number of neurons, and a limit without room for some is refused.
  @Test func reluNetworksHaveAsManyNeuronsAsFit() throws {
    let trainer = Trainer(configuration: flags(.relu, "squared"), threads: 1)
    let error = #expect(throws: InputError.self) {
      _ = try trainer.train(
        streaming: StreamedData(data()), memory: MemorySettings(limit: 32 << 20))
    }
    #expect(error?.place == "--memory 32 MiB")
    #expect(error?.expected.contains("for 24 neurons") == true)
  }

  @Test func limitThatCannotBeKeptIsRefusedWithTheNeed() throws {
    let trainer = Trainer(configuration: flags(.gated, "squared"), threads: 1)
    let error = #expect(throws: InputError.self) {
      _ = try trainer.train(
        streaming: StreamedData(data()), memory: MemorySettings(limit: 32 << 20))
    }
    #expect(error?.kind == .usage)
    #expect(error?.place == "--memory 32 MiB")
    #expect(error?.expected.hasPrefix("at least ") == true)
    #expect(error?.expected.contains("for streamed features") == true)
    let (model, _) = try trainer.train(on: data())
    let refusal = #expect(throws: InputError.self) {
      _ = try model.predictions(of: TensorSource(data().train.images), memory: 1 << 20)
    }
    #expect(refusal?.place == "--memory 1 MiB")
  }

  @Test func otherActivationsWhiteningAndSolversAreRefused() throws {
    func error(_ flags: TrainingConfiguration, _ memory: MemorySettings) -> InputError? {
      #expect(throws: InputError.self) {
        _ = try Trainer(configuration: flags, threads: 1).train(
          streaming: StreamedData(data()), memory: memory)
      }
    }
    var relu = flags(.relu, "squared")
    relu.solver = .frankWolfe
    #expect(error(relu, MemorySettings(limit: 1 << 30))?.place == "--memory")
    let quadratic = error(flags(.quadratic, "squared"), MemorySettings(limit: 1 << 30))
    #expect(quadratic?.place == "--activation quadratic")
    var whitened = flags(.gated, "squared")
    whitened.standardize = .patchWhiten
    #expect(error(whitened, MemorySettings())?.place == "--standardize")
    var admm = flags(.gated, "squared")
    admm.solver = .admm
    #expect(error(admm, MemorySettings(features: .gram))?.place == "--solver admm")
    let softmax = error(flags(.gated, "softmax"), MemorySettings(features: .gram))
    #expect(softmax?.place == "--features gram")
  }

  @Test func startOverTheSameGatesIsContinued() throws {
    var flags = flags(.gated, "squared")
    let trainer = Trainer(configuration: flags, threads: 1)
    let (model, _) = try trainer.train(on: data())
    let (_, again) = try trainer.train(
      streaming: StreamedData(data()), memory: MemorySettings(features: .streamed), from: model)
    #expect(again.status == "solved")
    flags.seed = 4
    #expect(throws: InputError.self) {
      _ = try Trainer(configuration: flags, threads: 1).train(
        streaming: StreamedData(data()), memory: MemorySettings(features: .streamed), from: model)
    }
  }

  @Test func splitIsThatOfDataInMemory() throws {
    let train = data().train
    let whole = try train.split(testFraction: 0.3, seed: 5)
    let parts = try StreamedDataset(train).split(testFraction: 0.3, seed: 5)
    let test = try #require(parts.test)
    #expect(test.source.batch(0..<test.sampleCount) == whole.test?.images)
    #expect(parts.train.labels == whole.train.labels)
  }

  @Test(arguments: [
    ("2GiB", 2 << 30), ("512MiB", 512 << 20), ("1.5kb", 1500), ("1000000", 1_000_000),
    ("3B", 3), ("2gb", 2_000_000_000),
  ])
  func sizesAreRead(text: String, bytes: Int) {
    #expect(ByteCount(text)?.value == bytes)
  }

  @Test(arguments: ["", "GiB", "-1GiB", "1.5", "2 GiB", "0", "1e3", "nan", "9999999TiB"])
  func otherTextsAreNoSizes(text: String) { #expect(ByteCount(text) == nil) }

  @Test func sizesAreWrittenWithTheirUnits() {
    #expect(ByteCount(2 << 30).description == "2 GiB")
    #expect(ByteCount(1_600_000_000).description == "1.49 GiB")
    #expect(ByteCount(512).description == "512 B")
  }
}
