import ArgumentParser
import ConvexCNN

/// `ccnn predict`.
struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict", abstract: "Writes the outputs of a network on samples.")

  @OptionGroup var samples: SampleOptions
  @OptionGroup var limit: MemoryOption

  @Option(
    help: ArgumentHelp(
      "Where outputs [n, c] go: a file .npy or .csv.", valueName: "file"))
  var output: String

  @Option(
    help: ArgumentHelp(
      """
      Numbers that responses of filters are computed in: double or float. float is faster and within \
      1e-5 of the largest output.
      """, valueName: "type"))
  var precision: ConvolutionPrecision = .double

  @Flag(help: "Write the class numbers [n] instead of the outputs.")
  var classes = false

  func run() throws {
    var problems = OptionProblems()
    samples.check(&problems)
    limit.check(&problems)
    let name = output.lowercased()
    if !name.hasSuffix(".npy"), !name.hasSuffix(".csv") {
      problems.add(
        "--output", value: output, expected: "a name that ends in .npy or .csv",
        advice: "For example predictions.npy.")
    }
    if precision == .float, samples.convolution == .im2col {
      problems.add(
        "--convolution", value: "im2col", expected: "auto, direct or fft with --precision float",
        advice: "There is no im2col in single precision.")
    }
    try problems.throwIfAny()
    try Outputs.check([("--output", output)])
    let model = try Model(contentsOf: samples.model)
    if classes, model.samples.classNames.isEmpty {
      throw InputError(
        .usage, "--classes", expected: "a model of classes", found: "one of real targets",
        advice: "Leave the flag out.")
    }
    let outputs = try outputs(of: model)
    try write(outputs)
    guard !samples.quiet else { return }
    print(
      "\(output): \(classes ? "classes" : "outputs") of \(outputs.rows) samples, "
        + "\(classes ? 1 : outputs.columns) per sample")
  }

  private func outputs(of model: Model) throws -> Matrix {
    if let images = samples.images, let memory = limit.bytes {
      let source: any SampleSource =
        try DatasetLoader(isSignal: model.configuration.filter.isSignal)
        .open(images: images, memory: memory)
      try model.samples.check(shape: source.sampleShape, place: images)
      return try model.predictions(
        of: source, memory: memory, precision: precision, backend: samples.convolution,
        threads: samples.threadCount)
    }
    return try model.predictions(
      of: try loadImages(model), backend: samples.convolution, precision: precision,
      threads: samples.threadCount)
  }

  private func loadImages(_ model: Model) throws -> Tensor {
    if let data = try samples.bundled() {
      try model.samples.check(data.images, place: data.name)
      return data.images
    }
    let path = samples.images ?? ""
    let loader = DatasetLoader(isSignal: model.configuration.filter.isSignal)
    let images = try loader.images(path)
    try model.samples.check(images, place: path)
    return images
  }

  private func write(_ outputs: Matrix) throws {
    let isCSV = output.lowercased().hasSuffix(".csv")
    guard classes else {
      if isCSV { try CSV.write(outputs, to: output) } else { try NPY.write(outputs, to: output) }
      return
    }
    let numbers = outputs.classIndices.map(Double.init)
    if isCSV {
      let column = Matrix(rows: numbers.count, columns: 1, elements: numbers)
      try CSV.write(column, to: output, asIntegers: true)
    } else {
      let array = ArrayFile(shape: [numbers.count], elements: numbers, elementKind: .integer)
      try NPY.write(array, to: output)
    }
  }
}
