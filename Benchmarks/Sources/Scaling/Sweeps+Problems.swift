import BenchmarkSupport
import ConvexCNN

/// A way to make a problem larger, for pricing and for training.
struct ProblemShape: Sendable {
  let name: String
  let setting: String
  var growth = Sweep.Growth.linear
  let quick: [Int]
  let full: [Int]
  /// Whether the quantity is the number of neurons found.
  var isNeurons = false
  /// The problems of a value, all of the same size; times are sums.
  let problems: @Sendable (Int) throws -> [TrainingProblem]
}

extension Sweeps {
  /// Several draws of waves of one size.
  private static func draws(
    _ count: Int, samples: Int, side: Int, outputs: Int = 1, pooling: String = "sum"
  ) throws -> [TrainingProblem] {
    try (0..<count).map {
      try ScalingProblems.waves(
        samples: samples, size: side, filter: (2, 2), outputs: outputs, pooling: pooling,
        seed: 11 + UInt64($0))
    }
  }

  /// Several tasks on the same digits.
  private static func digits(_ samples: Int, _ filter: (Int, Int)) throws -> [TrainingProblem] {
    try ScalingProblems.DigitTask.allCases.map {
      try ScalingProblems.digits(samples: samples, filter: filter, task: $0)
    }
  }

  /// Every size of a problem that pricing and training meet.
  static let shapes = [
    ProblemShape(
      name: "samples n", setting: "3 tasks on digits, 2x2, sum pooling",
      quick: [90, 180, 360, 720, 1438], full: [90, 127, 180, 255, 360, 509, 720, 1018, 1438]
    ) { try digits($0, (2, 2)) },
    ProblemShape(
      name: "samples n, 1x3", setting: "3 tasks on digits, 1x3, sum pooling",
      quick: [90, 180, 360, 720, 1438], full: [90, 127, 180, 255, 360, 509, 720, 1018, 1438]
    ) { try digits($0, (1, 3)) },
    ProblemShape(
      name: "positions K", setting: "3 draws of 20 waves, 2x2, sum pooling",
      quick: [49, 121, 225, 529], full: [49, 81, 121, 169, 225, 361, 529, 961, 2025]
    ) { try draws(3, samples: 20, side: Int(Double($0).squareRoot().rounded()) + 1) },
    ProblemShape(
      name: "outputs c", setting: "3 draws of 40 waves of 8 x 8, 2x2, sum pooling",
      quick: [1, 2, 4, 8], full: [1, 2, 3, 4, 6, 8, 12, 16]
    ) { try draws(3, samples: 40, side: 8, outputs: $0) },
    ProblemShape(
      name: "windows a", setting: "3 draws of 20 waves of 13 x 13, 2x2, sums over windows",
      quick: [1, 2, 4, 9], full: [1, 2, 4, 6, 9, 16, 36]
    ) {
      let grids = [1: "1x1", 2: "1x2", 4: "2x2", 6: "2x3", 9: "3x3", 16: "4x4", 36: "6x6"]
      return try draws(3, samples: 20, side: 13, pooling: "sum:\(grids[$0] ?? "1x1")")
    },
    ProblemShape(
      name: "patch dimension h", setting: "100 digits by parity, 1xh, sum pooling",
      growth: .exponential, quick: [2, 3, 4, 5], full: [2, 3, 4, 5, 6]
    ) { [try ScalingProblems.digits(samples: 100, filter: (1, $0))] },
    ProblemShape(
      name: "filter rank r", setting: "100 digits by parity, 3x3, sum pooling, filters of rank r",
      growth: .exponential, quick: [2, 3, 4, 5], full: [2, 3, 4, 5]
    ) {
      let whole = try ScalingProblems.digits(samples: 100, filter: (3, 3))
      return [try FilterSubspace(rank: $0, of: whole).restricted(whole)]
    },
  ]

  /// Smaller and smaller strengths, with more and more neurons.
  static let filtersFound = ProblemShape(
    name: "filters found",
    setting: "180 digits by parity, 1x3, sum pooling; lambda is the value / 1000 of lambdaMax",
    quick: [500, 200, 80, 30, 12], full: [500, 300, 200, 120, 80, 50, 30, 20, 12, 8, 5],
    isNeurons: true
  ) { value in
    var problem = try ScalingProblems.digits(samples: 180, filter: (1, 3))
    problem.lambda *= Double(value) / 50
    return [problem]
  }
}
