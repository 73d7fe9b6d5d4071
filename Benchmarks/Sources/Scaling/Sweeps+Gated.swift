import BenchmarkSupport
import ConvexCNN
import Tensors

/// Whole gated training to a proven gap of 0.1 %.
///
/// Random waves with noise, sum pooling, squared loss, `lambda = 0.02 lambdaMax`; certificate included.
struct GatedTask: Sendable {
  var samples = 500
  var side = 12
  var filter = 3
  var outputs = 1
  var windows = "1x1"
  var gates = 32
  var threads = Parallel.processorCount

  /// The training, with its data made.
  func work() -> Sweep.Work {
    let (images, rates) = ScalingProblems.waveImages(samples: samples, size: side, seed: 5)
    let targets = ScalingProblems.waveTargets(rates, outputs: outputs)
    let data = Dataset(
      train: LabeledDataset(
        name: "waves", images: images, isSignal: false, labels: .regression(targets),
        classNames: []), test: nil)
    var configuration = TrainingConfiguration(
      filter: FilterSize(height: filter, width: filter))
    (configuration.activation, configuration.cells) = (.gated, .sample(gates))
    (configuration.pooling, configuration.strength) = ("sum:\(windows)", .ratio(0.02))
    configuration.gap = 1e-3
    let trainer = Trainer(configuration: configuration, threads: threads)
    return {
      var steps = 0
      let result = try trainer.train(on: data, observer: { steps = $0.iteration }).result
      return Sweep.Reading(
        [steps, result.neuronCount],
        reached: result.relativeGap.value.map { String(format: "gap %.1e", $0) } ?? "no gap")
    }
  }
}

extension Sweeps {
  private static func root(_ value: Int) -> Int { Int(Double(value).squareRoot().rounded()) }

  /// Gated training against every size.
  static var gated: [Sweep] {
    func sweep(
      _ name: String, _ quick: [Int], _ full: [Int],
      scale: @escaping @Sendable (Int) -> Double = { Double($0) },
      _ change: @escaping @Sendable (inout GatedTask, Int) -> Void
    ) -> Sweep {
      Sweep(
        "gated-training", name,
        setting:
          "500 waves of 12 x 12, 3x3, one output, one window, 32 gates unless varied; to a proven gap of 0.1 %",
        counters: ["steps", "neurons"], quick: quick, full: full, scale: scale
      ) { value in
        var task = GatedTask()
        change(&task, value)
        return task.work()
      }
    }
    return [
      sweep("samples n", [250, 500, 1000, 2000, 4000], [250, 500, 1000, 2000, 4000, 8000, 16_000]) {
        $0.samples = $1
      },
      sweep("positions K", [49, 100, 196, 400, 784], [49, 100, 196, 400, 784, 1600, 3136]) {
        $0.side = root($1) + 2
      },
      sweep("outputs c", [1, 2, 4, 8, 16], [1, 2, 4, 8, 16, 32]) { $0.outputs = $1 },
      sweep("windows a", [1, 4, 9, 25], [1, 4, 9, 25, 100]) {
        $0.windows = "\(root($1))x\(root($1))"
      },
      sweep("gates P", [8, 16, 32, 64, 128], [8, 16, 32, 64, 128, 256, 512]) { $0.gates = $1 },
      sweep("patch dimension h", [4, 9, 16, 25, 36], [4, 9, 16, 25, 36, 49, 64]) {
        ($0.filter, $0.side) = (root($1), 9 + root($1))
      },
    ]
  }
}
