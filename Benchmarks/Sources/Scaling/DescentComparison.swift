import ConvexCNN
import Foundation

/// Cell generation against L-BFGS from random starts: the objective each reaches on the same problem.
///
/// Digits by parity, 2x2 filters, sum pooling, squared loss, three strengths. Times are wall seconds of this run.
enum DescentComparison {
  static func run(isQuick: Bool) throws {
    let (train, _) = try BundledDataset.digitsParity.load()
    let geometry = try PatchGeometry(
      imageHeight: 8, imageWidth: 8, filterHeight: 2, filterWidth: 2)
    var problem = try TrainingProblem(
      images: train.images, geometry: geometry, pooling: Pooling(.sum), activation: .relu,
      loss: try train.labels.loss(named: "squared"), lambda: 1,
      threads: Parallel.processorCount)
    let lambdaMax = estimatedLambdaMax(problem)
    let seeds = isQuick ? 3 : 20
    print("digits-parity, 2x2 filters, sum pooling, squared loss, lambdaMax \(lambdaMax) by ascent")
    print("L-BFGS: width 64, at most 500 iterations, \(seeds) seeds")
    print(
      "ratio    cell generation  neurons  seconds    best L-BFGS  median L-BFGS  seconds/seed  ours/best"
    )
    for ratio in [0.1, 0.03, 0.01] {
      problem.lambda = ratio * lambdaMax
      let clock = ContinuousClock()
      var ours: CellGeneration.Result?
      let ourTime = try clock.measure {
        ours = try CellGeneration().solve(
          problem, limits: SolveLimits(relativeGap: 1e-4, seconds: isQuick ? 30 : 120))
      }
      var objectives: [Double] = []
      let theirTime = try clock.measure {
        for seed in 0..<seeds {
          let settings = Baseline.Settings(
            optimizer: .lbfgs, width: 64, epochs: 500, seed: UInt64(seed))
          let result = try Baseline(settings: settings).train(problem, images: train.images)
          objectives.append(result.objective.total)
        }
      }
      objectives.sort()
      guard let ours, let best = objectives.first else { continue }
      print(
        String(
          format: "%5.2f  %17.10f  %7d  %7.1f  %13.10f  %13.10f  %12.1f  %9.6f", ratio,
          ours.objective.total, ours.network.neuronCount, ourTime.inSeconds, best,
          objectives[objectives.count / 2], theirTime.inSeconds / Double(seeds),
          ours.objective.total / best))
    }
  }
}

extension Duration {
  fileprivate var inSeconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}
