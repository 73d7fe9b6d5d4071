/// How padded images are cut into tiles that are transformed one by one (overlap-save).
///
/// A tile of `rows x columns` pixels gives the responses at all positions whose filter lies within it; neighboring
/// tiles overlap by what a filter spans less one stride. One tile holds a small image; large images are cheaper in
/// tiles whose transforms stay in the cache. A tile may be shorter than what it covers only where the circle of the
/// transform is the circle of the padding.
struct SpectrumTiles: Sendable, Equatable {
  /// Rows and columns of a transform.
  let rows: Int
  let columns: Int
  /// Rows and columns of positions that a full tile serves.
  let outputRows: Int
  let outputColumns: Int
  /// Tiles down and across a sample.
  let down: Int
  let across: Int

  /// Tiles of one sample.
  var count: Int { down * across }
  /// Numbers of the half spectra of one channel of a sample.
  var spectrumCount: Int { 2 * count * rows * (columns / 2 + 1) }

  /// Work of a pass over all samples, and of the transforms of the filters, in units of one radix-4 pass per point.
  let effort: Double

  /// One direction of an image.
  private struct Axis {
    let image: Int
    let padded: Int
    let span: Int
    let stride: Int
    let outputs: Int
    let isCircular: Bool

    /// Positions that a transform of some length serves.
    func served(by length: Int) -> Int {
      isCircular && length == image ? outputs : min(outputs, (length - span) / stride + 1)
    }

    /// Good lengths: an image's own when it is circular, and all from the span to the padded length.
    var lengths: [Int] {
      let most = FFTPlanner.smoothNumber(atLeast: padded)
      let tiles = FFTPlanner.smoothNumbers(in: span...most)
      return isCircular && FFTPlanner.isSmooth(image) ? [image] + tiles : tiles
    }
  }

  /// What a pass costs more when plane and spectra of filters leave the second-level cache.
  private static func missPenalty(_ points: Int) -> Double {
    points <= 2304 ? 1 : points <= 6144 ? 1.15 : 1.4
  }

  /// Products and copies of a point, and reading or writing a response, in units of one radix-4 pass per point.
  private static let (pointEffort, outputEffort) = (2.5, 6.0)

  /// The tiles that cost least, whatever the number of samples, so that a sample has the same bits in every batch.
  init(_ layout: PatchLayout, samples: Int) {
    let geometry = layout.geometry
    let isCircular = geometry.padding == .circular
    let vertical = Axis(
      image: geometry.imageHeight, padded: layout.paddedHeight, span: geometry.spanHeight,
      stride: geometry.strideRows, outputs: geometry.outputHeight, isCircular: isCircular)
    let horizontal = Axis(
      image: geometry.imageWidth, padded: layout.paddedWidth, span: geometry.spanWidth,
      stride: geometry.strideColumns, outputs: geometry.outputWidth, isCircular: isCircular)
    let heights = vertical.lengths.map { ($0, vertical.served(by: $0), SpectrumPlan.effort($0)) }
    let widths = horizontal.lengths.map {
      ($0, horizontal.served(by: $0), SpectrumPlan.effort($0))
    }
    var best: (rows: Int, columns: Int, tile: Double, perSample: Double) = (1, 1, 0, .infinity)
    for (height, servedRows, passesDown) in heights {
      let down = (vertical.outputs + servedRows - 1) / servedRows
      for (width, servedColumns, passesAcross) in widths {
        let across = (horizontal.outputs + servedColumns - 1) / servedColumns
        // Lines across without positions are left out.
        let passes =
          Double(height * width) * (Self.pointEffort + passesDown)
          + Double(servedRows * width) * passesAcross
        let tile = passes * Self.missPenalty(height * width)
        let perSample = Double(down * across) * tile
        if perSample < best.perSample { best = (height, width, tile, perSample) }
      }
    }
    (rows, columns) = (best.rows, best.columns)
    outputRows = vertical.served(by: rows)
    outputColumns = horizontal.served(by: columns)
    down = (vertical.outputs + outputRows - 1) / outputRows
    across = (horizontal.outputs + outputColumns - 1) / outputColumns
    let outputs = Self.outputEffort * Double(samples * geometry.patchesPerSample)
    effort = Double(samples * down * across + 1) * best.tile + outputs
  }
}
