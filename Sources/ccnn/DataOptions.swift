import ArgumentParser
import ConvexCNN

/// Help of `--dataset`.
let datasetHelp = ArgumentHelp(
  "Bundled data set: \(BundledDataset.names.joined(separator: ", ")).", valueName: "name")

/// Help of `--images`.
let imagesHelp = ArgumentHelp(
  "IDX (.gz or not), NPY, NPZ (file.npz:key), CSV, CIFAR-10 batch, or folder of PNGs.",
  discussion: "[n, height, width], [n, channels, height, width], [n, length] or, with a filter of "
    + "one number, [n, channels, length]. Unsigned bytes are scaled to 0...1.",
  valueName: "path")

/// Training data, and a held-out set if one is wanted.
struct DataOptions: ParsableArguments {
  @Option(help: datasetHelp) var dataset: String?

  @Flag(help: "Train on the held-out part of --dataset too; nothing is held out then.")
  var allSamples = false

  @Option(help: imagesHelp) var images: String?

  @Option(
    help: ArgumentHelp(
      "IDX, NPY or CSV: integers are classes, floats of shape [n] or [n, c] are targets.",
      valueName: "path"))
  var labels: String?

  @Option(help: ArgumentHelp("Images of a held-out set.", valueName: "path"))
  var testImages: String?

  @Option(help: ArgumentHelp("Labels of the held-out set.", valueName: "path"))
  var testLabels: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Share of the samples split off as a held-out set by --seed; above 0, below 1.",
      valueName: "share"))
  var testFraction: Double?

  /// Adds what is wrong with the options to a list.
  func check(_ problems: inout OptionProblems) {
    problems.check("--test-fraction", testFraction, "a number above 0 and below 1") {
      $0 > 0 && $0 < 1
    }
    if let dataset {
      _ = problems.choice("--dataset", dataset, among: BundledDataset.names)
      for (name, value) in [
        ("--images", images), ("--labels", labels), ("--test-images", testImages),
        ("--test-labels", testLabels),
      ] {
        problems.exclude("--dataset", name, given: value)
      }
      problems.exclude("--dataset", "--test-fraction", given: testFraction)
    } else if images == nil {
      problems.require("--images or --dataset")
    }
    if allSamples, dataset == nil { problems.require("--dataset with --all-samples") }
    problems.exclude(
      "--test-images", "--test-fraction", given: testImages.flatMap { _ in testFraction })
    if testLabels != nil && testImages == nil {
      problems.require("--test-images with --test-labels")
    }
  }

  /// Reads the data.
  ///
  /// - Parameters:
  ///   - isSignal: Whether arrays of rank 3 are signals.
  ///   - seed: Seed of the split.
  ///   - kind: What a model expects, nil for training.
  /// - Returns: Training samples, and a held-out set if there is one.
  /// - Throws: `FormatError` or `InputError` when the data are wrong.
  func load(isSignal: Bool, seed: UInt64, like kind: SampleKind? = nil) throws -> Dataset {
    if let dataset {
      let data = try DatasetLoader.bundled(named: dataset)
      return allSamples ? data.withoutHeldOut : data
    }
    guard let images else {
      throw InputError(
        .usage, "--images", expected: "a path", found: "none", advice: "Name the images.")
    }
    let loader = DatasetLoader(isSignal: isSignal)
    let train = try loader.load(images: images, labels: labels, like: kind)
    try train.labels.requireTwoClasses(in: labels ?? images)
    if let testFraction { return try train.split(testFraction: testFraction, seed: seed) }
    guard let testImages else { return Dataset(train: train) }
    let test = try loader.load(
      images: testImages, labels: testLabels, like: train.kind, labelOption: "--test-labels")
    return Dataset(train: train, test: test)
  }

  /// The data with samples that stay on disk where the format allows it.
  ///
  /// - Parameters:
  ///   - isSignal: Whether arrays of rank 3 are signals.
  ///   - seed: Seed of the split.
  ///   - kind: What a model expects, nil for training.
  ///   - memory: Bytes that may be used, nil for no limit.
  /// - Returns: Training samples, and a held-out set if there is one.
  /// - Throws: As `load(isSignal:seed:like:)`, and `InputError` when a file has to be read as a whole and does not fit.
  func open(
    isSignal: Bool, seed: UInt64, like kind: SampleKind? = nil, memory: Int?
  ) throws -> StreamedData {
    guard let images else {
      return StreamedData(try load(isSignal: isSignal, seed: seed, like: kind))
    }
    let loader = DatasetLoader(isSignal: isSignal)
    let train = try loader.open(images: images, labels: labels, like: kind, memory: memory)
    try train.labels.requireTwoClasses(in: labels ?? images)
    if let testFraction { return try train.split(testFraction: testFraction, seed: seed) }
    guard let testImages else { return StreamedData(train: train) }
    let test = try loader.open(
      images: testImages, labels: testLabels, like: train.kind, labelOption: "--test-labels",
      memory: memory)
    return StreamedData(train: train, test: test)
  }

  /// The data in a few words.
  func describe(_ data: Dataset) -> String {
    describe(
      data.train.sampleCount, held: data.test?.sampleCount,
      shape: Array(data.train.images.shape.dropFirst()))
  }

  /// The data in a few words.
  func describe(_ data: StreamedData) -> String {
    describe(
      data.train.sampleCount, held: data.test?.sampleCount, shape: data.train.source.sampleShape)
  }

  private func describe(_ count: Int, held: Int?, shape: [Int]) -> String {
    let test = held.map { ", \($0) held out" } ?? ""
    let name = dataset.map { "\($0): " } ?? ""
    return "\(name)\(count) samples\(test), \(shape.map(String.init).joined(separator: " x "))"
  }
}

extension OptionProblems {
  /// Two options that must not be given together.
  mutating func exclude<Value>(_ option: String, _ other: String, given value: Value?) {
    guard let value else { return }
    add(
      other, value: "\(value)", expected: "no value together with \(option)",
      advice: "Give \(option) or \(other), not both.")
  }

  /// An option that is missing.
  mutating func require(_ option: String) {
    add(option, value: "", expected: "a value", advice: "Give \(option).")
  }
}
