import ConvexCNN
import Foundation

/// A certified regularization path beside solves from nothing at the same strengths, in one run.
///
/// Solves of single strengths are `Trainer.train` with the same gap; every third strength stands for its neighbors.
struct PathScaling {
  /// Whether to compare at fewer strengths.
  let isQuick: Bool

  /// Strengths of the path, and its last over its first.
  private var range: (count: Int, ratio: Double) { isQuick ? (10, 0.3) : (30, 0.1) }

  /// One line per network.
  func run() throws {
    print("\(range.count) strengths down to \(range.ratio) lambdaMax, gap 1e-3 proven at each\n")
    print(
      "| network | path s | solves s, every third | estimated for all | ratio | searches | cones |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    var relu = TrainingConfiguration(filter: FilterSize(height: 2, width: 2))
    (relu.pooling, relu.loss) = ("sum", "logistic")
    try compare("relu, logistic", relu)
    relu.loss = "squared"
    try compare("relu, squared", relu)
    var gated = relu
    (gated.activation, gated.cells) = (.gated, .sample(200))
    try compare("gated, 200 gates, squared", gated)
  }

  private func compare(_ name: String, _ configuration: TrainingConfiguration) throws {
    let parts = try BundledDataset.digitsParity.load()
    let data = Dataset(train: parts.train, test: parts.test)
    var settings = PathSettings()
    (settings.pointCount, settings.minimumRatio) = (range.count, range.ratio)
    let trainer = Trainer(configuration: configuration)
    let clock = ContinuousClock()
    func seconds(_ work: () throws -> Void) rethrows -> Double {
      let start = clock.now
      try work()
      return (clock.now - start) / .seconds(1)
    }
    // Path, half of the solves, path again, the other half: changes of load hit both.
    var study: PathStudy?
    var (paths, solves): ([Double], [Double]) = ([], [])
    for half in 0..<2 {
      paths.append(try seconds { study = try trainer.path(on: data, settings: settings).study })
      let strengths = (study?.points ?? []).dropFirst().compactMap(\.lambda.value)
      for k in stride(from: 1 + 3 * half, to: strengths.count, by: 6) {
        var single = configuration
        single.strength = .lambda(strengths[k])
        solves.append(
          try seconds { _ = try Trainer(configuration: single).train(on: data) })
      }
    }
    guard let study, !solves.isEmpty else { return }
    let path = paths.reduce(0, +) / Double(paths.count)
    let sum = solves.reduce(0, +)
    let all = sum * Double(range.count - 1) / Double(solves.count)
    let open = study.openPoints.count
    print(
      "| \(name)\(open == 0 ? "" : ", \(open) not proven") | " + String(format: "%.1f", path)
        + String(format: " | %.1f (%d) | %.1f | %.1f |", sum, solves.count, all, all / path)
        + " \(study.searchCount) | \(study.searchedNodeCount) |")
  }
}
