import CKernels
import Synchronization
import Tensors

/// Convolution by products of spectra.
///
/// A filter `u` meets a tile of an image `x` in a circular correlation of the size of the tile, whose wrap-around
/// either is the circular padding itself or lands on positions that are not read. With `F` the forward transform and
/// `N` points, `N` times the responses are `F (conj(F x) . F u)`, and `N` times the gradient of a cotangent `z` is
/// `F (conj(F x) . F z)`, summed over tiles. A vector of planes is transformed at once, each of two real filters as real
/// and imaginary part; images, whose spectra are kept when they fit within the budget, are transformed by FFTW, in
/// double precision whatever the type.
final class FFTEngine<Scalar: KernelScalar>: ConvolutionEngine {
  let layout: PatchLayout
  let tiles: SpectrumTiles
  let transform: PlaneTransform<Scalar>
  let token = SpectraToken()
  private let padded: [Double]
  /// Half spectra of all tiles, `[n * tiles, channels, columns / 2 + 1, rows]` complex, when they fit within the budget.
  private let spectra: AlignedBuffer?
  private let plan: FFTPlan

  init(
    layout: PatchLayout, images: Tensor, cacheBytes: Int, planning: FFTPlanning, threads: Int
  ) {
    self.layout = layout
    let samples = images.shape[0]
    tiles = SpectrumTiles(layout, samples: samples)
    transform = PlaneTransform(rows: tiles.rows, columns: tiles.columns)
    plan = FFTPlan(
      .forward, rows: tiles.rows, columns: tiles.columns, batch: layout.geometry.channels,
      planning: planning)
    padded = layout.padded(images)
    let count = samples * tiles.count
    let numbers = samples * tiles.spectrumCount * layout.geometry.channels
    let fits = numbers * MemoryLayout<Scalar>.stride <= cacheBytes
    spectra = fits ? AlignedBuffer() : nil
    guard let spectra else { return }
    let size = tileSpectra
    nonisolated(unsafe) let start = spectra.reserve(count * size, of: Scalar.self)
    let pool = WorkspacePool()
    Parallel.forEachChunk(of: count, chunk: 16, threads: threads) { _, range in
      pool.withWorkspace { workspace in
        for tile in range { transformImage(tile, into: start + tile * size, workspace) }
      }
    }
  }

  var channels: Int { layout.geometry.channels }
  var points: Int { tiles.rows * tiles.columns }
  /// Numbers (twice the complex entries) of the half spectrum of one channel.
  private var halfSpectrum: Int { 2 * tiles.rows * (tiles.columns / 2 + 1) }
  /// Numbers of the half spectra of one tile.
  private var tileSpectra: Int { channels * halfSpectrum }

  /// Writes the half spectra of all channels of one tile, counted through all samples.
  private func transformImage(
    _ tile: Int, into target: UnsafeMutablePointer<Scalar>, _ workspace: ConvolutionWorkspace
  ) {
    let (rows, columns) = (tiles.rows, tiles.columns)
    let planes = workspace.first.reserve(channels * points)
    let spectra = workspace.second.reserve(tileSpectra)
    planes.initialize(repeating: 0, count: channels * points)
    let (sample, place) = tile.quotientAndRemainder(dividingBy: tiles.count)
    let (down, across) = place.quotientAndRemainder(dividingBy: tiles.across)
    let geometry = layout.geometry
    let top = down * tiles.outputRows * geometry.strideRows
    let left = across * tiles.outputColumns * geometry.strideColumns
    let (height, width) = (layout.paddedHeight, layout.paddedWidth)
    padded.withUnsafeBufferPointer {
      guard let start = $0.baseAddress else { return }
      for c in 0..<channels {
        let image = start + sample * layout.sampleStride + (c * height + top) * width + left
        for row in 0..<min(rows, height - top) {
          (planes + c * points + row * columns).update(
            from: image + row * width, count: min(columns, width - left))
        }
      }
    }
    plan.forward(planes, spectra)
    reorder(spectra, into: target)
  }

  /// Half spectra `[channels, rows, columns / 2 + 1]` with each column contiguous, rows in the order of the passes.
  private func reorder(
    _ spectra: UnsafePointer<Double>, into target: UnsafeMutablePointer<Scalar>
  ) {
    let (rows, half) = (tiles.rows, tiles.columns / 2 + 1)
    transform.rows.frequencies.withUnsafeBufferPointer { frequencies in
      for c in 0..<channels {
        for column in 0..<half {
          let out = target + c * halfSpectrum + 2 * column * rows
          for place in 0..<rows {
            let entry = spectra + c * halfSpectrum + 2 * (Int(frequencies[place]) * half + column)
            out[2 * place] = Scalar(entry[0])
            out[2 * place + 1] = Scalar(entry[1])
          }
        }
      }
    }
  }

  /// The half spectra of some tiles: cached, or computed into the workspace.
  func imageSpectra(
    of range: Range<Int>, _ workspace: ConvolutionWorkspace
  ) -> UnsafePointer<Scalar> {
    if let spectra {
      return UnsafePointer(spectra.reserve(0, of: Scalar.self) + range.lowerBound * tileSpectra)
    }
    let target = workspace.imageSpectra.reserve(range.count * tileSpectra, of: Scalar.self)
    for tile in range {
      transformImage(tile, into: target + (tile - range.lowerBound) * tileSpectra, workspace)
    }
    return UnsafePointer(target)
  }

  /// Sum of squares of a sample's channels, by Parseval from its half spectra; `nil` when it is cut into tiles, which
  /// overlap.
  func energy(ofSample sample: Int) -> Double? {
    guard tiles.count == 1 else { return nil }
    let spectra = imageSpectra(of: sample..<sample + 1, ConvolutionWorkspace())
    let (rows, columns) = (tiles.rows, tiles.columns)
    var sum = 0.0
    for c in 0..<channels {
      for column in 0..<columns / 2 + 1 {
        // Columns other than the first and, in even sizes, the last stand for their mirror image too.
        let weight = column == 0 || 2 * column == columns ? 1.0 : 2.0
        for place in 0..<rows {
          let entry = spectra + c * halfSpectrum + 2 * (column * rows + place)
          let (re, im) = (entry[0].widened, entry[1].widened)
          sum += weight * (re * re + im * im)
        }
      }
    }
    return sum / Double(points)
  }
}
