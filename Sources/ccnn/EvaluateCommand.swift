import ArgumentParser
import ConvexCNN

/// `ccnn evaluate`.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Loss, accuracy or R2, and confusion matrix of a network.")

  @OptionGroup var samples: SampleOptions
  @OptionGroup var limit: MemoryOption

  @Option(help: ArgumentHelp("IDX, NPY or CSV of labels.", valueName: "path"))
  var labels: String?

  @Option(
    help: ArgumentHelp(
      "Write the result as JSON; - writes it to standard output instead of the table.",
      valueName: "file"))
  var json: String?

  func run() throws {
    var problems = OptionProblems()
    samples.check(&problems)
    limit.check(&problems)
    if samples.dataset != nil { problems.exclude("--dataset", "--labels", given: labels) }
    try problems.throwIfAny()
    try Outputs.check([("--json", json)])
    let model = try Model(contentsOf: samples.model)
    let (evaluation, name) = try evaluation(model)
    if let json { try Outputs.write(try JSON.text(of: evaluation), to: json) }
    if !samples.quiet, json != "-" {
      print(evaluation.table(data: name), terminator: "")
    }
  }

  private func evaluation(_ model: Model) throws -> (Evaluation, name: String) {
    if let images = samples.images, let memory = limit.bytes {
      let data = try DatasetLoader(isSignal: model.configuration.filter.isSignal).open(
        images: images, labels: labels, like: model.samples, memory: memory)
      return (
        try model.evaluation(on: data, memory: memory, threads: samples.threadCount), data.name
      )
    }
    let data = try load(model)
    return (
      try model.evaluation(
        on: data, backend: samples.convolution, threads: samples.threadCount), data.name
    )
  }

  private func load(_ model: Model) throws -> LabeledDataset {
    if let data = try samples.bundled() { return data }
    let loader = DatasetLoader(isSignal: model.configuration.filter.isSignal)
    return try loader.load(images: samples.images ?? "", labels: labels, like: model.samples)
  }
}

extension Evaluation {
  /// The evaluation as a table; confusion matrices of up to ten classes are shown.
  func table(data: String) -> String {
    var table = Table("ccnn evaluate")
    table.add("data", "\(data), \(sampleCount) samples")
    table.add("loss", "\(digits(loss.value, "%.8g")) (\(lossName))")
    if accuracy.value != nil { table.add("accuracy", percent(accuracy.value)) }
    if r2.value != nil { table.add("R2", digits(r2.value, "%.6f")) }
    if (1...10).contains(classes.count) {
      func cell(_ text: String) -> String {
        String(repeating: " ", count: max(0, 6 - text.count)) + text.prefix(6)
      }
      table.add(line: "confusion: rows are the true classes, columns the predicted ones")
      table.add(line: cell("") + classes.map(cell).joined())
      for (name, row) in zip(classes, confusion) {
        table.add(line: cell(name) + row.map { cell("\($0)") }.joined())
      }
    }
    let last = accuracy.value.map { "accuracy \(percent($0))" } ?? "R2 \(digits(r2.value, "%.6f"))"
    return table.text(last: "\(last) on \(sampleCount) samples")
  }
}
