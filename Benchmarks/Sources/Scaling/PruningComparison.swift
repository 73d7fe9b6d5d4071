import ConvexCNN
import Foundation
import Reports

/// Held-out accuracy and objective of one optimal network after pruning to fewer neurons in four ways.
struct PruningComparison {
  /// Whether to stop training early.
  let isQuick: Bool
  /// Where charts go.
  let figures: Figures

  /// One table per data set.
  func run() throws {
    var parity = TrainingConfiguration(filter: FilterSize(height: 2, width: 2))
    parity.pooling = "sum"
    try compare("digits-parity, 2x2, sum pooling", .digitsParity, parity, name: "pruning-parity")
    var digits = TrainingConfiguration(filter: FilterSize(height: 3, width: 3))
    digits.pooling = "average:2x2"
    digits.bias = true
    try compare(
      "digits, 3x3 and a bias, average pooling 2x2", .digits, digits, name: "pruning-digits")
  }

  private func compare(
    _ title: String, _ set: BundledDataset, _ flags: TrainingConfiguration, name: String
  ) throws {
    var flags = flags
    (flags.strength, flags.gap) = (.ratio(0.02), 1e-3)
    let (train, test) = try set.load()
    let data = Dataset(train: train, test: test)
    let (model, result) = try Trainer(
      configuration: flags, maximumSeconds: isQuick ? 20 : 120
    ).train(on: data)
    print("### \(title)\n")
    print(
      "Trained to a proven gap of \(text(result.relativeGap.value, "%.1e")), "
        + "\(result.neuronCount) neurons.\n")
    print("| neurons | method | objective | train accuracy | test accuracy | test loss |")
    print("| --: | --- | --: | --: | --: | --: |")
    let full = model.network.neuronCount
    var counts = [full]
    while let last = counts.last, last > 1 { counts.append(last * 3 / 4) }
    var marks = Pruning.Method.allCases.map { (name: $0.rawValue, points: [Chart.Point]()) }
    for count in counts.reversed() {
      let (_, pruned) = try model.pruned(
        on: data, PruningRequest(neurons: count, compares: true), effort: .withoutSearch)
      for (index, row) in pruned.comparisons.enumerated() {
        print(
          "| \(count) | \(row.method) | \(text(row.objective.value, "%.6f")) | "
            + "\(text(row.trainAccuracy.value, "%.4f")) | \(text(row.testAccuracy.value, "%.4f")) | "
            + "\(text(row.testLoss.value, "%.4f")) |")
        if let accuracy = row.testAccuracy.value {
          marks[index].points.append(Chart.Point(Double(count), accuracy))
        }
      }
    }
    print("")
    try figures.write(
      Chart(
        title: "Held-out accuracy after pruning, \(title)",
        summary: "Accuracy on the test part against the number of neurons left, four methods.",
        horizontal: Chart.Axis("neurons", scale: .logarithmic),
        vertical: Chart.Axis("test accuracy"),
        series: marks.map { Chart.Series($0.name, $0.points) }), name: name)
  }

  private func text(_ value: Double?, _ format: String) -> String {
    value.map { String(format: format, $0) } ?? "-"
  }
}
