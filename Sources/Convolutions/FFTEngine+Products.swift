import CKernels

extension FFTEngine {
  /// Tiles handled together: one when the spectra of all filters stay in the second-level cache, so that responses are
  /// in far memory once; more when they do not, so that those spectra are read from there once for several tiles.
  private func block(_ groups: Int) -> Int {
    groups * channels * transform.spectrum <= 65_536 ? 1 : 8
  }

  /// The part of a tile that has positions, and where its first one stands among those of the range of samples.
  private struct Window {
    let rows: Int
    let columns: Int
    let firstPosition: Int
  }

  private func window(_ tile: Int, since sample: Int) -> Window {
    let geometry = layout.geometry
    let (index, place) = tile.quotientAndRemainder(dividingBy: tiles.count)
    let (down, across) = place.quotientAndRemainder(dividingBy: tiles.across)
    let (top, left) = (down * tiles.outputRows, across * tiles.outputColumns)
    return Window(
      rows: min(tiles.outputRows, geometry.outputHeight - top),
      columns: min(tiles.outputColumns, geometry.outputWidth - left),
      firstPosition: ((index - sample) * geometry.outputHeight + top) * geometry.outputWidth + left)
  }

  /// Groups of filters that share the lanes of a transform.
  private func groups(_ m: Int) -> Int {
    (m + PlaneTransform.lanes - 1) / PlaneTransform.lanes
  }

  /// Calls `body` with each tile of the samples and its half spectra, group of filters by group of filters within
  /// blocks of tiles.
  private func forEachTile(
    _ samples: Range<Int>, groups: Int, _ workspace: ConvolutionWorkspace,
    _ body: (_ group: Int, _ window: Window, _ image: UnsafePointer<Double>) -> Void
  ) {
    let all = samples.lowerBound * tiles.count..<samples.upperBound * tiles.count
    let size = channels * 2 * tiles.rows * (tiles.columns / 2 + 1)
    let block = block(groups)
    for first in stride(from: all.lowerBound, to: all.upperBound, by: block) {
      let range = first..<min(first + block, all.upperBound)
      let spectra = imageSpectra(of: range, workspace)
      for group in 0..<groups {
        for tile in range {
          body(
            group, window(tile, since: samples.lowerBound),
            spectra + (tile - range.lowerBound) * size)
        }
      }
    }
  }

  /// The spectra of filters, `[groups, channels]`, divided by the number of points; kept for the next call.
  private func filterSpectra(
    _ filters: UnsafePointer<Double>, _ m: Int, _ workspace: inout ConvolutionWorkspace
  ) -> UnsafePointer<Double> {
    let geometry = layout.geometry
    let (h, taps) = (geometry.patchDimension, geometry.filterHeight * geometry.filterWidth)
    let given = UnsafeBufferPointer(start: filters, count: m * h)
    let target = workspace.filterSpectra.reserve(groups(m) * channels * transform.spectrum)
    if workspace.spectraOwner === token, workspace.spectraFilters.elementsEqual(given) {
      return UnsafePointer(target)
    }
    let width = groups(m) * PlaneTransform.lanes
    let packed = workspace.first.reserve(channels * taps * width)
    packed.initialize(repeating: 0, count: channels * taps * width)
    let scale = 1 / Double(points)
    for j in 0..<m {
      for t in 0..<channels * taps { packed[t * width + j] = scale * filters[j * h + t] }
    }
    let work = workspace.third.reserve(transform.work)
    transform.withSpectra { plan in
      for group in 0..<groups(m) {
        for c in 0..<channels {
          ck_spectra_forward(
            plan, packed + c * taps * width + group * PlaneTransform.lanes,
            geometry.filterWidth * width, width, geometry.filterHeight, geometry.filterWidth,
            geometry.dilationRows, geometry.dilationColumns, PlaneTransform.lanes, work, nil, 1,
            target + (group * channels + c) * transform.spectrum)
        }
      }
    }
    workspace.spectraOwner = token
    workspace.spectraFilters = Array(given)
    return UnsafePointer(target)
  }

