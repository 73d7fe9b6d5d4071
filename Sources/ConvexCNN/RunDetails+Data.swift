import Tensors

extension RunDetails.DataCard {
  /// The card of samples, which are read once.
  init(_ data: StreamedData, _ standardize: Standardization.Mode) throws {
    let train = data.train
    let bundled = BundledDataset.allCases.first { "\($0.rawValue) train" == train.name }
    let isNamed = (1...RunDetails.Limit.classes).contains(train.classNames.count)
    name = bundled?.rawValue ?? train.name
    shape = train.source.sampleShape
    isSignal = train.isSignal
    labels = train.labels.kind.name
    classNames = isNamed ? train.classNames : nil
    self.standardize = standardize.rawValue
    parts =
      try [("train", train)].map { try Part($0, $1) }
      + (try data.test.map { [try Part("test", $0)] } ?? [])
    origin = bundled?.origin
    license = bundled?.license
  }
}

extension RunDetails.DataCard.Part {
  fileprivate init(_ part: String, _ data: StreamedDataset) throws {
    self.part = part
    sampleCount = data.sampleCount
    var counts = [Int](repeating: 0, count: data.labels.classCount)
    for label in data.labels.classIndices ?? [] { counts[label] += 1 }
    classCounts = (1...RunDetails.Limit.classes).contains(counts.count) ? counts : nil
    var (minimum, maximum, sum) = (Double.infinity, -Double.infinity, 0.0)
    var hash = Fingerprint()
    let block = max(1, 131_072 / max(1, data.source.sampleSize))
    for lower in stride(from: 0, to: data.sampleCount, by: block) {
      let pixels = data.source.batch(lower..<min(lower + block, data.sampleCount)).elements
      hash.add(pixels)
      for x in pixels {
        minimum = Swift.min(minimum, x)
        maximum = Swift.max(maximum, x)
        sum += x
      }
    }
    try data.source.requireReadable()
    hash.add(data.labels.numbers)
    self.minimum = Finite(minimum)
    self.maximum = Finite(maximum)
    mean = Finite(sum / Double(max(1, data.sampleCount * data.source.sampleSize)))
    checksum = hash.text
  }
}

extension Labels {
  /// All labels as numbers.
  fileprivate var numbers: [Double] {
    switch self {
    case .classes(let classes, _): classes.map(Double.init)
    case .signs(let signs): signs
    case .regression(let targets): targets.elements
    }
  }
}

extension BundledDataset {
  /// Where the data come from, in one sentence; `data/README.md` says more.
  public var origin: String {
    switch self {
    case .digits, .digitsParity:
      "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, 1998, UCI Machine "
        + "Learning Repository, doi:10.24432/C50P49; as in scikit-learn's load_digits."
    case .waveform:
      "Made by WaveformGenerator of this package after L. Breiman, J. Friedman, R. Olshen and "
        + "C. Stone, Classification and Regression Trees, 1984."
    }
  }

  /// The licence of the data, by its name.
  public var license: String {
    switch self {
    case .digits, .digitsParity: "CC BY 4.0"
    case .waveform: "Apache-2.0"
    }
  }
}

extension Evaluation {
  /// The evaluation without names of classes and confusion matrix.
  var withoutClasses: Evaluation {
    Evaluation(
      sampleCount: sampleCount, lossName: lossName, loss: loss, accuracy: accuracy, r2: r2,
      classes: [], confusion: [])
  }
}
