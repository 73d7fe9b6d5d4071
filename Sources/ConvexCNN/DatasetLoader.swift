import Formats
public import Tensors

/// Reads images and labels from files and checks them together.
public struct DatasetLoader: Sendable {
  /// Largest number of classes that is taken for a classification problem.
  public static let maximumClasses = 10_000

  /// Whether arrays of rank 3 are signals `[n, channels, length]` rather than images `[n, height, width]`.
  public let isSignal: Bool

  /// A loader of images, or of signals.
  ///
  /// - Parameter isSignal: Whether arrays of rank 3 are signals `[n, channels, length]`.
  public init(isSignal: Bool) { self.isSignal = isSignal }

  /// One of the bundled data sets with its own split.
  ///
  /// - Parameter name: One of `BundledDataset.names`.
  /// - Returns: Training and test set.
  /// - Throws: `InputError` for another name, `FormatError` when files are damaged or missing.
  public static func bundled(named name: String) throws -> Dataset {
    guard let dataset = BundledDataset(rawValue: name) else {
      throw InputError(
        .usage, "--dataset", expected: "one of \(BundledDataset.names.joined(separator: ", "))",
        found: "\"\(name)\"", advice: "Choose one of these.")
    }
    let parts = try dataset.load()
    return Dataset(train: parts.train, test: parts.test)
  }

  /// Images with labels.
  ///
  /// - Parameters:
  ///   - path: A path of images, or `PATH.npz:key`.
  ///   - labelPath: A path of labels; nil when the images come with theirs.
  ///   - kind: What images and labels must be like, nil for training data.
  ///   - labelOption: Option that names the labels, for the message when there are none.
  /// - Returns: Batch and labels of equal length; unsigned bytes scaled to 0...1. Classes of a folder are told by the names of
  ///   its sub-folders.
  /// - Throws: `FormatError` when a file is damaged, `InputError` when the data are wrong or do not go together.
  public func load(
    images path: String, labels labelPath: String?, like kind: SampleKind? = nil,
    labelOption: String = "--labels"
  ) throws -> LabeledDataset {
    let source = try ImageSource.read(path)
    let batch = try batch(of: source.images, path: path)
    try kind?.check(batch, place: path)
    let own = labelPath == nil ? try Self.labels(of: source, path: path, like: kind) : nil
    let labels = try labels(
      labelPath, within: own, images: path, count: batch.shape[0], like: kind, option: labelOption)
    return LabeledDataset(
      name: path, images: batch, isSignal: isSignal, labels: labels,
      classNames: kind?.classNames ?? source.classNames ?? labels.defaultClassNames)
  }

  /// The labels that come with images; sub-folders have the numbers of the classes of their names.
  private static func labels(
    of source: (images: ArrayFile, labels: [Int]?, classNames: [String]?), path: String,
    like kind: SampleKind?
  ) throws -> [Int]? {
    guard let labels = source.labels, let names = source.classNames, let kind,
      !kind.classNames.isEmpty
    else { return source.labels }
    let numbers = try names.map { name in
      guard let number = kind.classNames.firstIndex(of: name) else {
        let known = kind.classNames.prefix(10).joined(separator: ", ")
        throw InputError(
          .data, "\(path)/\(name)",
          expected: "the name of a class that was trained (\(known)"
            + (kind.classNames.count > 10 ? ", ...)" : ")"),
          found: "\"\(name)\"", advice: "Rename the folder, or leave it out.")
      }
      return number
    }
    return labels.map { numbers[$0] }
  }

  /// The labels of some images, from a file or from that of the images.
  func labels(
    _ labelPath: String?, within own: [Int]?, images path: String, count expected: Int,
    like kind: SampleKind?, option: String
  ) throws -> Labels {
    let array: ArrayFile
    if let labelPath {
      array = try LabelSource.read(labelPath)
    } else if let own {
      array = ArrayFile(shape: [own.count], elements: own.map(Double.init), elementKind: .integer)
    } else {
      throw InputError(
        .usage, option, expected: "a path, since \(path) holds no labels", found: "none",
        advice: "Name the labels.")
    }
    let count = array.shape.first ?? 0
    guard count == expected else {
      throw InputError(
        .data, labelPath ?? path, expected: "\(expected) labels (one per image of \(path))",
        found: "\(count)", advice: "Use the labels that belong to these images.")
    }
    return try Self.labels(of: array, path: labelPath ?? path, like: kind?.labels)
  }

  /// Images without labels, as a batch.
  ///
  /// - Parameter path: A path of images, or `PATH.npz:key`.
  /// - Returns: Batch of shape `[n, channels, height, width]`; unsigned bytes scaled to 0...1.
  /// - Throws: `FormatError` when the file is damaged, `InputError` when the data are wrong.
  public func images(_ path: String) throws -> Tensor {
    try batch(of: try ImageSource.read(path).images, path: path)
  }

  /// An array of a file as a batch of shape `[n, channels, height, width]`.
  func batch(of array: ArrayFile, path: String) throws -> Tensor {
    let s = array.shape
    let shape = try [s.first ?? 0] + sampleShape(s, path: path)
    if let bad = array.elements.firstIndex(where: { !$0.isFinite }) {
      throw InputError(
        .data, "\(path)\(Self.index(bad, in: s))", expected: "a finite number",
        found: "\(array.elements[bad])", advice: "Repair or remove this sample.")
    }
    guard array.elementKind == .unsignedByte else {
      return Tensor(shape: shape, elements: array.elements)
    }
    return Tensor(shape: shape, elements: array.elements.map { $0 / 255 })
  }

  /// The shape `[channels, height, width]` of a sample in an array of a shape.
  func sampleShape(_ s: [Int], path: String) throws -> [Int] {
    let shape: [Int]
    switch s.count {
    case 2: shape = [1, 1, s[1]]
    case 3: shape = isSignal ? [s[1], 1, s[2]] : [1, s[1], s[2]]
    case 4: shape = Array(s[1...])
    default:
      throw InputError(
        .data, path, expected: "2, 3 or 4 axes: samples, then (channels,) height, width or length",
        found: "shape \(s)", advice: "Reshape the array.")
    }
    guard !s.contains(0) else {
      throw InputError(
        .data, path, expected: "at least one sample with at least one pixel", found: "shape \(s)",
        advice: "Use data that are not empty.")
    }
    return shape
  }

  /// The index of an element along each axis, such as `[3, 0, 7]`.
  static func index(_ element: Int, in shape: [Int]) -> String {
    var rest = element
    var index: [Int] = []
    for extent in shape.reversed() {
      index.insert(rest % extent, at: 0)
      rest /= extent
    }
    return "\(index)"
  }
}
