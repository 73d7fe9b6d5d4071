import ArgumentParser
import ConvexCNN

/// The normals of an arrangement: a matrix, or all patches of images.
struct NormalOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Normals, NPY or CSV, one per row.", valueName: "file"))
  var matrix: String?

  @Option(help: datasetHelp) var dataset: String?

  @Option(help: imagesHelp) var images: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Use only the first images, an integer >= 1. (default: all)", valueName: "count"))
  var first: Int?

  @Option(help: ArgumentHelp("Filter size: 3x3, or 5 for signals.", valueName: "HxW"))
  var filter: String?

  @OptionGroup var patches: PatchOptions

  /// Adds what is wrong with the options to a list.
  func check(_ problems: inout OptionProblems) {
    patches.check(&problems)
    problems.check("--first", first, atLeast: 1)
    if let dataset { _ = problems.choice("--dataset", dataset, among: BundledDataset.names) }
    let sources = [("--matrix", matrix), ("--dataset", dataset), ("--images", images)]
      .filter { $0.1 != nil }
    if sources.isEmpty { problems.require("--matrix, --images or --dataset") }
    if sources.count > 1 { problems.exclude(sources[0].0, sources[1].0, given: sources[1].1) }
    if matrix == nil, filter == nil, !sources.isEmpty { problems.require("--filter") }
    if matrix != nil {
      problems.exclude("--matrix", "--filter", given: filter)
      problems.exclude("--matrix", "--first", given: first)
      problems.exclude("--matrix", "--bias", given: patches.bias ? "set" : nil)
    }
    if let filter { _ = problems.filterSize(filter) }
  }

  /// Reads the normals.
  ///
  /// - Returns: Matrix of shape `[rows, patchDimension]`.
  /// - Throws: `FormatError`, `InputError` or `GeometryError` when the data are wrong.
  func load() throws -> Matrix {
    if let matrix {
      let file = matrix.hasSuffix(".csv") ? try CSV.read(matrix).array : try NPY.read(matrix)
      guard file.shape.count == 2 else {
        throw InputError(
          .data, matrix, expected: "a matrix of shape [rows, columns]",
          found: "shape \(file.shape)", advice: "Reshape the array.")
      }
      return Matrix(rows: file.shape[0], columns: file.shape[1], elements: file.elements)
    }
    let size = FilterSize(rawValue: filter ?? "") ?? FilterSize(height: 1, width: 1)
    let batch = try loadImages(isSignal: size.isSignal)
    let geometry = try patches.geometry(of: batch.shape, filter: size)
    return try PatchSet(images: batch, geometry: geometry).patches
  }

  /// The first images, or all; of a bundled data set training and test part.
  private func loadImages(isSignal: Bool) throws -> Tensor {
    var batch: Tensor
    if let dataset {
      let data = try DatasetLoader.bundled(named: dataset)
      let shape = Array(data.train.images.shape.dropFirst())
      let elements = data.train.images.elements + (data.test?.images.elements ?? [])
      batch = Tensor(shape: [elements.count / shape.reduce(1, *)] + shape, elements: elements)
    } else {
      batch = try DatasetLoader(isSignal: isSignal).images(images ?? "")
    }
    guard let first, first < batch.shape[0] else { return batch }
    let shape = Array(batch.shape.dropFirst())
    return Tensor(
      shape: [first] + shape, elements: Array(batch.elements[..<(first * shape.reduce(1, *))]))
  }
}
