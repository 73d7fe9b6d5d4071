import BenchmarkSupport
import ConvexCNN
import Foundation

/// Gated training from disk within 2 GiB: processor time against samples at fixed accuracy, and largest resident memory.
///
/// Synthetic digits, 5 x 5 filters, 3 x 3 average windows, 16 gates, `lambda = 0.01 lambdaMax`: squared loss to a relative gap of
/// 1e-4, softmax to 1e-2. Features are kept as the program chooses, or as named.
struct MemoryScaling {
  let isQuick: Bool
  /// Where the samples go; they are left there.
  let folder: String

  private static let limit = 2 << 30

  func run() throws {
    let largest = isQuick ? 7500 : 60_000
    var counts: [Int] = []
    for count in [1875, 3750, 7500, 15_000, 30_000, 60_000] where count <= largest {
      try SyntheticDigits().write(count, to: "\(folder)/\(count)")
      counts.append(count)
    }
    print("samples are in \(folder); limit \(ByteCount(Self.limit))")
    try sweep("squared", nil, gap: 1e-4, counts)
    try sweep("softmax", nil, gap: 1e-2, counts.filter { $0 <= 30_000 })
    try sweep("softmax", .float, gap: 1e-2, counts.filter { $0 <= 15_000 })
    try sweep("squared", .streamed, gap: 1e-1, counts.filter { $0 <= 15_000 })
  }

  private func sweep(
    _ loss: String, _ features: FeatureStorage?, gap: Double, _ counts: [Int]
  ) throws {
    let kept = features?.rawValue ?? "auto"
    let folder = folder
    let sweep = Sweep(
      "gated training from disk", "samples, \(loss), gap \(gap), features \(kept)",
      quantity: "samples n", setting: "synthetic digits, 5x5 filters, 16 gates",
      counters: ["steps", "neurons"], quick: counts
    ) { count in
      let data = try DatasetLoader(isSignal: false).open(
        images: "\(folder)/\(count)/images.npy", labels: "\(folder)/\(count)/labels.npy",
        memory: Self.limit)
      var configuration = TrainingConfiguration(filter: FilterSize(height: 5, width: 5))
      (configuration.activation, configuration.loss) = (.gated, loss)
      (configuration.cells, configuration.pooling) = (.sample(16), "average:3x3")
      configuration.gap = gap
      let trainer = Trainer(configuration: configuration)
      return {
        var steps = 0
        let result = try trainer.train(
          streaming: StreamedData(train: data),
          memory: MemorySettings(limit: Self.limit, features: features),
          observer: { steps = $0.iteration }
        ).result
        let phases = result.phases.map { String(format: "%@ %.1f s", $0.name, $0.seconds) }
        return Sweep.Reading(
          [steps, result.neuronCount],
          reached: String(
            format: "%@, gap %.1e, %.0f MB so far; %@", result.features.value ?? "",
            result.relativeGap.value ?? .nan, Clocks.peakMegabytes,
            phases.joined(separator: ", ")))
      }
    }
    _ = try SweepRunner(isQuick: isQuick, progress: ScalingRun.show).run(sweep)
  }
}
