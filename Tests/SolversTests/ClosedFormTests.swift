import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// Closed forms equal the solvers where they say exact, bound them where they do not, and refuse other data.
struct ClosedFormTests {
  private static let limits = SolveLimits(relativeGap: 1e-12, iterations: 400, seconds: 600)

  private static func oneHot(_ classes: [Int], _ count: Int) -> Matrix {
    SquaredLoss(classes: classes, count: count).targets
  }

  /// Values of the mathematics notes, section 2f: they depend on the class sizes only.
  @Test(
    arguments: [
      (0.4, 0.692740661), (1.0, 1.431851653), (1.8, 1.894540769), (3.0, 2.0),
    ], [1, 2] as [UInt64])
  func oneHotValuesOfTheNotes(value: (beta: Double, optimum: Double), seed: UInt64) throws {
    let problem = try WhitenedProblems.relu(
      Self.oneHot([0, 0, 1, 0], 2), patches: 2, h: 8, beta: value.beta, seed: seed)
    let form = try ClosedForm(of: problem)
    let network = try #require(form.network)
    #expect(form.family == .whitened)
    #expect(form.verdict == .exact)
    #expect(abs(4 * form.value - value.optimum) <= 1e-9)
    #expect(abs(problem.objective(of: network).total - form.value) <= 1e-13)
    #expect(abs(form.threshold - value.beta / 2.0.squareRoot()) <= 1e-12)
    let searched = try CellGeneration().solve(problem, limits: Self.limits)
    #expect(abs(searched.objective.total - form.value) <= 1e-9 * form.value)
  }

  /// Equal class sizes make singular values equal, so that no singular vector need be non-negative.
  @Test(arguments: ["sum", "average", "none", "max", "average:1x2", "max:1x3"])
  func oneHotUnderEveryPooling(pooling: String) throws {
    let problem = try WhitenedProblems.relu(
      Self.oneHot([0, 1, 2, 0, 1, 2], 3), patches: 3, h: 20, pooling: pooling, beta: 0.3, scale: 1.7
    )
    let form = try ClosedForm(of: problem)
    #expect(form.verdict == .exact)
    #expect(form.network?.neuronCount == 3)
    let searched = try CellGeneration().solve(problem, limits: Self.limits)
    #expect(abs(searched.objective.total - form.value) <= 1e-9 * form.value)
  }

  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func scalarTargets(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let targets = random.normalMatrix(rows: 5, columns: 1)
    let problem = try WhitenedProblems.relu(targets, patches: 2, h: 11, beta: 0.5, seed: seed)
    let form = try ClosedForm(of: problem)
    #expect(form.family == .whitenedScalar)
    #expect(form.verdict == .exact)
    let searched = try CellGeneration().solve(problem, limits: Self.limits)
    #expect(abs(searched.objective.total - form.value) <= 1e-9 * form.value)
  }

  /// Up to four samples the value is the optimum exactly when no entry of `(Z Z')^1/2` is negative.
  @Test(arguments: 1...12 as ClosedRange<UInt64>)
  func signTestDecidesForFourSamples(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var targets = random.normalMatrix(rows: 4, columns: 3)
    // Positive shifts of different sizes give cases of both kinds.
    for e in targets.elements.indices { targets.elements[e] += 0.4 * Double(seed % 4) }
    let problem = try WhitenedProblems.relu(targets, patches: 2, h: 9, beta: 0.2, seed: seed)
    let form = try ClosedForm(of: problem)
    let searched = try CellGeneration().solve(problem, limits: Self.limits)
    #expect(searched.objective.total >= form.value * (1 - 1e-12))
    switch form.verdict {
    case .exact:
      #expect(searched.objective.total - form.value <= 1e-9 * form.value)
    case .lowerBound:
      #expect(form.network == nil)
      #expect(form.reason.contains("not completely positive"))
      #expect(searched.objective.total - form.value > 1e-7 * form.value)
    case .unknown: Issue.record("order four is always decided")
    }
  }

