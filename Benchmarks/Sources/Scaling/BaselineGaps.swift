import ConvexCNN
import Foundation
import Reports

/// How far Adam, SGD and L-BFGS stop from the global optimum, with proof, beside networks trained here.
///
/// Every gap of a problem is to the same lower bound: the best that any of its networks proves.
struct BaselineGaps {
  /// Whether to give the baselines a tenth of the epochs.
  let isQuick: Bool
  /// Where charts go.
  let figures: Figures

  /// One line per method and problem: objectives and certified gaps over five seeds, and seconds.
  func run() throws {
    print("5 seeds, width 64; gap = (objective - lower bound) / objective, proven over all cells")
    var parity = TrainingConfiguration(filter: FilterSize(height: 2, width: 2))
    parity.pooling = "sum"
    parity.loss = "squared"
    parity.strength = .ratio(0.05)
    try compare(
      "digits-parity, 2x2 filters, sum pooling, squared loss, ratio 0.05", .digitsParity, parity,
      rate: 0.001, figure: "gaps-digits-parity")
    guard var waveform = FilterSize(rawValue: "3").map(TrainingConfiguration.init(filter:)) else {
      return
    }
    waveform.pooling = "average:1x2"
    waveform.loss = "squared"
    waveform.strength = .ratio(0.01)
    try compare(
      "waveform, filters of length 3, average over 2 windows, squared loss, ratio 0.01", .waveform,
      waveform, rate: 0.01, figure: "gaps-waveform")
  }

  private func compare(
    _ title: String, _ dataset: BundledDataset, _ configuration: TrainingConfiguration,
    rate: Double, figure: String
  ) throws {
    let parts = try dataset.load()
    let data = Dataset(train: parts.train, test: parts.test)
    let trainer = Trainer(configuration: configuration, maximumSeconds: 300)
    let clock = ContinuousClock()
    let start = clock.now
    let (model, ours) = try trainer.train(on: data)
    let seconds = (clock.now - start).inSeconds
    print("\n\(title), lambda \(number(ours.lambda, "%.6g"))")
    print(
      "method                neurons    best objective   best gap  median gap  worst gap   s/run")
    show(
      "ccnn train", neurons: ours.neuronCount, objective: ours.objective,
      gaps: [ours.relativeGap.value ?? 1], seconds: seconds)
    var bounds = [ours.lowerBound.value ?? 0]
    var marks = [("ccnn train", [ours.relativeGap.value ?? 1])]
    for settings in methods(rate: rate) {
      let (study, _) = try trainer.baseline(
        on: data, settings: settings, seedCount: 5, certifies: true, reference: model)
      guard let bound = study.lowerBound.value else { continue }
      bounds.append(bound)
      marks.append((settings.optimizer.rawValue, study.runs.compactMap(\.relativeGap.value)))
      show(
        "\(settings.optimizer.rawValue), \(settings.epochs) epochs",
        neurons: study.runs.map(\.neuronCount).max() ?? 0, objective: study.best,
        gaps: study.runs.compactMap(\.relativeGap.value),
        seconds: study.runs.reduce(0) { $0 + $1.seconds } / Double(study.runs.count))
    }
    let spread = (bounds.max() ?? 0) - (bounds.min() ?? 0)
    print(
      String(format: "lower bound %.10f (%@), ", bounds.max() ?? 0, ours.bound)
        + String(format: "differing by %.1e between lines", spread))
    try figures.write(Self.chart(title, marks), name: figure)
  }

  /// One column per method and one mark per seed.
  private static func chart(_ title: String, _ marks: [(name: String, gaps: [Double])]) -> Chart {
    let series = marks.enumerated().map { column, mark in
      let points = mark.gaps.enumerated().map { seed, gap in
        // Marks side by side, so that equal gaps are seen as several.
        Chart.Point(Double(column) + 0.06 * (Double(seed) - Double(mark.gaps.count - 1) / 2), gap)
      }
      return Chart.Series(mark.name, points, style: .points)
    }
    let words = marks.map { mark in
      "\(mark.name): " + mark.gaps.map { String(format: "%.1e", $0) }.joined(separator: ", ")
    }
    return Chart(
      title: "Proven gaps to the global optimum",
      summary: "\(title). " + words.joined(separator: "; "),
      horizontal: Chart.Axis("5 seeds each, one of ccnn train", categories: marks.map(\.name)),
      vertical: Chart.Axis("relative gap", scale: .logarithmic), series: series)
  }

  /// The baselines; `rate` is the step size of SGD, the largest of 0.01, 0.003, 0.001 that did not diverge.
  private func methods(rate: Double) -> [Baseline.Settings] {
    let scale = isQuick ? 10 : 1
    return [
      Baseline.Settings(
        optimizer: .adam, width: 64, epochs: 1000 / scale, batchSize: 100, learningRate: 0.01),
      Baseline.Settings(
        optimizer: .sgd, width: 64, epochs: 1000 / scale, batchSize: 100, learningRate: rate,
        momentum: 0.9),
      Baseline.Settings(optimizer: .lbfgs, width: 64, epochs: 2000 / scale),
    ]
  }

  private func show(
    _ name: String, neurons: Int, objective: Finite, gaps: [Double], seconds: Double
  ) {
    let sorted = gaps.sorted()
    guard let least = sorted.first, let most = sorted.last else { return }
    print(
      name.padding(toLength: 20, withPad: " ", startingAt: 0)
        + String(format: "%9d", neurons) + "  " + number(objective, "%16.10f")
        + String(
          format: "%11.2e%12.2e%11.2e%8.1f", least, sorted[sorted.count / 2], most, seconds))
  }

  private func number(_ value: Finite, _ format: String) -> String {
    value.value.map { String(format: format, $0) } ?? "-"
  }
}

extension Duration {
  fileprivate var inSeconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}
