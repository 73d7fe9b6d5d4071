import ConvexCNN
import Foundation
import Testing

struct RunDetailsTests {
  private static func data(_ labels: Labels, channels: Int = 1) -> LabeledDataset {
    var generator = SeededGenerator(seed: 3)
    let n = labels.sampleCount
    let images = Tensor(
      shape: [n, channels, 3, 4],
      elements: (0..<n * channels * 12).map { _ in generator.uniform() })
    let names = labels.classIndices == nil ? [] : (0..<labels.classCount).map { "c\($0)" }
    return LabeledDataset(
      name: "tiny", images: images, isSignal: false, labels: labels, classNames: names)
  }

  private static func model(
    _ data: LabeledDataset, loss: String, neurons: Int = 3, outputs: Int
  ) throws -> Model {
    var configuration = TrainingConfiguration(filter: try #require(FilterSize(rawValue: "2x2")))
    configuration.loss = loss
    let geometry = try configuration.geometry(on: Array(data.images.shape.dropFirst()))
    var generator = SeededGenerator(seed: 9)
    func random(_ rows: Int, _ columns: Int) -> Matrix {
      Matrix(
        rows: rows, columns: columns,
        elements: (0..<rows * columns).map { _ in generator.uniform() - 0.5 })
    }
    let network = try Network(
      geometry: geometry, pooling: Pooling(parsing: "average"), activation: .relu,
      filters: random(neurons, geometry.patchDimension), outputWeights: random(neurons, outputs))
    return Model(
      configuration: configuration, samples: data.kind, standardization: .identity, lossName: loss,
      lambda: 0.1, network: network, gates: nil, certificate: [:])
  }

  /// Every mistake is one by the definition, they are in falling order, and no other is worse.
  @Test func mistakesAreTheWorst() throws {
    let data = Self.data(.classes((0..<40).map { $0 % 3 }, count: 3))
    let model = try Self.model(data, loss: "softmax", outputs: 3)
    let details = try RunDetails(of: model, on: StreamedData(Dataset(train: data)), trace: [])
    let predictions = try #require(details.predictions)
    #expect(predictions.part == "train")
    let outputs = try model.predictions(of: data.images)
    let actual = try #require(data.labels.classIndices)
    var margins: [Double] = []
    for i in 0..<40 {
      let best = (0..<3).map { outputs[i, $0] }.max() ?? 0
      if best > outputs[i, actual[i]] { margins.append(best - outputs[i, actual[i]]) }
    }
    #expect(predictions.mistakeCount == margins.count)
    let expected = Array(margins.sorted(by: >).prefix(RunDetails.Limit.mistakes))
    let found = predictions.mistakes.map(\.margin)
    #expect(found.count == expected.count)
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-12 })
    for mistake in predictions.mistakes {
      #expect(mistake.actual == "c\(actual[mistake.index])")
      #expect(mistake.predicted != mistake.actual)
    }
    let evaluation = try model.evaluation(on: data, backend: .im2col)
    #expect(predictions.evaluation == evaluation)
  }

  @Test func heldOutSamplesAreJudgedWhereThereAreSome() throws {
    let train = Self.data(.signs((0..<9).map { $0 % 2 == 0 ? 1 : -1 }))
    let test = Self.data(.signs([1, 1, -1, -1]))
    let model = try Self.model(train, loss: "logistic", outputs: 1)
    let details = try RunDetails(
      of: model, on: StreamedData(Dataset(train: train, test: test)), trace: [])
    #expect(details.predictions?.part == "test")
    #expect(details.predictions?.evaluation.sampleCount == 4)
    #expect(details.data?.parts.map(\.part) == ["train", "test"])
    #expect(details.data?.parts.map(\.classCounts) == [[4, 5], [2, 2]])
  }

  @Test func residualsOfTargetsAreMistakes() throws {
    let targets = Matrix(rows: 5, columns: 2, elements: (0..<10).map(Double.init))
    let data = Self.data(.regression(targets))
    let model = try Self.model(data, loss: "squared", outputs: 2)
    let details = try RunDetails(of: model, on: StreamedData(Dataset(train: data)), trace: [])
    let worst = try #require(details.predictions?.mistakes.first)
    let outputs = try model.predictions(of: data.images)
    #expect(worst.index == 4)
    let residual = hypot(outputs[4, 0] - 8, outputs[4, 1] - 9)
    #expect(abs(worst.margin - residual) <= 1e-12)
    #expect(worst.actual == "8.0, 9.0")
    #expect(details.data?.parts.first?.classCounts == nil)
  }

  @Test func neuronsAreOrderedByMassAndBounded() throws {
    let data = Self.data(.classes([0, 1, 0], count: 2))
    let model = try Self.model(data, loss: "softmax", neurons: 600, outputs: 2)
    let details = try RunDetails(of: model, on: StreamedData(Dataset(train: data)), trace: [])
    let weights = try #require(details.weights)
    #expect(weights.neuronCount == 600)
    #expect(weights.neurons.count == RunDetails.Limit.neurons)
    let masses = weights.neurons.map(\.mass)
    #expect(masses == masses.sorted(by: >))
    let all = zip(model.network.filterNorms, model.network.outputNorms).map { $0 * $1 }
    #expect(masses.first == all.max())
    let first = try #require(weights.neurons.first)
    #expect(first.filter == Array(model.network.filters.row(first.index)))
    #expect(first.outputWeights == Array(model.network.outputWeights.row(first.index)))
  }

  @Test func tracesAreThinnedInEqualSteps() throws {
    let rows = (0..<10_000).map {
      TraceRow(
        phase: "round", iteration: $0, seconds: Double($0), objective: $0 == 0 ? .infinity : 1,
        neuronCount: $0)
    }
    let data = StreamedData(Dataset(train: Self.data(.classes([0, 1, 0], count: 2))))
    let trace = try #require(try RunDetails(data: data, standardize: .none, trace: rows).trace)
    #expect(trace.rowCount == 10_000)
    #expect(trace.iteration.count == RunDetails.Limit.traceRows)
    #expect(trace.iteration.first == 0 && trace.iteration.last == 9999)
    let steps = zip(trace.iteration.dropFirst(), trace.iteration).map { $0 - $1 }
    #expect(Set(steps).isSubset(of: [20, 21]))
    #expect(trace.objective.first == Finite(nil))
    #expect(RunDetails.evenly(3, atMost: 5) == [0, 1, 2])
    #expect(RunDetails.evenly(0, atMost: 5) == [])
  }

  /// The same samples have the same checksum in memory and cut into blocks; any other bit has another.
  @Test func checksumsTellDataApart() throws {
    let data = Self.data(.classes([0, 1, 0], count: 2), channels: 3)
    func checksum(_ data: LabeledDataset) throws -> String? {
      try RunDetails(
        data: StreamedData(Dataset(train: data)), standardize: .none, trace: []
      ).data?.parts.first?.checksum
    }
    let first = try checksum(data)
    let again = try checksum(data)
    #expect(first == again)
    var images = data.images
    images.elements[7] = images.elements[7].nextUp
    let pixels = try checksum(
      LabeledDataset(
        name: "tiny", images: images, isSignal: false, labels: data.labels,
        classNames: data.classNames))
    let labels = try checksum(Self.data(.classes([0, 1, 1], count: 2), channels: 3))
    #expect(pixels != first)
    #expect(labels != first)
  }

  @Test func picturesOfLargeSamplesAreMeansOfBoxes() throws {
    // 128 x 128 pixels in boxes of 2 x 2, each box of one number.
    let pixels = (0..<128 * 128).map { (p: Int) -> Double in
      let (row, column) = (p / 256, p % 128 / 2)
      return (row + column) % 2 == 0 ? 0 : 1
    }
    let images = Tensor(shape: [1, 1, 128, 128], elements: pixels)
    let data = LabeledDataset(
      name: "large", images: images, isSignal: false, labels: .signs([1]),
      classNames: ["odd", "even"])
    var configuration = TrainingConfiguration(filter: try #require(FilterSize(rawValue: "2x2")))
    configuration.loss = "logistic"
    let network = try Network(
      geometry: configuration.geometry(on: [1, 128, 128]), pooling: Pooling(parsing: "average"),
      activation: .relu, filters: Matrix(rows: 1, columns: 4, elements: [1, 1, 1, 1]),
      outputWeights: Matrix(rows: 1, columns: 1, elements: [-1]))
    let model = Model(
      configuration: configuration, samples: data.kind, standardization: .identity,
      lossName: "logistic", lambda: 1, network: network, gates: nil, certificate: [:])
    let details = try RunDetails(of: model, on: StreamedData(Dataset(train: data)), trace: [])
    let picture = try #require(details.predictions?.mistakes.first?.picture)
    #expect(picture.shape == [1, 64, 64])
    #expect(picture.low == 0 && picture.high == 1)
    let bytes = try #require(Data(base64Encoded: picture.bytes))
    let expected = (0..<64 * 64).map { (p: Int) -> UInt8 in (p / 64 + p % 64) % 2 == 0 ? 0 : 255 }
    #expect(Array(bytes) == expected)
  }

  @Test func jsonHasTheResultFirstAndTheDetailsLast() throws {
    let data = Self.data(.classes([0, 1, 0], count: 2))
    let model = try Self.model(data, loss: "softmax", outputs: 2)
    let details = try RunDetails(of: model, on: StreamedData(Dataset(train: data)), trace: [])
    let evaluation = try model.evaluation(on: data, backend: .im2col)
    let text = try JSON.text(of: evaluation, details: details)
    let alone = try JSON.text(of: evaluation)
    #expect(text.hasPrefix(String(alone.dropLast(3))))
    struct Both: Decodable {
      let details: RunDetails
    }
    let read = try JSONDecoder().decode(Both.self, from: Data(text.utf8))
    #expect(read.details == details)
    let same = try JSONDecoder().decode(Evaluation.self, from: Data(text.utf8))
    #expect(same == evaluation)
    // Nothing is in lines of their own but the parts.
    #expect(text.split(separator: "\n").count == alone.split(separator: "\n").count + 6)
  }

  @Test func bundledDataNameTheirOrigin() throws {
    let card = try RunDetails(
      data: StreamedData(try DatasetLoader.bundled(named: "digits")), standardize: .pixel,
      trace: []
    ).data
    #expect(card?.name == "digits")
    #expect(card?.license == "CC BY 4.0")
    #expect(card?.origin?.contains("UCI") == true)
    #expect(card?.standardize == "pixel")
    #expect(card?.parts.map(\.sampleCount) == [1438, 359])
    // `data/README.md`: the sum of all pixels, in units of 1 / 16.
    let mean = card?.parts.first?.mean.value ?? 0
    #expect(abs(mean * 1438 * 64 * 16 - 449_064) <= 1e-6)
  }
}
