import ConvexCNN
import TestSupport
import Testing

/// ReLU networks over sampled cells: training, certificates, model files.
struct GivenCellsTests {
  /// Digits 3 and 8 of the bundled training part.
  static func digits(_ count: Int) throws -> Dataset {
    let all = try BundledDataset.digits.load().train
    guard case .classes(let classes, _) = all.labels else {
      throw InputError(.data, "digits", expected: "classes", found: "none", advice: "")
    }
    let chosen = Array(classes.indices.filter { [3, 8].contains(classes[$0]) }.prefix(count))
    let size = all.images.strideOfFirstAxis
    return Dataset(
      train: LabeledDataset(
        name: "digits 3 and 8",
        images: Tensor(
          shape: [chosen.count] + all.images.shape.dropFirst(),
          elements: chosen.flatMap { all.images.elements[$0 * size..<($0 + 1) * size] }),
        isSignal: false, labels: .signs(chosen.map { classes[$0] == 8 ? 1 : -1 }),
        classNames: ["3", "8"]))
  }

  static func flags(_ filter: FilterSize, _ count: Int, lambda: Double) -> TrainingConfiguration {
    var flags = TrainingConfiguration(filter: filter)
    (flags.cells, flags.loss, flags.pooling) = (.sample(count), "squared", "sum")
    (flags.strength, flags.gap, flags.gates) = (.lambda(lambda), 1e-6, .gaussian)
    return flags
  }

  /// True ReLU on real images, with 3x3 filters and with filters as large as the images, to a proven gap of 1e-6.
  @Test(arguments: [(3, 50, 1e-2), (8, 40, 1e-3)])
  func digitsAreSolvedToProvenGaps(side: Int, count: Int, lambda: Double) throws {
    let data = try Self.digits(120)
    let flags = Self.flags(FilterSize(height: side, width: side), count, lambda: lambda)
    let (model, result) = try Trainer(configuration: flags, threads: 1).train(on: data)
    #expect(result.status == "solved" && result.bound == "exact")
    #expect(result.scope == "the \(count) cells given" && result.cellCount == count)
    #expect((result.relativeGap.value ?? 1) <= 1e-6)
    #expect(result.lambdaMaxKind == "exact over these cells")
    // Gated networks over the same gates are a relaxation; the zero network is a competitor.
    var relaxed = flags
    relaxed.activation = .gated
    let gated = try Trainer(configuration: relaxed, threads: 1).train(on: data)
    #expect(gated.model.gates == model.cellGates)
    let lower = try #require(gated.result.lowerBound.value)
    let objective = try #require(result.objective.value)
    #expect(lower <= objective && objective < 0.5)
  }

  /// Certified anew over its cells, over all cells where that is asked for, and over nothing where its cells are others'.
  @Test func modelsCarryTheirCells() throws {
    let data = try Self.digits(40)
    let flags = Self.flags(FilterSize(height: 3, width: 3), 12, lambda: 0.05)
    let (model, result) = try Trainer(configuration: flags, threads: 1).train(on: data)
    #expect(model.gates == nil && model.cellGates?.rows == 12)
    let (own, isEstablished) = try model.certified(on: data, targetGap: 1e-6)
    #expect(isEstablished && own.scope == "the 12 cells given")
    #expect(own.lowerBound.value == result.lowerBound.value)
    let (all, _) = try model.certified(
      on: data, targetGap: 1e-6, effort: BoundEffort(method: .spectral))
    #expect(all.scope == "all cells" && all.bound == "spectral")
    #expect((all.lowerBound.value ?? 1) < (own.lowerBound.value ?? 0))
    var other = model
    other.cellGates = model.cellGates?.selectingRows([0])
    let (less, isProven) = try other.certified(on: data, targetGap: 0.5)
    #expect(!isProven && less.claim.contains("lies in none of the 1 cells given"))
    other.cellGates = nil
    let (global, _) = try other.certified(
      on: data, targetGap: 0.9, effort: BoundEffort(seconds: 1))
    #expect(global.scope == "all cells")
  }

  @Test func theStartIsTakenOverTheSameCellsOnly() throws {
    let data = try Self.digits(40)
    var flags = Self.flags(FilterSize(height: 3, width: 3), 12, lambda: 0.05)
    let model = try Trainer(configuration: flags, threads: 1).train(on: data).model
    var rounds = 0
    _ = try Trainer(configuration: flags, threads: 1).train(on: data, from: model) { row in
      rounds = max(rounds, row.iteration)
    }
    var cold = 0
    _ = try Trainer(configuration: flags, threads: 1).train(on: data) { row in
      cold = max(cold, row.iteration)
    }
    #expect(rounds <= 3 && cold > 5)
    flags.seed = 1
    let error = #expect(throws: InputError.self) {
      try Trainer(configuration: flags, threads: 1).train(on: data, from: model)
    }
    #expect("\(try #require(error))".contains("12 others, of --cells sample:12"))
  }

  @Test func whatHasNoProgramIsRefused() throws {
    let data = try Self.digits(30)
    func error(_ change: (inout TrainingConfiguration) -> Void) throws -> String {
      var flags = Self.flags(FilterSize(height: 3, width: 3), 5, lambda: 0.05)
      change(&flags)
      let error = #expect(throws: InputError.self) {
        try Trainer(configuration: flags, threads: 1).train(on: data)
      }
      return "\(try #require(error))"
    }
    #expect(try error { $0.pooling = "average:2x2" }.contains("4 windows"))
    #expect(try error { $0.pooling = "max" }.contains("found max"))
    #expect(try error { $0.outputBias = true }.contains("an output bias"))
    #expect(try error { $0.filterRank = 2 }.contains("--filter-rank"))
  }
}
