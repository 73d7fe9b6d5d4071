import BenchmarkSupport
import ConvexCNN
import Foundation

/// Processor time to train ReLU networks over given cells, against samples and cells, with the proven gap.
///
/// Parity of the bundled digits, sum pooling, squared loss, lambda 0.01, gap 1e-6, Gaussian gates, one thread; a run is
/// `Trainer.train` with sampling, certificate and evaluation.
struct GivenCellsScaling {
  /// Whether to stop at smaller sizes.
  let isQuick: Bool

  /// A table over samples, over cells, and dense filters at last.
  func run() throws {
    print("| filter | samples | cells | rows per cell | CPU s | objective | proven gap | neurons |")
    print("| --- | --: | --: | --: | --: | --: | --: | --: |")
    let all = try BundledDataset.digitsParity.load().train
    let samples = isQuick ? [150, 300] : [180, 360, 720, 1438]
    let cells = isQuick ? [25, 50] : [25, 50, 100, 200, 400, 800]
    let small = FilterSize(height: 3, width: 3)
    let bySamples = try samples.map { n in
      (x: Double(n), y: try measure(small, all, samples: n, cells: 50))
    }
    let byCells = try cells.map { count in
      (x: Double(count), y: try measure(small, all, samples: 360, cells: count))
    }
    _ = try measure(FilterSize(height: 8, width: 8), all, samples: 360, cells: isQuick ? 20 : 90)
    print("\nexponent in samples \(ScalingFit(.power, bySamples)?.text ?? ""), ", terminator: "")
    print("in cells \(ScalingFit(.power, byCells)?.text ?? "")")
    print(String(format: "largest resident memory %.0f MB", Clocks.peakMegabytes))
  }

  /// Processor seconds of a run, which is printed.
  private func measure(
    _ filter: FilterSize, _ all: LabeledDataset, samples n: Int, cells count: Int
  ) throws -> Double {
    var flags = TrainingConfiguration(filter: filter)
    (flags.cells, flags.gates, flags.pooling) = (.sample(count), .gaussian, "sum")
    (flags.loss, flags.strength, flags.gap) = ("squared", .lambda(0.01), 1e-6)
    let train = all.selecting(Array(0..<n), name: "digits")
    let start = Clocks.processor
    let result = try Trainer(configuration: flags, threads: 1).train(on: Dataset(train: train))
      .result
    let seconds = Clocks.processor - start
    let patches = try PatchSet(
      images: train.images, geometry: flags.geometry(on: Array(train.images.shape.dropFirst()))
    ).patches
    let lines = try CentralArrangement(normals: patches).essential.lineCount
    print(
      "| \(filter.rawValue) | \(n) | \(count) | \(lines) | "
        + String(format: "%.2f | %.9f | ", seconds, result.objective.value ?? .nan)
        + String(format: "%.1e | \(result.neuronCount) |", result.relativeGap.value ?? .nan))
    return seconds
  }
}
