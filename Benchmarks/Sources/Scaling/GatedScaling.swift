import ConvexCNN
import Convolutions
import Foundation
import Tensors

/// Whole gated training to a proven gap of 0.1 %, against every size, and what a second thread brings.
///
/// Random waves with noise, 3 x 3 filters, sum pooling, squared loss, `lambda = 0.02 lambdaMax`. Output `k` is a smooth function
/// of the rates of the two waves. Time is processor time of all threads, certificate included.
struct GatedScaling {
  let isQuick: Bool

  /// The sizes of one training.
  private struct Size {
    var samples = 500
    var side = 12
    var outputs = 1
    var windows = "1x1"
    var gates = 32
  }

  func run() throws {
    print("## Scaling of gated training, \(Parallel.processorCount) threads\n")
    var laws: [String] = []
    func sweep(
      _ name: String, _ values: [Int], _ change: @escaping (inout Size, Int) -> Void
    ) throws {
      let kept = isQuick ? Array(values.prefix(4)) : values
      laws.append(
        try ScalingSweep(name: name, counters: ["steps", "neurons"]).run(kept) { value in
          var size = Size()
          change(&size, value)
          return try measure(size, value)
        }.law)
    }
    try sweep("samples n", [250, 500, 1000, 2000, 4000, 8000]) { $0.samples = $1 }
    try sweep("positions K", [49, 100, 196, 400, 784, 1600]) {
      $0.side = Int(Double($1).squareRoot().rounded()) + 2
    }
    try sweep("outputs c", [1, 2, 4, 8, 16]) { $0.outputs = $1 }
    try sweep("windows a", [1, 4, 9, 25]) {
      let side = Int(Double($1).squareRoot().rounded())
      $0.windows = "\(side)x\(side)"
    }
    try sweep("gates P", [8, 16, 32, 64, 128, 256]) { $0.gates = $1 }
    print("\n### Laws of gated training\n\n| against | law |\n| --- | --- |")
    for law in laws { print(law) }
    try compareThreads()
  }

  private func measure(_ size: Size, _ value: Int) throws -> ScalingSweep.Point {
    let data = dataset(size)
    var steps = 0
    let (result, seconds) = try ScalingSweep.processorSeconds {
      try trainer(size).train(on: data, observer: { steps = $0.iteration }).result
    }
    return ScalingSweep.Point(
      x: Double(value), counters: [steps, result.neuronCount], seconds: seconds,
      reached: String(format: "gap %.1e", result.relativeGap.value ?? .nan))
  }

  /// Wall time of one training with one thread and with two, alternated.
  private func compareThreads() throws {
    let size = Size(samples: isQuick ? 1000 : 4000, outputs: 4, windows: "2x2", gates: 64)
    let data = dataset(size)
    var ratios: [Double] = []
    print("\n### Threads\n\n| seconds with 1 thread | with 2 | ratio |\n| --: | --: | --: |")
    for _ in 0..<3 {
      let times = try [1, 2].map { threads in
        let start = Clocks.wall
        _ = try trainer(size, threads: threads).train(on: data)
        return Clocks.wall - start
      }
      ratios.append(times[0] / times[1])
      print(String(format: "| %.2f | %.2f | %.2f |", times[0], times[1], times[0] / times[1]))
    }
    print(String(format: "\nmedian ratio %.2f", ratios.sorted()[1]))
  }

  private func trainer(_ size: Size, threads: Int = Parallel.processorCount) -> Trainer {
    var configuration = TrainingConfiguration(filter: FilterSize(height: 3, width: 3))
    (configuration.activation, configuration.cells) = (.gated, .sample(size.gates))
    (configuration.pooling, configuration.strength) = ("sum:\(size.windows)", .ratio(0.02))
    configuration.gap = 1e-3
    return Trainer(configuration: configuration, threads: threads)
  }

  private func dataset(_ size: Size) -> Dataset {
    let (images, rates) = ScalingProblems.waveImages(
      samples: size.samples, size: size.side, seed: 5)
    var targets = Matrix(rows: size.samples, columns: size.outputs)
    for (i, (a, b)) in rates.enumerated() {
      for k in 0..<size.outputs {
        let turn = Double(k) * 0.7
        targets[i, k] = sin(cos(turn) * a + sin(turn) * b)
      }
    }
    return Dataset(
      train: LabeledDataset(
        name: "waves", images: images, isSignal: false, labels: .regression(targets),
        classNames: []), test: nil)
  }
}
