import CKernels
import Synchronization
import Tensors

/// Convolution by products of spectra.
///
/// A filter meets an image in a circular correlation of the transform size, whose wrap-around either is the circular
/// padding itself or lands on positions that are not read. The spectrum of a response is
/// `sum_c X_c conj(F_c)`; that of a gradient is `sum_i X_i conj(Z_i)`.
final class FFTEngine: ConvolutionEngine {
  /// Identity of an engine, for workspaces to remember whose spectra they hold.
  final class Token: Sendable {}

  /// Planes transformed together.
  private static let batch = 8

  let layout: PatchLayout
  let rows: Int
  let columns: Int
  private let token = Token()
  private let planning: FFTPlanning
  private let padded: [Double]
  /// Spectra of all samples, `[n, channels, rows, columns / 2 + 1]` complex, when they fit within the budget.
  private let spectra: AlignedBuffer?
  private let positions: [Int32]
  private let taps: [Int32]
  private let plans = Mutex<[Int: FFTPlan]>([:])

  init(
    layout: PatchLayout, images: Tensor, cacheBytes: Int, planning: FFTPlanning, threads: Int
  ) {
    self.layout = layout
    self.planning = planning
    let geometry = layout.geometry
    let (rows, columns) = Self.transformShape(layout)
    (self.rows, self.columns) = (rows, columns)
    positions = (0..<geometry.outputHeight).flatMap { row in
      (0..<geometry.outputWidth).map {
        Int32(row * geometry.strideRows * columns + $0 * geometry.strideColumns)
      }
    }
    taps = (0..<geometry.filterHeight).flatMap { row in
      (0..<geometry.filterWidth).map {
        Int32(row * geometry.dilationRows * columns + $0 * geometry.dilationColumns)
      }
    }
    let samples = images.shape[0]
    let size = 2 * rows * (columns / 2 + 1) * geometry.channels
    let fits = samples * size * MemoryLayout<Double>.stride <= cacheBytes
    spectra = fits ? AlignedBuffer() : nil
    padded = layout.padded(images)
    guard let spectra else { return }
    nonisolated(unsafe) let start = spectra.reserve(samples * size)
    let pool = WorkspacePool()
    Parallel.forEachChunk(of: samples, chunk: 16, threads: threads) { _, range in
      pool.withWorkspace { workspace in
        for i in range { transform(sample: i, into: start + i * size, workspace) }
      }
    }
  }

  /// Rows and columns of the transform.
  static func transformShape(_ layout: PatchLayout) -> (rows: Int, columns: Int) {
    func size(_ image: Int, _ padded: Int) -> Int {
      let exact = layout.geometry.padding == .circular && FFTPlanner.isSmooth(image)
      return exact ? image : FFTPlanner.transformSize(atLeast: padded)
    }
    let geometry = layout.geometry
    return (
      size(geometry.imageHeight, layout.paddedHeight), size(geometry.imageWidth, layout.paddedWidth)
    )
  }

  private var plane: Int { rows * columns }
  /// Numbers (twice the complex entries) of one half spectrum.
  private var spectrum: Int { 2 * rows * (columns / 2 + 1) }
  private var channels: Int { layout.geometry.channels }

  private func plan(_ direction: FFTPlan.Direction, _ batch: Int) -> FFTPlan {
    plans.withLock { plans in
      let key = direction == .forward ? batch : -batch
      if let plan = plans[key] { return plan }
      let plan = FFTPlan(
        direction, rows: rows, columns: columns, batch: batch, planning: planning)
      plans[key] = plan
      return plan
    }
  }

  /// Calls `body` with the first plane and the number of planes of each batch of `0..<count`.
  private func forEachBatch(_ count: Int, _ body: (Int, Int) -> Void) {
    for first in stride(from: 0, to: count, by: Self.batch) {
      body(first, min(Self.batch, count - first))
    }
  }

  /// Writes the half spectra of all channels of one sample.
  private func transform(
    sample: Int, into target: UnsafeMutablePointer<Double>, _ workspace: ConvolutionWorkspace
  ) {
    let planes = workspace.first.reserve(max(channels, Self.batch) * plane)
    planes.initialize(repeating: 0, count: channels * plane)
    let (height, width) = (layout.paddedHeight, layout.paddedWidth)
    padded.withUnsafeBufferPointer {
      guard let start = $0.baseAddress else { return }
      for c in 0..<channels {
        let image = start + sample * layout.sampleStride + c * height * width
        for row in 0..<min(rows, height) {
          (planes + c * plane + row * columns).update(
            from: image + row * width, count: min(columns, width))
        }
      }
    }
    plan(.forward, channels).forward(planes, target)
  }

  /// The half spectra of one sample: cached, or computed into the workspace.
  private func spectra(
    of sample: Int, _ workspace: ConvolutionWorkspace
  ) -> UnsafePointer<Double> {
    if let spectra { return UnsafePointer(spectra.reserve(0) + sample * channels * spectrum) }
    let target = workspace.sampleSpectra.reserve(channels * spectrum)
    transform(sample: sample, into: target, workspace)
    return UnsafePointer(target)
  }

