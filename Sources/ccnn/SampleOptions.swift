import ArgumentParser
import ConvexCNN

/// Which part of a bundled data set to look at.
enum SplitChoice: String, ExpressibleByArgument, CaseIterable {
  case train, test
}

/// Samples to use a network on.
struct SampleOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The model.", valueName: "file.safetensors"))
  var model: String

  @Option(help: datasetHelp) var dataset: String?

  @Option(
    help: ArgumentHelp(
      "Part of the bundled data set: train or test. (default: test)", valueName: "part"))
  var split: SplitChoice?

  @Option(help: imagesHelp) var images: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Threads, an integer >= 1. (default: all processors)", valueName: "count"))
  var threads: Int?

  @Option(help: convolutionHelp)
  var convolution: ConvolutionBackend = .auto

  @Flag(help: "Print nothing.")
  var quiet = false

  /// Threads to use.
  var threadCount: Int { threads ?? Parallel.processorCount }

  /// Adds what is wrong with the options to a list.
  func check(_ problems: inout OptionProblems) {
    problems.check("--threads", threads, atLeast: 1)
    if let dataset {
      _ = problems.choice("--dataset", dataset, among: BundledDataset.names)
      problems.exclude("--dataset", "--images", given: images)
    } else {
      problems.exclude("--images", "--split", given: split?.rawValue)
      if images == nil { problems.require("--images or --dataset") }
    }
  }

  /// The chosen part of the bundled data set, nil when there is none.
  func bundled() throws -> LabeledDataset? {
    guard let dataset else { return nil }
    let data = try DatasetLoader.bundled(named: dataset)
    return split == .train ? data.train : data.test
  }
}