  func responses(
    filters: UnsafePointer<Double>, count m: Int, samples: Range<Int>,
    into responses: UnsafeMutablePointer<Double>, workspace: inout ConvolutionWorkspace
  ) {
    let geometry = layout.geometry
    let h = geometry.patchDimension
    let filterSpectra = filterSpectra(filters, m, &workspace)
    let bias = geometry.hasBias ? (0..<m).map { filters[$0 * h + h - 1] } : []
    let work = workspace.third.reserve(transform.work)
    let groupSize = channels * transform.spectrum
    transform.withSpectra { plan in
      bias.withUnsafeBufferPointer { bias in
        forEachTile(samples, groups: groups(m), workspace) { group, window, image in
          let first = group * PlaneTransform.lanes
          ck_spectra_backward(
            plan, filterSpectra + group * groupSize, image, channels, window.rows, window.columns,
            geometry.strideRows, geometry.strideColumns, work,
            geometry.hasBias ? bias.baseAddress.map { $0 + first } : nil,
            min(PlaneTransform.lanes, m - first), responses + window.firstPosition * m + first,
            geometry.outputWidth * m, m)
        }
      }
    }
  }

  func accumulateAdjoint(
    cotangent: UnsafePointer<Double>, count m: Int, samples: Range<Int>,
    into gradient: UnsafeMutablePointer<Double>, workspace: inout ConvolutionWorkspace
  ) {
    let geometry = layout.geometry
    workspace.spectraOwner = nil
    let groupSize = channels * transform.spectrum
    let sums = workspace.filterSpectra.reserve(groups(m) * groupSize)
    sums.initialize(repeating: 0, count: groups(m) * groupSize)
    let work = workspace.third.reserve(transform.work)
    transform.withSpectra { plan in
      forEachTile(samples, groups: groups(m), workspace) { group, window, image in
        let first = group * PlaneTransform.lanes
        ck_spectra_forward(
          plan, cotangent + window.firstPosition * m + first, geometry.outputWidth * m, m,
          window.rows, window.columns, geometry.strideRows, geometry.strideColumns,
          min(PlaneTransform.lanes, m - first), work, image, channels, sums + group * groupSize)
      }
    }
    addFilters(of: sums, m, workspace, to: gradient)
    if geometry.hasBias {
      addBias(cotangent, m, samples.count * geometry.patchesPerSample, to: gradient)
    }
  }

  /// Adds the taps of the transformed spectra of a gradient, `[groups, channels]`, to it.
  private func addFilters(
    of sums: UnsafePointer<Double>, _ m: Int, _ workspace: ConvolutionWorkspace,
    to gradient: UnsafeMutablePointer<Double>
  ) {
    let geometry = layout.geometry
    let (h, taps) = (geometry.patchDimension, geometry.filterHeight * geometry.filterWidth)
    let width = groups(m) * PlaneTransform.lanes
    let packed = workspace.first.reserve(channels * taps * width)
    let work = workspace.third.reserve(transform.work)
    transform.withSpectra { plan in
      for group in 0..<groups(m) {
        for c in 0..<channels {
          ck_spectra_backward(
            plan, sums + (group * channels + c) * transform.spectrum, nil, 1,
            geometry.filterHeight, geometry.filterWidth, geometry.dilationRows,
            geometry.dilationColumns, work, nil, PlaneTransform.lanes,
            packed + c * taps * width + group * PlaneTransform.lanes, geometry.filterWidth * width,
            width)
        }
      }
    }
    let scale = 1 / Double(points)
    for j in 0..<m {
      for t in 0..<channels * taps { gradient[j * h + t] += scale * packed[t * width + j] }
    }
  }

  /// Adds the column sums of a cotangent of shape `[rows, m]` to the bias entries of a gradient.
  private func addBias(
    _ cotangent: UnsafePointer<Double>, _ m: Int, _ rows: Int,
    to gradient: UnsafeMutablePointer<Double>
  ) {
    var sums = [Double](repeating: 0, count: m)
    for row in 0..<rows { for j in 0..<m { sums[j] += cotangent[row * m + j] } }
    let h = layout.geometry.patchDimension
    for j in 0..<m { gradient[j * h + h - 1] += sums[j] }
  }
}
