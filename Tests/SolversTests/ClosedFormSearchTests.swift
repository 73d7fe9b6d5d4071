import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// Every closed form against cell generation and against local search: both reach its value to 1e-9, neither passes it.
struct ClosedFormSearchTests {
  /// A problem with a closed form, described by what it is made of.
  struct Case: Sendable, CustomTestStringConvertible {
    let family: ClosedForm.Family
    /// `[n, channels, height, width]`; filters are as large, or half as high for two patches.
    let shape: [Int]
    let outputs: Int
    var pooling = "sum"
    var patches = 1
    var testDescription: String { "\(family.rawValue) \(shape) \(outputs) \(pooling) \(patches)" }

    func problem() throws -> (problem: TrainingProblem, images: Tensor) {
      let (n, size) = (shape[0], shape[1] * shape[2] * shape[3])
      if family == .circular {
        return try WhitenedProblems.circular(shape, outputs: outputs, lambda: 0.1, isWhite: true)
      }
      let geometry = try geometry()
      var images = Tensor(shape: shape)
      if family == .linearColumns {
        images.elements = WhitenedProblems.orthonormalRows(size, n, seed: 2).transposed.elements
      } else {
        images = patchwise(
          WhitenedProblems.orthonormalRows(n * patches, size / patches, seed: 2), geometry)
      }
      var random = SeededGenerator(seed: 4)
      let targets =
        family == .whitened
        ? SquaredLoss(classes: (0..<n).map { $0 % outputs }, count: outputs).targets
        : random.normalMatrix(rows: n, columns: outputs)
      let problem = try TrainingProblem(
        images: images, geometry: geometry, pooling: Pooling(parsing: pooling),
        activation: family == .linearColumns || family == .linearRows ? .linear : .relu,
        loss: SquaredLoss(targets: targets), lambda: 0.3 / Double(n))
      return (problem, images)
    }

    private func geometry() throws -> PatchGeometry {
      guard shape[2] > 1 else {
        let length = shape[3] / patches
        return try PatchGeometry(
          channels: shape[1], length: shape[3], filterLength: length, stride: length)
      }
      let height = shape[2] / patches
      return try PatchGeometry(
        channels: shape[1], imageHeight: shape[2], imageWidth: shape[3], filterHeight: height,
        filterWidth: shape[3], stride: height)
    }

    /// Images whose patches, one below or behind the other, are the rows.
    private func patchwise(_ rows: Matrix, _ geometry: PatchGeometry) -> Tensor {
      var images = Tensor(shape: shape)
      let (fh, fw) = (geometry.filterHeight, geometry.filterWidth)
      for (r, e) in (0..<rows.elements.count).map({
        $0.quotientAndRemainder(dividingBy: rows.columns)
      }) {
        let (i, k) = r.quotientAndRemainder(dividingBy: patches)
        let (channel, tap) = e.quotientAndRemainder(dividingBy: fh * fw)
        let row = tap / fw + (shape[2] > 1 ? k * fh : 0)
        let column = tap % fw + (shape[2] > 1 ? 0 : k * fw)
        images.elements[((i * shape[1] + channel) * shape[2] + row) * shape[3] + column] =
          rows[r, e]
      }
      return images
    }
  }

  static let cases = [
    Case(family: .whitened, shape: [4, 1, 1, 16], outputs: 2, patches: 2),
    Case(family: .whitened, shape: [4, 2, 4, 2], outputs: 2, pooling: "none", patches: 2),
    Case(family: .whitened, shape: [6, 2, 2, 3], outputs: 3),
    Case(family: .whitenedScalar, shape: [3, 3, 1, 8], outputs: 1, patches: 2),
    Case(family: .whitenedScalar, shape: [4, 2, 4, 3], outputs: 1, pooling: "average", patches: 2),
    Case(family: .whitenedScalar, shape: [4, 1, 4, 3], outputs: 1, pooling: "max"),
    Case(family: .linearColumns, shape: [9, 1, 1, 6], outputs: 2, patches: 2),
    Case(family: .linearColumns, shape: [9, 2, 1, 4], outputs: 1, pooling: "none", patches: 2),
    Case(family: .linearColumns, shape: [13, 3, 2, 2], outputs: 3, pooling: "none", patches: 2),
    Case(family: .linearRows, shape: [4, 1, 1, 7], outputs: 3),
    Case(family: .linearRows, shape: [5, 2, 2, 3], outputs: 2),
    Case(family: .circular, shape: [8, 1, 1, 6], outputs: 1),
    Case(family: .circular, shape: [12, 1, 3, 4], outputs: 1),
    Case(family: .circular, shape: [9, 2, 1, 4], outputs: 1),
    Case(family: .circular, shape: [13, 3, 2, 2], outputs: 1),
    Case(family: .circular, shape: [9, 1, 2, 4], outputs: 3),
  ]

  @Test(arguments: cases)
  func cellGenerationReachesTheValue(test: Case) throws {
    let (problem, _) = try test.problem()
    let form = try ClosedForm(of: problem)
    #expect(form.family == test.family)
    #expect(form.verdict == .exact)
    #expect(try #require(form.network).neuronCount > 0)
    let run = try CellGeneration().solve(
      problem, limits: SolveLimits(relativeGap: 1e-12, iterations: 400, seconds: 600))
    #expect(abs(run.objective.total - form.value) <= 1e-9 * form.value)
  }

  @Test(arguments: cases)
  func bestLocalSearchReachesTheValue(test: Case) throws {
    let (problem, images) = try test.problem()
    let form = try ClosedForm(of: problem)
    let objectives = try (0..<8 as Range<UInt64>).map { seed in
      try Baseline(settings: .init(optimizer: .lbfgs, width: 12, epochs: 3000, seed: seed))
        .train(problem, images: images).objective.total
    }
    let best = try #require(objectives.min())
    #expect(best >= form.value * (1 - 1e-13))
    #expect(best <= form.value * (1 + 1e-9))
  }
}