  /// The half spectra of filters, `[m, channels]`, divided by the number of points; kept for the next call.
  private func filterSpectra(
    _ filters: UnsafePointer<Double>, _ m: Int, _ workspace: inout ConvolutionWorkspace
  ) -> UnsafePointer<Double> {
    let h = layout.geometry.patchDimension
    let given = UnsafeBufferPointer(start: filters, count: m * h)
    let target = workspace.filterSpectra.reserve(m * channels * spectrum)
    if workspace.spectraOwner === token, workspace.spectraFilters.elementsEqual(given) {
      return UnsafePointer(target)
    }
    let scale = 1 / Double(plane)
    let planes = workspace.first.reserve(max(channels, Self.batch) * plane)
    planes.initialize(repeating: 0, count: Self.batch * plane)
    forEachBatch(m * channels) { first, count in
      for b in 0..<count {
        let (j, c) = (first + b).quotientAndRemainder(dividingBy: channels)
        let source = filters + j * h + c * taps.count
        for t in 0..<taps.count { planes[b * plane + Int(taps[t])] = scale * source[t] }
      }
      plan(.forward, count).forward(planes, target + first * spectrum)
    }
    workspace.spectraOwner = token
    workspace.spectraFilters = Array(given)
    return UnsafePointer(target)
  }

  func responses(
    filters: UnsafePointer<Double>, count m: Int, samples: Range<Int>,
    into responses: UnsafeMutablePointer<Double>, workspace: inout ConvolutionWorkspace
  ) {
    let h = layout.geometry.patchDimension
    let filterSpectra = filterSpectra(filters, m, &workspace)
    let bias = (0..<m).map { layout.geometry.hasBias ? filters[$0 * h + h - 1] : 0 }
    let planes = workspace.first.reserve(max(channels, Self.batch) * plane)
    let products = workspace.second.reserve(Self.batch * spectrum)
    for i in samples {
      let image = spectra(of: i, workspace)
      let target = responses + (i - samples.lowerBound) * positions.count * m
      forEachBatch(m) { first, count in
        for b in 0..<count {
          for c in 0..<channels {
            ck_multiply_conjugate(
              products + b * spectrum, image + c * spectrum,
              filterSpectra + ((first + b) * channels + c) * spectrum, spectrum / 2, c > 0 ? 1 : 0)
          }
        }
        plan(.backward, count).backward(products, planes)
        bias.withUnsafeBufferPointer {
          guard let bias = $0.baseAddress else { return }
          ck_planes_to_rows(
            planes, count, plane, positions, positions.count, bias + first, target + first, m)
        }
      }
    }
  }

  func accumulateAdjoint(
    cotangent: UnsafePointer<Double>, count m: Int, samples: Range<Int>,
    into gradient: UnsafeMutablePointer<Double>, workspace: inout ConvolutionWorkspace
  ) {
    workspace.spectraOwner = nil
    let sums = workspace.filterSpectra.reserve(m * channels * spectrum)
    sums.initialize(repeating: 0, count: m * channels * spectrum)
    let products = workspace.second.reserve(Self.batch * spectrum)
    let planes = workspace.third.reserve(Self.batch * plane)
    planes.initialize(repeating: 0, count: Self.batch * plane)
    for i in samples {
      let image = spectra(of: i, workspace)
      let source = cotangent + (i - samples.lowerBound) * positions.count * m
      forEachBatch(m) { first, count in
        ck_rows_to_planes(source + first, m, positions, positions.count, planes, count, plane)
        plan(.forward, count).forward(planes, products)
        for b in 0..<count {
          for c in 0..<channels {
            ck_multiply_conjugate(
              sums + ((first + b) * channels + c) * spectrum, image + c * spectrum,
              products + b * spectrum, spectrum / 2, 1)
          }
        }
      }
    }
    addFilters(of: sums, m, planes, to: gradient)
    addBias(cotangent, m, samples.count * positions.count, to: gradient)
  }

  /// Adds the taps of transformed-back gradient spectra, which are lost, to a gradient.
  private func addFilters(
    of sums: UnsafeMutablePointer<Double>, _ m: Int, _ planes: UnsafeMutablePointer<Double>,
    to gradient: UnsafeMutablePointer<Double>
  ) {
    let scale = 1 / Double(plane)
    forEachBatch(m * channels) { first, count in
      plan(.backward, count).backward(sums + first * spectrum, planes)
      for b in 0..<count {
        let (j, c) = (first + b).quotientAndRemainder(dividingBy: channels)
        let target = gradient + j * layout.geometry.patchDimension + c * taps.count
        for t in 0..<taps.count { target[t] += scale * planes[b * plane + Int(taps[t])] }
      }
    }
  }

  /// Adds the column sums of a cotangent of shape `[rows, m]` to the bias entries of a gradient.
  private func addBias(
    _ cotangent: UnsafePointer<Double>, _ m: Int, _ rows: Int,
    to gradient: UnsafeMutablePointer<Double>
  ) {
    guard layout.geometry.hasBias else { return }
    var sums = [Double](repeating: 0, count: m)
    for row in 0..<rows { for j in 0..<m { sums[j] += cotangent[row * m + j] } }
    let h = layout.geometry.patchDimension
    for j in 0..<m { gradient[j * h + h - 1] += sums[j] }
  }

  /// Sum of squares of a sample's channels, by Parseval from its half spectra.
  func energy(ofSample sample: Int) -> Double {
    let spectra = spectra(of: sample, ConvolutionWorkspace())
    let half = columns / 2 + 1
    var sum = 0.0
    for c in 0..<channels {
      for column in 0..<half {
        // Columns other than the first and, in even sizes, the last stand for their mirror image too.
        let weight = column == 0 || 2 * column == columns ? 1.0 : 2.0
        for row in 0..<rows {
          let entry = spectra + c * spectrum + 2 * (row * half + column)
          sum += weight * (entry[0] * entry[0] + entry[1] * entry[1])
        }
      }
    }
    return sum / Double(plane)
  }
}
