import Formats
import Tensors

/// The data sets that come with the package, each with a fixed split into training and test set.
///
/// Origin, licence and checksums are in `data/README.md`.
public enum BundledDataset: String, CaseIterable, Sendable {
  /// Handwritten digits, 8 x 8 pixels: 1,438 for training, 359 for testing; ten classes.
  case digits
  /// The same images, labelled +1 for even digits and -1 for odd ones.
  case digitsParity = "digits-parity"
  /// Breiman's waveforms, signals of 21 points: 600 for training, 2,000 for testing; three classes.
  case waveform

  /// The names by which data sets are asked for, in the order of the cases.
  public static var names: [String] { allCases.map(\.rawValue) }

  /// Largest pixel value in the files of the digits; pixels are divided by it.
  ///
  /// Pixels count the dark points of a 4 x 4 square, so they are integers `0...16`, and loaded
  /// values lie in `0...1`.
  public static let digitScale = 16.0

  /// Reads the training and the test set.
  ///
  /// - Parameter folder: Folder with the files; found as described at `BundledDataset.folder` when
  ///   `nil`.
  /// - Returns: Digits as images of shape `[samples, 1, 8, 8]` in `0...1`, waveforms as signals of
  ///   shape `[samples, 1, 1, 21]` in the generator's units.
  /// - Throws: `FormatError` when the folder is not found, or a file cannot be read or does not
  ///   belong to this data set.
  public func load(
    folder: String? = nil
  ) throws -> (train: LabeledDataset, test: LabeledDataset) {
    let folder = try folder ?? Self.folder()
    return (try loadPart("train", from: folder), try loadPart("test", from: folder))
  }

  private func loadPart(_ part: String, from folder: String) throws -> LabeledDataset {
    switch self {
    case .digits, .digitsParity: try loadDigits(part, from: folder)
    case .waveform: try loadWaveforms(part, from: folder)
    }
  }

  private func loadDigits(_ part: String, from folder: String) throws -> LabeledDataset {
    let path = "\(folder)/digits-\(part)-images-idx3-ubyte.gz"
    let pixels = try IDX.read(path)
    try require(pixels.shape.count == 3 && pixels.shape.dropFirst() == [8, 8], in: path) {
      ("shape [samples, 8, 8]", "shape \(pixels.shape)")
    }
    if let worst = pixels.elements.first(where: { !(0...Self.digitScale ~= $0) }) {
      throw Self.misfit(path, expected: "pixels in 0...16", found: "\(worst)")
    }
    let images = Tensor(
      shape: [pixels.shape[0], 1, 8, 8], elements: pixels.elements.map { $0 / Self.digitScale })
    let labelPath = "\(folder)/digits-\(part)-labels-idx1-ubyte.gz"
    let digits = try readClasses(
      try IDX.read(labelPath), count: 10, samples: images.shape[0], path: labelPath)
    let isParity = self == .digitsParity
    return LabeledDataset(
      name: "\(rawValue) \(part)", images: images, isSignal: false,
      labels: isParity
        ? .signs(digits.map { $0 % 2 == 0 ? 1 : -1 }) : .classes(digits, count: 10),
      classNames: isParity ? ["odd", "even"] : (0..<10).map { String($0) })
  }

  private func loadWaveforms(_ part: String, from folder: String) throws -> LabeledDataset {
    let path = "\(folder)/waveform-\(part)-signals.npy"
    let signals = try NPY.read(path)
    let length = WaveformGenerator.pointCount
    try require(signals.shape.count == 2 && signals.shape.last == length, in: path) {
      ("shape [samples, \(length)]", "shape \(signals.shape)")
    }
    if let index = signals.elements.firstIndex(where: { !$0.isFinite }) {
      throw Self.misfit(
        "\(path)[\(index)]", expected: "a finite number", found: "\(signals.elements[index])")
    }
    let labelPath = "\(folder)/waveform-\(part)-labels.npy"
    let classes = try readClasses(
      try NPY.read(labelPath), count: WaveformGenerator.classCount, samples: signals.shape[0],
      path: labelPath)
    return LabeledDataset(
      name: "\(rawValue) \(part)",
      images: Tensor(shape: [signals.shape[0], 1, 1, length], elements: signals.elements),
      isSignal: true, labels: .classes(classes, count: WaveformGenerator.classCount),
      classNames: WaveformGenerator.classNames)
  }

  /// The class numbers in a file of labels.
  private func readClasses(
    _ file: ArrayFile, count: Int, samples: Int, path: String
  ) throws -> [Int] {
    try require(file.shape == [samples], in: path) {
      ("\(samples) labels, one per sample", "shape \(file.shape)")
    }
    return try file.elements.enumerated().map { index, label in
      guard let number = Int(exactly: label), 0..<count ~= number else {
        throw Self.misfit(
          "\(path)[\(index)]", expected: "a class in 0..<\(count)", found: "\(label)")
      }
      return number
    }
  }

  private func require(
    _ condition: Bool, in path: String, _ words: () -> (expected: String, found: String)
  ) throws {
    guard !condition else { return }
    let (expected, found) = words()
    throw Self.misfit(path, expected: expected, found: found)
  }

  /// The error for a file whose contents are not those of this data set.
  private static func misfit(_ path: String, expected: String, found: String) -> FormatError {
    FormatError(
      path: path, expected: expected, found: found,
      advice: "Restore the file from the package's data folder.")
  }
}
