/// Where a filter looks: image and filter sizes, stride, dilation, padding and bias.
///
/// Patch `k = r * outputWidth + c` starts, in the padded image, at row `r * strideRows` and column
/// `c * strideColumns`, and holds every `dilation`-th pixel from there. Inside a patch the order is channel, row,
/// column, then the bias 1.
public struct PatchGeometry: Sendable, Equatable {
  /// What a filter sees beyond the rim of the image.
  public enum Padding: String, Sendable, CaseIterable {
    /// Nothing: only positions where the whole filter lies within the image.
    case valid
    /// Zeros: `dilation * (f - 1)` in all, half of them (rounded down) before; stride 1 keeps the size.
    case zero
    /// The opposite side of the image; patches start at the multiples of the stride.
    case circular
  }

  /// Number of channels.
  public let channels: Int
  /// Height of an image; 1 for signals.
  public let imageHeight: Int
  /// Width of an image, or length of a signal.
  public let imageWidth: Int
  /// Height of a filter, dilation not counted; 1 for signals.
  public let filterHeight: Int
  /// Width of a filter, dilation not counted.
  public let filterWidth: Int
  /// Rows from one patch to the one below.
  public let strideRows: Int
  /// Columns from one patch to the next.
  public let strideColumns: Int
  /// Rows from one tap of the filter to the one below.
  public let dilationRows: Int
  /// Columns from one tap of the filter to the next.
  public let dilationColumns: Int
  /// What a filter sees beyond the rim.
  public let padding: Padding
  /// Whether every patch ends with a constant 1.
  public let hasBias: Bool
  /// Whether the samples are 1-D signals.
  public let isSignal: Bool

  /// The geometry of filters on images.
  ///
  /// - Throws: `GeometryError` when a number is not positive or the filter does not fit within the image (for every
  ///   padding).
  public init(
    channels: Int = 1, imageHeight: Int, imageWidth: Int, filterHeight: Int, filterWidth: Int,
    stride: Int = 1, dilation: Int = 1, padding: Padding = .valid, hasBias: Bool = false
  ) throws {
    try Self.requirePositive([
      ("number of channels", channels), ("image height", imageHeight), ("image width", imageWidth),
      ("filter height", filterHeight), ("filter width", filterWidth), ("stride", stride),
      ("dilation", dilation),
    ])
    self.channels = channels
    (self.imageHeight, self.imageWidth) = (imageHeight, imageWidth)
    (self.filterHeight, self.filterWidth) = (filterHeight, filterWidth)
    (strideRows, strideColumns) = (stride, stride)
    (dilationRows, dilationColumns) = (dilation, dilation)
    self.padding = padding
    self.hasBias = hasBias
    isSignal = false
    try requireFit()
  }

  /// The geometry of filters on signals: height 1, stride and dilation along the length only.
  ///
  /// - Throws: `GeometryError` when a number is not positive or the filter is longer than the signal.
  public init(
    channels: Int = 1, length: Int, filterLength: Int, stride: Int = 1, dilation: Int = 1,
    padding: Padding = .valid, hasBias: Bool = false
  ) throws {
    try Self.requirePositive([
      ("number of channels", channels), ("signal length", length),
      ("filter length", filterLength), ("stride", stride), ("dilation", dilation),
    ])
    self.channels = channels
    (imageHeight, imageWidth) = (1, length)
    (filterHeight, filterWidth) = (1, filterLength)
    (strideRows, strideColumns) = (1, stride)
    (dilationRows, dilationColumns) = (1, dilation)
    self.padding = padding
    self.hasBias = hasBias
    isSignal = true
    try requireFit()
  }

  /// Rows of positions of a filter.
  public var outputHeight: Int { Self.outputs(imageHeight, spanHeight, strideRows, padding) }
  /// Columns of positions of a filter.
  public var outputWidth: Int { Self.outputs(imageWidth, spanWidth, strideColumns, padding) }
  /// Number of patches of one sample, `K`.
  public var patchesPerSample: Int { outputHeight * outputWidth }
  /// Number of entries of one patch, `h`: the taps of all channels, and the bias if there is one.
  public var patchDimension: Int { channels * filterHeight * filterWidth + (hasBias ? 1 : 0) }

  /// Rows that a filter spans, dilation included.
  package var spanHeight: Int { dilationRows * (filterHeight - 1) + 1 }
  /// Columns that a filter spans, dilation included.
  package var spanWidth: Int { dilationColumns * (filterWidth - 1) + 1 }

  private static func outputs(
    _ size: Int, _ span: Int, _ stride: Int, _ padding: Padding
  ) -> Int {
    // With zero or circular padding every pixel starts a patch before striding.
    let dense = padding == .valid ? size - span + 1 : size
    return (dense - 1) / stride + 1
  }

  private static func requirePositive(_ numbers: [(String, Int)]) throws {
    for (what, value) in numbers where value <= 0 {
      throw GeometryError.nonPositive(what: what, value: value)
    }
  }

  private func requireFit() throws {
    // Spans of absurd dilations overflow; the largest number stands for those.
    func span(_ dilation: Int, _ taps: Int) -> Int {
      let (reach, isTooLarge) = dilation.multipliedReportingOverflow(by: taps - 1)
      return isTooLarge || reach == .max ? .max : reach + 1
    }
    let height = span(dilationRows, filterHeight)
    let width = span(dilationColumns, filterWidth)
    guard height <= imageHeight, width <= imageWidth else {
      throw GeometryError.filterLargerThanImage(
        filter: [height, width], image: [imageHeight, imageWidth],
        dilation: [dilationRows, dilationColumns])
    }
  }
}

extension PatchGeometry {
  /// The numbers in words, such as `images 1 x 6 x 6, filter 2x2, stride 1, padding valid`.
  package var words: String {
    func pair(_ rows: Int, _ columns: Int) -> String {
      isSignal || rows == columns ? "\(columns)" : "\(rows)x\(columns)"
    }
    let samples =
      isSignal
      ? "signals \(channels) x \(imageWidth)"
      : "images \(channels) x \(imageHeight) x \(imageWidth)"
    var parts = [
      samples, "filter \(isSignal ? "\(filterWidth)" : "\(filterHeight)x\(filterWidth)")",
      "stride \(pair(strideRows, strideColumns))",
    ]
    let dilation = pair(dilationRows, dilationColumns)
    if dilation != "1" { parts.append("dilation \(dilation)") }
    parts.append("padding \(padding.rawValue)")
    if hasBias { parts.append("bias") }
    return parts.joined(separator: ", ")
  }
}
