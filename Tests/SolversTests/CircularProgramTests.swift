import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// The program in the Fourier domain is the nuclear-norm program over all patches and positions.
struct CircularProgramTests {
  private static let limits = SolveLimits(relativeGap: 1e-11, iterations: 200_000, seconds: 600)

  private static let shapes: [([Int], Int)] = [
    ([5, 1, 1, 6], 1), ([7, 1, 1, 5], 3), ([6, 1, 3, 4], 1), ([5, 3, 1, 4], 1), ([6, 2, 2, 3], 1),
    ([6, 1, 4, 2], 2), ([4, 1, 3, 3], 1),
  ]

  @Test(arguments: shapes)
  func optimumIsThatOfTheNuclearNorm(shape: [Int], outputs: Int) throws {
    let (problem, images) = try WhitenedProblems.circular(shape, outputs: outputs, lambda: 0.3)
    let program = try CircularProgram(
      images: images, geometry: problem.geometry, loss: problem.loss, lambda: problem.lambda)
    let direct = try GatedProgram(problem: problem, gates: nil)
    #expect(
      abs(program.composite.lambdaMax - direct.composite.lambdaMax)
        <= 1e-12 * direct.composite.lambdaMax)
    let fast = FISTA().solve(program.composite, limits: Self.limits)
    let slow = FISTA().solve(direct.composite, limits: Self.limits)
    #expect(fast.status == .solved && slow.status == .solved)
    #expect(abs(fast.objective - slow.objective) <= 1e-9 * slow.objective)
    // One neuron with real weights has the same objective.
    let network = try program.network(from: fast.point)
    #expect(network.neuronCount == 1)
    #expect(abs(problem.objective(of: network).total - fast.objective) <= 1e-12 * fast.objective)
  }

  @Test(arguments: [Activation.linear])
  func otherLossesHaveTheSameOptimumToo(activation: Activation) throws {
    var random = SeededGenerator(seed: 5)
    let images = random.normalTensor(shape: [8, 1, 2, 3])
    let geometry = try PatchGeometry(
      imageHeight: 2, imageWidth: 3, filterHeight: 2, filterWidth: 3, padding: .circular)
    for loss in [
      SoftmaxLoss(classes: [0, 1, 2, 0, 1, 2, 0, 1], count: 3),
      LogisticLoss(labels: [1, -1, 1, 1, -1, -1, 1, -1]),
    ] as [any Loss] {
      let problem = try TrainingProblem(
        images: images, geometry: geometry, pooling: Pooling(.none), activation: activation,
        loss: loss, lambda: 0.05)
      let program = try CircularProgram(
        images: images, geometry: geometry, loss: loss, lambda: 0.05)
      let fast = FISTA().solve(program.composite, limits: Self.limits)
      let slow = FISTA().solve(
        try GatedProgram(problem: problem, gates: nil).composite, limits: Self.limits)
      #expect(abs(fast.objective - slow.objective) <= 1e-9 * slow.objective)
    }
  }

  @Test(arguments: [
    ([8, 1, 1, 6], 1), ([12, 1, 3, 4], 1), ([9, 1, 2, 4], 2), ([9, 2, 1, 4], 1),
  ])
  func whiteSamplesHaveAClosedForm(shape: [Int], outputs: Int) throws {
    let (problem, images) = try WhitenedProblems.circular(
      shape, outputs: outputs, lambda: 0.1, isWhite: true, seed: 3)
    let form = try ClosedForm(of: problem)
    #expect(form.family == .circular)
    #expect(form.verdict == .exact)
    #expect(form.network?.neuronCount == 1)
    let program = try CircularProgram(
      images: images, geometry: problem.geometry, loss: problem.loss, lambda: problem.lambda)
    let solution = FISTA().solve(program.composite, limits: Self.limits)
    #expect(abs(solution.objective - form.value) <= 1e-9 * form.value)
    // The formula of the notes: the moduli of the unitary spectrum of X'Y lose beta / sqrt(d).
    let slow = FISTA().solve(
      try GatedProgram(problem: problem, gates: nil).composite, limits: Self.limits)
    #expect(abs(slow.objective - form.value) <= 1e-9 * form.value)
  }

  @Test func strongRegularizationGivesNoNeuron() throws {
    let (problem, images) = try WhitenedProblems.circular([5, 1, 2, 3], outputs: 1, lambda: 0)
    let weak = try CircularProgram(
      images: images, geometry: problem.geometry, loss: problem.loss, lambda: 1)
    let program = try CircularProgram(
      images: images, geometry: problem.geometry, loss: problem.loss,
      lambda: 1.001 * weak.composite.lambdaMax)
    let solution = FISTA().solve(program.composite, limits: Self.limits)
    #expect(try program.network(from: solution.point).neuronCount == 0)
  }

  /// 40 images of 64 x 64: the direct program would need 5 GiB of features.
  @Test func directProgramOfLargeImagesIsRefusedWithTheWayOut() throws {
    var random = SeededGenerator(seed: 4)
    let problem = try TrainingProblem(
      images: random.normalTensor(shape: [40, 1, 64, 64]),
      geometry: PatchGeometry(
        imageHeight: 64, imageWidth: 64, filterHeight: 64, filterWidth: 64, padding: .circular),
      pooling: Pooling(.none), activation: .linear,
      loss: SquaredLoss(targets: random.normalMatrix(rows: 40, columns: 1)), lambda: 1,
      backend: .fft)
    do {
      _ = try GatedProgram(problem: problem, gates: nil)
      Issue.record("expected a refusal")
    } catch let error as ProgramError {
      #expect(error.description.contains("closed-form"))
      #expect(error.description.contains("4 GiB"))
    }
  }

  @Test func otherArchitecturesAreRefused() throws {
    var random = SeededGenerator(seed: 1)
    let images = random.normalTensor(shape: [3, 2, 1, 5])
    let loss = SquaredLoss(targets: random.normalMatrix(rows: 3, columns: 1))
    let small = try PatchGeometry(
      channels: 2, length: 5, filterLength: 3, padding: .circular)
    let full = try PatchGeometry(channels: 2, length: 5, filterLength: 5, padding: .circular)
    let two = SquaredLoss(targets: random.normalMatrix(rows: 3, columns: 2))
    #expect(throws: ProgramError.self) {
      try CircularProgram(images: images, geometry: small, loss: loss, lambda: 1)
    }
    #expect(throws: ProgramError.self) {
      try CircularProgram(images: images, geometry: full, loss: two, lambda: 1)
    }
    #expect(throws: ProgramError.self) {
      try CircularProgram(
        images: random.normalTensor(shape: [3, 2, 1, 4]), geometry: full, loss: loss, lambda: 1)
    }
  }
}
