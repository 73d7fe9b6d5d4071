extension FFTEngine {
  /// Tiles handled together: one when the spectra of all filters stay in the second-level cache, so that responses are
  /// in far memory once; more when they do not, so that those spectra are read from there once for several tiles.
  private func block(_ groups: Int) -> Int {
    groups * channels * transform.spectrum * MemoryLayout<Scalar>.stride <= 524_288 ? 1 : 8
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
    (m + Scalar.planesPerTransform - 1) / Scalar.planesPerTransform
  }

  /// Calls `body` with each tile of the samples and its half spectra, group of filters by group of filters within
  /// blocks of tiles.
  private func forEachTile(
    _ samples: Range<Int>, groups: Int, _ workspace: ConvolutionWorkspace,
    _ body: (_ group: Int, _ window: Window, _ image: UnsafePointer<Scalar>) -> Void
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
    _ filters: UnsafePointer<Scalar>, _ m: Int, _ workspace: inout ConvolutionWorkspace
  ) -> UnsafePointer<Scalar> {
    let geometry = layout.geometry
    let (h, taps) = (geometry.patchDimension, geometry.filterHeight * geometry.filterWidth)
    let given = UnsafeBufferPointer(start: filters, count: m * h)
    let target = workspace.filterSpectra.reserve(
      groups(m) * channels * transform.spectrum, of: Scalar.self)
    if workspace.spectraOwner === token,
      workspace.spectraFilters.elementsEqual(given.lazy.map { $0.widened })
    {
      return UnsafePointer(target)
    }
    let width = groups(m) * Scalar.planesPerTransform
    let packed = workspace.first.reserve(channels * taps * width, of: Scalar.self)
    packed.initialize(repeating: 0, count: channels * taps * width)
    let scale = 1 / Scalar(points)
    for j in 0..<m {
      for t in 0..<channels * taps { packed[t * width + j] = scale * filters[j * h + t] }
    }
    let work = workspace.third.reserve(transform.work, of: Scalar.self)
    transform.withSpectra { plan in
      for group in 0..<groups(m) {
        for c in 0..<channels {
          Scalar.spectraForward(
            plan, packed + c * taps * width + group * Scalar.planesPerTransform,
            geometry.filterWidth * width, width, geometry.filterHeight, geometry.filterWidth,
            geometry.dilationRows, geometry.dilationColumns, Scalar.planesPerTransform, work, nil,
            1,
            target + (group * channels + c) * transform.spectrum)
        }
      }
    }
    workspace.spectraOwner = token
    workspace.spectraFilters = given.map { $0.widened }
    return UnsafePointer(target)
  }

  func responses(
    filters: UnsafePointer<Scalar>, count m: Int, samples: Range<Int>,
    into responses: UnsafeMutablePointer<Scalar>, workspace: inout ConvolutionWorkspace
  ) {
    let geometry = layout.geometry
    let h = geometry.patchDimension
    let filterSpectra = filterSpectra(filters, m, &workspace)
    let bias = geometry.hasBias ? (0..<m).map { filters[$0 * h + h - 1] } : []
    let work = workspace.third.reserve(transform.work, of: Scalar.self)
    let groupSize = channels * transform.spectrum
    transform.withSpectra { plan in
      bias.withUnsafeBufferPointer { bias in
        forEachTile(samples, groups: groups(m), workspace) { group, window, image in
          let first = group * Scalar.planesPerTransform
          Scalar.spectraBackward(
            plan, filterSpectra + group * groupSize, image, channels, window.rows, window.columns,
            geometry.strideRows, geometry.strideColumns, work,
            geometry.hasBias ? bias.baseAddress.map { $0 + first } : nil,
            min(Scalar.planesPerTransform, m - first), responses + window.firstPosition * m + first,
            geometry.outputWidth * m, m)
        }
      }
    }
  }

  func accumulateAdjoint(
    cotangent: UnsafePointer<Scalar>, count m: Int, samples: Range<Int>,
    into gradient: UnsafeMutablePointer<Double>, workspace: inout ConvolutionWorkspace
  ) {
    let geometry = layout.geometry
    workspace.spectraOwner = nil
    let groupSize = channels * transform.spectrum
    let sums = workspace.filterSpectra.reserve(groups(m) * groupSize, of: Scalar.self)
    sums.initialize(repeating: 0, count: groups(m) * groupSize)
    let work = workspace.third.reserve(transform.work, of: Scalar.self)
    transform.withSpectra { plan in
      forEachTile(samples, groups: groups(m), workspace) { group, window, image in
        let first = group * Scalar.planesPerTransform
        Scalar.spectraForward(
          plan, cotangent + window.firstPosition * m + first, geometry.outputWidth * m, m,
          window.rows, window.columns, geometry.strideRows, geometry.strideColumns,
          min(Scalar.planesPerTransform, m - first), work, image, channels, sums + group * groupSize
        )
      }
    }
    addFilters(of: sums, m, workspace, to: gradient)
    if geometry.hasBias {
      addBias(cotangent, m, samples.count * geometry.patchesPerSample, to: gradient)
    }
  }

  /// Adds the taps of the transformed spectra of a gradient, `[groups, channels]`, to it.
  private func addFilters(
    of sums: UnsafePointer<Scalar>, _ m: Int, _ workspace: ConvolutionWorkspace,
    to gradient: UnsafeMutablePointer<Double>
  ) {
    let geometry = layout.geometry
    let (h, taps) = (geometry.patchDimension, geometry.filterHeight * geometry.filterWidth)
    let width = groups(m) * Scalar.planesPerTransform
    let packed = workspace.first.reserve(channels * taps * width, of: Scalar.self)
    let work = workspace.third.reserve(transform.work, of: Scalar.self)
    transform.withSpectra { plan in
      for group in 0..<groups(m) {
        for c in 0..<channels {
          Scalar.spectraBackward(
            plan, sums + (group * channels + c) * transform.spectrum, nil, 1,
            geometry.filterHeight, geometry.filterWidth, geometry.dilationRows,
            geometry.dilationColumns, work, nil, Scalar.planesPerTransform,
            packed + c * taps * width + group * Scalar.planesPerTransform,
            geometry.filterWidth * width,
            width)
        }
      }
    }
    let scale = 1 / Scalar(points)
    for j in 0..<m {
      for t in 0..<channels * taps {
        gradient[j * h + t] += (scale * packed[t * width + j]).widened
      }
    }
  }

  /// Adds the column sums of a cotangent of shape `[rows, m]` to the bias entries of a gradient.
  private func addBias(
    _ cotangent: UnsafePointer<Scalar>, _ m: Int, _ rows: Int,
    to gradient: UnsafeMutablePointer<Double>
  ) {
    var sums = [Double](repeating: 0, count: m)
    for row in 0..<rows { for j in 0..<m { sums[j] += cotangent[row * m + j].widened } }
    let h = layout.geometry.patchDimension
    for j in 0..<m { gradient[j * h + h - 1] += sums[j] }
  }
}
