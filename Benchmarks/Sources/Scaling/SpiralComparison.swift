import ConvexCNN
import Foundation
import Reports
import Tensors

/// Three classes on a spiral, 20 points each, in two dimensions and a bias: dense networks.
///
/// The ReLU optimum with its proof, the copositive relaxation over all cells, and SGD from five seeds at several
/// widths. After the experiment in Sahiner, Ergen, Pauly & Pilanci, ICLR 2021; the points are drawn here.
struct SpiralComparison {
  /// Whether to train for a tenth of the epochs.
  let isQuick: Bool
  /// Where charts go.
  let figures: Figures

  /// Widths of the networks that SGD trains.
  private static let widths = [5, 10, 20, 50, 100, 300]

  /// One table per loss.
  func run() throws {
    let (points, classes) = Self.spiral()
    print("60 points on a spiral in three classes, two coordinates and a bias, seed 7\n")
    for name in ["squared", "softmax"] { try compare(points, classes, loss: name) }
  }

  /// Arms of a spiral, 20 points each, with noise in the angle.
  static func spiral() -> (points: Tensor, classes: [Int]) {
    var generator = SeededGenerator(seed: 7)
    var points = Tensor(shape: [60, 1, 1, 2])
    var classes: [Int] = []
    for i in 0..<60 {
      let (arm, radius) = (i / 20, Double(i % 20 + 1) / 20)
      let angle = 4 * (Double(arm) + radius) + 0.2 * generator.normal()
      points.elements[2 * i] = radius * sin(angle)
      points.elements[2 * i + 1] = radius * cos(angle)
      classes.append(arm)
    }
    return (points, classes)
  }

  private func compare(_ points: Tensor, _ classes: [Int], loss name: String) throws {
    let loss: any Loss
    if name == "squared" {
      var targets = Matrix(rows: 60, columns: 3)
      for (i, k) in classes.enumerated() { targets[i, k] = 1 }
      loss = SquaredLoss(targets: targets)
    } else {
      loss = SoftmaxLoss(classes: classes, count: 3)
    }
    let geometry = try PatchGeometry(length: 2, filterLength: 2, hasBias: true)
    var problem = try TrainingProblem(
      images: points, geometry: geometry, pooling: Pooling(parsing: "sum"), activation: .relu,
      loss: loss, lambda: 1, threads: Parallel.processorCount)
    problem.lambda = 0.01 * estimatedLambdaMax(problem)
    let ours = try CellGeneration(oracle: AngularSweep()).solve(
      problem, limits: SolveLimits(relativeGap: 1e-7, iterations: 1000, seconds: 120))
    let certificate = try Certifier(images: points, loss: loss, lambda: problem.lambda)
      .certify(ours.network, gates: nil, targetGap: 1e-6)
    let program = try CopositiveProgram(problem: problem)
    let relaxed = try CopositiveSolver().solve(
      program, network: ours.network,
      limits: SolveLimits(relativeGap: 1e-5, iterations: isQuick ? 500 : 5000, seconds: 120))
    print("### \(name) loss, lambda \(number(problem.lambda))\n")
    print("| network | objective | above the proven bound |")
    print("| --- | --: | --: |")
    let bound = certificate.lowerBound
    row("lower bound over all cells, \(certificate.bound.rawValue)", bound, bound)
    row(
      "copositive relaxation, proven below, \(program.cellCount) cells", relaxed.lowerBound, bound)
    row("cell generation, \(ours.network.neuronCount) neurons", certificate.objective, bound)
    var marks: [Chart.Series] = []
    for (position, width) in Self.widths.enumerated() {
      let values = try (0..<5).map { seed in
        try Baseline(
          settings: Baseline.Settings(
            optimizer: .sgd, width: width, epochs: isQuick ? 500 : 5000, batchSize: 10,
            learningRate: 0.05, momentum: 0.9, seed: UInt64(seed))
        ).train(problem, images: points).objective.total
      }.sorted()
      row("SGD, width \(width), best of 5", values[0], bound)
      row("SGD, width \(width), median", values[2], bound)
      row("SGD, width \(width), worst", values[4], bound)
      marks.append(
        Chart.Series(
          "width \(width)",
          values.map { Chart.Point(Double(position), max($0 / bound - 1, 1e-9)) }, style: .points))
    }
    print("")
    try figures.write(
      Chart(
        title: "SGD above the proven optimum, spiral, \(name) loss",
        summary: "Relative distance of five runs per width to the lower bound over all cells.",
        horizontal: Chart.Axis("neurons", categories: Self.widths.map { "\($0)" }),
        vertical: Chart.Axis("objective over bound, minus 1", scale: .logarithmic),
        series: marks), name: "spiral-\(name)")
  }

  private func row(_ name: String, _ value: Double, _ bound: Double) {
    print("| \(name) | \(number(value)) | \(String(format: "%.2e", value / bound - 1)) |")
  }

  private func number(_ value: Double) -> String { String(format: "%.8f", value) }
}
