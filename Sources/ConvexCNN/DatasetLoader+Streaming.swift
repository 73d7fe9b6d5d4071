import Formats
import Tensors

extension DatasetLoader {
  /// Samples that stay on disk where the format allows it, with their labels.
  ///
  /// NPY files in row-major order and IDX files that are not compressed are read in passing; other formats are read as a whole.
  ///
  /// - Parameters:
  ///   - path: A path of images, or `PATH.npz:key`.
  ///   - labelPath: A path of labels; nil when the images come with theirs.
  ///   - kind: What images and labels must be like, nil for training data.
  ///   - labelOption: Option that names the labels, for the message when there are none.
  ///   - memory: Bytes that may be used, nil for no limit.
  /// - Returns: Samples and labels of equal number.
  /// - Throws: `FormatError` when a file is damaged, `InputError` when the data are wrong, do not go together, or would have to
  ///   be read as a whole and do not fit.
  /// - Complexity: One pass over the samples, which have to be finite and of moderate size.
  public func open(
    images path: String, labels labelPath: String?, like kind: SampleKind? = nil,
    labelOption: String = "--labels", memory: Int? = nil
  ) throws -> StreamedDataset {
    guard SampleFile.isSuitable(path) else {
      try requireRoom(path, memory)
      return StreamedDataset(
        try load(images: path, labels: labelPath, like: kind, labelOption: labelOption))
    }
    let file = try samples(path)
    try kind?.check(shape: file.sampleShape, place: path)
    let labels = try labels(
      labelPath, within: nil, images: path, count: file.sampleCount, like: kind,
      option: labelOption)
    return StreamedDataset(
      name: path, source: file, isSignal: isSignal, labels: labels,
      classNames: kind?.classNames ?? labels.defaultClassNames)
  }

  /// Samples without labels, on disk where the format allows it.
  ///
  /// - Parameters:
  ///   - path: A path of images, or `PATH.npz:key`.
  ///   - memory: Bytes that may be used, nil for no limit.
  /// - Returns: The samples.
  /// - Throws: As `open(images:labels:)`.
  public func open(images path: String, memory: Int? = nil) throws -> any SampleSource {
    guard SampleFile.isSuitable(path) else {
      try requireRoom(path, memory)
      return TensorSource(try images(path))
    }
    return try samples(path)
  }

  private func samples(_ path: String) throws -> SampleFile {
    let file = try SampleFile(path) { try sampleShape($0, path: path) }
    var largest = (index: 0, value: 0.0)
    let block = max(1, 131_072 / max(1, file.sampleSize))
    for lower in stride(from: 0, to: file.sampleCount, by: block) {
      let batch = file.batch(lower..<min(lower + block, file.sampleCount))
      try file.requireReadable()
      for (e, value) in batch.elements.enumerated() where !(abs(value) <= abs(largest.value)) {
        largest = (lower * file.sampleSize + e, value)
        guard value.isFinite else { break }
      }
      guard largest.value.isFinite else {
        throw InputError(
          .data, "\(path)\(Self.index(largest.index, in: file.shape))",
          expected: "a finite number", found: "\(largest.value)",
          advice: "Repair or remove this sample.")
      }
    }
    guard largest.value == 0 || 1e-100...1e100 ~= abs(largest.value) else {
      throw InputError(
        .data, "\(path)\(Self.index(largest.index, in: file.shape))",
        expected: "a largest magnitude in 1e-100...1e100", found: "\(largest.value)",
        advice: "Scale the data to moderate units.")
    }
    return file
  }

  /// Refuses a file that has to be read as a whole where its numbers may not fit.
  private func requireRoom(_ path: String, _ memory: Int?) throws {
    guard let memory, let needed = Self.wholeBytes(path), needed > memory else { return }
    throw InputError(
      .usage, "--memory \(ByteCount(memory))",
      expected: "about \(ByteCount(needed)) or more for \(path), which has to be read as a whole",
      found: "\(ByteCount(memory))",
      advice: "Convert it to NPY in row-major order, or unpack it: such files are read in passing.")
  }

  /// About the bytes that reading a whole file takes at its peak; nil when its size is unknown.
  ///
  /// Bytes, numbers, and numbers scaled: for compressed files the declared number of elements counts, and for text one element
  /// for every two bytes.
  static func wholeBytes(_ path: String) -> Int? {
    guard let size = SampleFile.wholeSize(path) else { return nil }
    return size.fileBytes + 16 * size.elementCount
  }
}

extension SampleKind {
  /// Checks the shape of samples.
  ///
  /// - Parameters:
  ///   - found: Shape `[channels, height, width]` of a sample.
  ///   - place: File it comes from.
  /// - Throws: `InputError` when it is another one.
  public func check(shape found: [Int], place: String) throws {
    guard found != shape else { return }
    throw InputError(
      .data, place, expected: "samples of shape \(shape) (channels, height, width)",
      found: "\(found)", advice: "Use samples of the shape the network was trained on.")
  }
}