  /// Objectives of local descents from random starts, none of which may be below an exact value.
  private static func descents(_ problem: TrainingProblem) throws -> [Double] {
    let n = problem.sampleCount
    let pixels = (0..<n).flatMap { problem.patches(ofSample: $0).elements }
    let images = Tensor(shape: [n, 1, 1, pixels.count / n], elements: pixels)
    return try (0..<8 as Range<UInt64>).map { seed in
      try Baseline(settings: .init(optimizer: .lbfgs, width: 12, epochs: 3000, seed: seed))
        .train(problem, images: images).objective.total
    }
  }

  @Test(arguments: [1, 2])
  func localDescentReachesTheValueAndNeverPassesIt(outputs: Int) throws {
    var random = SeededGenerator(seed: 9)
    let targets =
      outputs == 1
      ? random.normalMatrix(rows: 4, columns: 1) : Self.oneHot([0, 0, 1, 0], 2)
    let problem = try WhitenedProblems.relu(targets, patches: 2, h: 8, beta: 0.4)
    let form = try ClosedForm(of: problem)
    let objectives = try Self.descents(problem)
    let best = try #require(objectives.min())
    #expect(form.verdict == .exact)
    #expect(best >= form.value * (1 - 1e-13))
    #expect(best <= form.value * (1 + 1e-9))
  }

  @Test func bothVerdictsOccurAmongTheSignTests() throws {
    var verdicts: [ClosedForm.Verdict] = []
    for seed in 1...12 as ClosedRange<UInt64> {
      var random = SeededGenerator(seed: seed)
      var targets = random.normalMatrix(rows: 4, columns: 3)
      for e in targets.elements.indices { targets.elements[e] += 0.4 * Double(seed % 4) }
      verdicts.append(
        try ClosedForm(
          of: WhitenedProblems.relu(targets, patches: 2, h: 9, beta: 0.2, seed: seed)
        ).verdict)
    }
    #expect(verdicts.contains(.exact) && verdicts.contains(.lowerBound))
  }

  @Test(arguments: ["sum", "none", "average:1x2"], [1, 3])
  func linearNetworkWithOrthonormalColumns(pooling: String, outputs: Int) throws {
    // Two patches side by side, so that pooled patches inherit orthonormal columns from the samples.
    let geometry = try PatchGeometry(length: 6, filterLength: 3, stride: 3)
    let n = 9
    var random = SeededGenerator(seed: UInt64(outputs))
    let rows = WhitenedProblems.orthonormalRows(6, n, seed: 4).transposed
    let problem = try TrainingProblem(
      images: Tensor(shape: [n, 1, 1, 6], elements: rows.elements), geometry: geometry,
      pooling: Pooling(parsing: pooling), activation: .linear,
      loss: SquaredLoss(targets: random.normalMatrix(rows: n, columns: outputs)), lambda: 0.02)
    let form = try ClosedForm(of: problem)
    #expect(form.family == .linearColumns)
    #expect(form.verdict == .exact)
    let solution = FISTA().solve(
      try GatedProgram(problem: problem, gates: nil).composite, limits: Self.limits)
    #expect(abs(solution.objective - form.value) <= 1e-9 * form.value)
  }

  @Test func linearNetworkWithOrthonormalRows() throws {
    var random = SeededGenerator(seed: 3)
    let problem = try TrainingProblem(
      images: Tensor(
        shape: [4, 1, 1, 7], elements: WhitenedProblems.orthonormalRows(4, 7, seed: 2).elements),
      geometry: PatchGeometry(length: 7, filterLength: 7), pooling: Pooling(.sum),
      activation: .linear, loss: SquaredLoss(targets: random.normalMatrix(rows: 4, columns: 3)),
      lambda: 0.1)
    let form = try ClosedForm(of: problem)
    #expect(form.family == .linearRows)
    let solution = FISTA().solve(
      try GatedProgram(problem: problem, gates: nil).composite, limits: Self.limits)
    #expect(abs(solution.objective - form.value) <= 1e-9 * form.value)
  }

