import ConvexPrograms
import Solvers
import Tensors

extension PathStudy.Selection {
  /// The choice among points from their validation losses.
  ///
  /// - Parameters:
  ///   - settings: What to select by, and the rule.
  ///   - losses: Mean validation loss of each point, largest strength first.
  ///   - errors: Standard error of each.
  ///   - strengths: Strength of each.
  init?(
    _ settings: PathSettings, losses: [Double], errors: [Double], strengths: [Double]
  ) {
    guard let selection = settings.selection,
      let least = losses.indices.min(by: { losses[$0] < losses[$1] })
    else { return nil }
    let kind =
      switch selection {
      case .heldOut: "held-out"
      case .crossValidation(let folds): "cv:\(folds)"
      }
    // Largest strengths come first.
    let simple = losses.indices.first { losses[$0] <= losses[least] + errors[least] } ?? least
    let chosen = settings.rule == .minimum ? least : simple
    self.init(
      kind: kind, rule: settings.rule.rawValue, losses: losses, standardErrors: errors,
      minimum: least, oneStandardError: simple, chosen: chosen, lambda: strengths[chosen])
  }
}

extension Model {
  /// The loss of each sample.
  func sampleLosses(on data: LabeledDataset, threads: Int) throws -> [Double] {
    let predictions = try predictions(of: data.images, backend: .im2col, threads: threads)
    let loss = try data.labels.loss(named: lossName)
    let count = Double(loss.sampleCount)
    return predictions.elements.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return [] }
      return (0..<loss.sampleCount).map { i in
        count
          * loss.value(
            samples: i..<i + 1, predictions: base + i * predictions.columns, gradient: nil)
      }
    }
  }
}

extension Array where Element == Double {
  /// The mean.
  var mean: Double { reduce(0, +) / Double(Swift.max(1, count)) }

  /// The standard error of the mean; 0 for fewer than two numbers.
  var standardError: Double {
    guard count > 1 else { return 0 }
    let mean = mean
    let variance = reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count - 1)
    return (variance / Double(count)).squareRoot()
  }
}

extension LabeledDataset {
  /// The samples in parts of nearly equal size, classes spread evenly, by a seed.
  ///
  /// - Parameters:
  ///   - count: Number of parts, at least 2.
  ///   - seed: Seed of the choice.
  /// - Returns: For each part, the other samples to train on and its own to validate on, in their original order.
  /// - Throws: `InputError` when there are fewer samples than parts.
  public func folds(_ count: Int, seed: UInt64) throws -> [Dataset] {
    guard count >= 2, sampleCount >= count else {
      throw InputError(
        .usage, "--select cv:\(count)", expected: "2 to \(sampleCount) folds, one sample in each",
        found: "\(count)", advice: "Choose another number of folds.")
    }
    var generator = SeededGenerator(seed: seed)
    let classes = labels.classIndices ?? [Int](repeating: 0, count: sampleCount)
    let groups = Dictionary(grouping: classes.indices) { classes[$0] }
    var fold = [Int](repeating: 0, count: sampleCount)
    var next = 0
    for (_, group) in groups.sorted(by: { $0.key < $1.key }) {
      for p in generator.permutation(group.count) {
        fold[group[p]] = next % count
        next += 1
      }
    }
    return (0..<count).map { part in
      Dataset(
        train: selecting(fold.indices.filter { fold[$0] != part }, name: "\(name) without \(part)"),
        test: selecting(fold.indices.filter { fold[$0] == part }, name: "\(name) part \(part)"))
    }
  }
}

extension PathRun {
  /// Validation losses of cross-validation: mean and standard error over the folds, at each strength.
  ///
  /// Standardization, gates and networks of a fold see its training part only.
  ///
  /// - Returns: Losses at the leading strengths that every fold reached in time.
  static func crossValidation(
    _ trainer: Trainer, _ data: LabeledDataset, folds: Int, strengths: [Double],
    secondsLeft: () -> Double
  ) throws -> (losses: [Double], errors: [Double]) {
    let parts = try data.folds(folds, seed: trainer.configuration.seed)
    var table: [[Double]] = []
    for (k, part) in parts.enumerated() {
      let run = try PathRun(trainer, part.train)
      let points = try run.solutions(
        at: strengths, startsEmpty: false, seconds: secondsLeft() / Double(folds - k))
      table.append(
        try points.map { point in
          let model = run.model(
            try run.lifted(point.network), point.lambda, part.train.kind, [:])
          guard let test = part.test else { return .nan }
          return try model.sampleLosses(on: test, threads: trainer.threads).mean
        })
    }
    let reached = table.map(\.count).min() ?? 0
    let columns = (0..<reached).map { k in table.map { $0[k] } }
    return (columns.map(\.mean), columns.map(\.standardError))
  }
}