  @Test func otherProblemsAreRefusedWithTheReason() throws {
    var random = SeededGenerator(seed: 8)
    func message(
      _ activation: Activation, _ loss: any Loss, bias: Bool = false
    ) throws -> String {
      let problem = try TrainingProblem(
        images: random.normalTensor(shape: [loss.sampleCount, 1, 1, 6]),
        geometry: PatchGeometry(length: 6, filterLength: 5), pooling: Pooling(.sum),
        activation: activation, loss: loss, lambda: 0.1, hasOutputBias: bias)
      do {
        _ = try ClosedForm(of: problem)
        return ""
      } catch let error as ProgramError { return error.description }
    }
    let targets = random.normalMatrix(rows: 2, columns: 1)
    let many = random.normalMatrix(rows: 9, columns: 1)
    let softmax = SoftmaxLoss(classes: [0, 1], count: 2)
    #expect(try message(.relu, softmax).contains("loss: expected squared, found softmax"))
    #expect(
      try message(.relu, SquaredLoss(targets: targets), bias: true).contains("output bias"))
    #expect(try message(.gated, SquaredLoss(targets: targets)).contains("relu or linear"))
    #expect(try message(.relu, SquaredLoss(targets: targets)).contains("M M' = t^2 I"))
    #expect(try message(.relu, SquaredLoss(targets: many)).contains("at most h = 5"))
    #expect(try message(.linear, SquaredLoss(targets: many)).contains("orthonormal columns"))
    #expect(try message(.linear, SquaredLoss(targets: targets)).contains("orthonormal rows"))
  }

  /// What to do depends on what cannot be met: the bias, the filter size, or the data.
  @Test func refusalsNameTheFlagToChange() throws {
    var random = SeededGenerator(seed: 8)
    func advice(
      _ activation: Activation, _ geometry: PatchGeometry, pooling: String = "none",
      outputs: Int = 1, samples: Int = 9, loss: (any Loss)? = nil
    ) throws -> String {
      let targets = random.normalMatrix(rows: samples, columns: outputs)
      let problem = try TrainingProblem(
        images: random.normalTensor(
          shape: [samples, geometry.channels, geometry.imageHeight, geometry.imageWidth]),
        geometry: geometry, pooling: Pooling(parsing: pooling), activation: activation,
        loss: loss ?? SquaredLoss(targets: targets), lambda: 0.1)
      do {
        _ = try ClosedForm(of: problem)
        return ""
      } catch let error as ProgramError { return error.advice }
    }
    let small = try PatchGeometry(
      imageHeight: 3, imageWidth: 4, filterHeight: 2, filterWidth: 4, padding: .circular)
    let full = try PatchGeometry(length: 6, filterLength: 6, padding: .circular)
    let channels = try PatchGeometry(channels: 2, length: 3, filterLength: 3, padding: .circular)
    let withBias = try PatchGeometry(length: 6, filterLength: 5, hasBias: true)
    let single = try PatchGeometry(length: 6, filterLength: 6)
    let cut = try PatchGeometry(length: 6, filterLength: 3, stride: 3, padding: .circular)
    #expect(try advice(.relu, withBias).contains("Leave out --bias"))
    #expect(try advice(.linear, withBias).contains("Leave out --bias"))
    #expect(try advice(.linear, small).contains("--filter 3x4 --stride 1 --pooling none"))
    #expect(try advice(.linear, full, pooling: "sum").contains("--filter 6 --stride 1"))
    #expect(try advice(.linear, channels, outputs: 2).contains("2 channels and 2 outputs"))
    let softmax = SoftmaxLoss(classes: [0, 1, 0, 1, 0, 1, 0, 1, 0], count: 2)
    #expect(
      try advice(.linear, channels, outputs: 2, loss: softmax).contains("one channel or one output")
    )
    #expect(try advice(.relu, full).contains("--layers 3"))
    #expect(try advice(.linear, single, pooling: "sum").contains("patch-whiten"))
    #expect(try advice(.relu, cut, samples: 1).contains("patch-whiten"))
    #expect(try advice(.relu, single, outputs: 2, loss: softmax).contains("--loss squared"))
  }
}
