import Synchronization
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Predicts the time of a training pass (responses and adjoint) of each backend from a few timed probes of the
/// backends themselves.
///
/// Times are processor seconds of one thread, which a busy machine disturbs less than those by the clock. im2col:
/// `n K (a m h + b m + c h)`, plus `e n K h` when patches are cut again in every pass. Direct: `n K (d h + f)` per
/// vector of eight filters, where a lone vector counts a third more and `K` is rounded up to whole blocks. FFT, per
/// group of 16 filters: a measured time per unit of the effort of its tiles, interpolated in the number of points, and
/// one product per point and further channel; a fifth more when responses do not stay in any cache, since its reads and
/// writes come between its arithmetic; plus the transforms of images when their spectra do not fit.
struct CostModel: Sendable {
  private var product: [Double] = [0, 0, 0]
  private var extraction = 0.0
  private var direct: [Double] = [0, 0]
  /// Seconds per unit of effort of square tiles of the sizes.
  private var effortTimes: [Double] = []
  private var channelTime = 0.0
  private var imageTime = 0.0

  private static let tileSizes = [8, 16, 32, 64, 128]
  /// Half of a usual last-level cache.
  private static let lastCacheBytes = 16.0 * 1_048_576
  private static let measured = Mutex<CostModel?>(nil)

  /// The model of this process, measured at the first call (20 to 40 ms on the machine of the benchmarks).
  static var shared: CostModel {
    get throws {
      try measured.withLock { model in
        if let model { return model }
        let fresh = try CostModel()
        model = fresh
        return fresh
      }
    }
  }

  private init() throws {
    let square = try Self.productTime(filter: 8, count: 64)
    let shallow = try Self.productTime(filter: 3, count: 64)
    let narrow = try Self.productTime(filter: 8, count: 8)
    // Three equations at (m, h) = (64, 64), (64, 9), (8, 64).
    let perTap = (square - shallow) / 55
    let perFilter = (square - narrow) / 56
    let perPair = max(0, (64 * (perTap + perFilter) - square) / 4096)
    product = [perPair, max(0, perFilter - 64 * perPair), max(0, perTap - 64 * perPair)]
    extraction = max(0, (try Self.productTime(filter: 8, count: 8, cached: false) - narrow) / 64)
    let (small, large) = (try Self.directTime(filter: 3), try Self.directTime(filter: 8))
    direct[0] = max(0, (large - small) / 55)
    direct[1] = max(0, small - 9 * direct[0])
    effortTimes = try Self.tileSizes.map {
      let (seconds, tiles) = try Self.spectralTime(size: $0)
      return seconds / tiles.effort
    }
    let (single, tiles) = try Self.spectralTime(size: 32)
    let points = Double(tiles.samples * 32 * 32)
    let channels = try Self.spectralTime(size: 32, channels: 3).seconds
    channelTime = max(0, (channels - single) / points / 2)
    let uncached = try Self.spectralTime(size: 32, cached: false).seconds
    imageTime = max(0, (uncached - single) / points)
  }

  /// Predicted seconds of one pass over all samples.
  func seconds(
    _ backend: ConvolutionBackend, layout: PatchLayout, samples: Int, filterCount m: Int,
    cacheBytes: Int
  ) -> Double {
    let geometry = layout.geometry
    let h = Double(geometry.patchDimension)
    let rows = Double(samples * geometry.patchesPerSample)
    switch backend {
    case .direct:
      let blocks = (geometry.patchesPerSample + 5) / 6 * 6
      return Double(samples * blocks) * Self.vectors(m) * (direct[0] * h + direct[1])
    case .fft:
      let tiles = SpectrumTiles(layout, samples: samples)
      let groups = Double((m + PlaneTransform.lanes - 1) / PlaneTransform.lanes)
      let points = Double(samples * tiles.count * tiles.rows * tiles.columns)
      let channels = Double(geometry.channels)
      let cached = FFTEngine.spectraBytes(layout, tiles, samples: samples) <= cacheBytes
      let perTile = effortTime(Double(tiles.rows * tiles.columns)) * tiles.effort
      let isFar = rows * Double(m) * 8 > Self.lastCacheBytes
      return (isFar ? 1.2 : 1) * groups * (perTile + (channels - 1) * channelTime * points)
        + (cached ? 0 : channels * imageTime * points)
    case .im2col, .auto:
      let cached = rows * h * 8 <= Double(cacheBytes)
      let filters = Double(m)
      let perRow = filters * (product[0] * h + product[1]) + product[2] * h
      return rows * (perRow + (cached ? 0 : extraction * h))
    }
  }

  /// Vectors of eight filters, weighted by their measured time: blocks of four or two keep more sums in registers.
  private static func vectors(_ m: Int) -> Double {
    let count = (m + 7) / 8
    return Double(count) + (count % 2 == 1 ? 0.33 : 0)
  }

  private func effortTime(_ points: Double) -> Double {
    var size = 64.0
    for index in 0..<effortTimes.count - 1 {
      if points <= 4 * size {
        // Sizes grow by 4 in points; weight by distance, which stands for the logarithm well enough.
        let weight = min(1, max(0, (points / size - 1) / 3))
        return effortTimes[index] * (1 - weight) + effortTimes[index + 1] * weight
      }
      size *= 4
    }
    return effortTimes[effortTimes.count - 1]
  }

  /// Seconds per patch of im2col with square filters.
  private static func productTime(filter: Int, count: Int, cached: Bool = true) throws -> Double {
    let layout = try layout(size: 32, filter: filter)
    let engine = PatchEngine(
      layout: layout, images: images(4, 1, 32), cacheBytes: cached ? .max : 0, threads: 1)
    return best(engine, layout, samples: 4, count: count)
      / Double(4 * layout.geometry.patchesPerSample)
  }

  /// Pixels of the probes: responses to 32 filters then leave the second-level cache, as in a pass over a data set.
  private static let probePixels = 8192

  /// Seconds per patch and vector of the direct backend with 32 square filters.
  private static func directTime(filter: Int) throws -> Double {
    let layout = try layout(size: 32, filter: filter)
    let samples = probePixels / (32 * 32)
    let engine = DirectEngine(layout: layout, images: images(samples, 1, 32))
    return best(engine, layout, samples: samples, count: 32)
      / Double(4 * samples * layout.geometry.patchesPerSample)
  }

  /// Seconds per group of 16 filters of the FFT backend on circular images, which are one tile each, and those tiles.
  private static func spectralTime(
    size: Int, channels: Int = 1, cached: Bool = true
  ) throws -> (seconds: Double, tiles: (samples: Int, effort: Double)) {
    let layout = PatchLayout(
      try PatchGeometry(
        channels: channels, imageHeight: size, imageWidth: size, filterHeight: size / 4,
        filterWidth: size / 4, padding: .circular))
    let samples = max(2, probePixels / (size * size))
    let engine = FFTEngine(
      layout: layout, images: images(samples, channels, size), cacheBytes: cached ? .max : 0,
      planning: .estimate, threads: 1)
    let seconds = best(engine, layout, samples: samples, count: 2 * PlaneTransform.lanes)
    return (seconds / 2, (samples, engine.tiles.effort))
  }

  private static func layout(size: Int, filter: Int, channels: Int = 1) throws -> PatchLayout {
    PatchLayout(
      try PatchGeometry(
        channels: channels, imageHeight: size, imageWidth: size, filterHeight: filter,
        filterWidth: filter))
  }

  private static func images(_ samples: Int, _ channels: Int, _ size: Int) -> Tensor {
    Tensor(shape: [samples, channels, size, size], repeating: 0.5)
  }

  /// The shortest of four passes, after one that fills caches.
  private static func best(
    _ engine: any ConvolutionEngine, _ layout: PatchLayout, samples: Int, count: Int
  ) -> Double {
    let size = count * layout.geometry.patchDimension
    var filters = [Double](repeating: 0.25, count: size)
    var gradient = [Double](repeating: 0, count: size)
    var workspace = ConvolutionWorkspace()
    var responses = [Double](
      repeating: 0, count: samples * layout.geometry.patchesPerSample * count)
    var shortest = Double.infinity
    for round in 0..<5 {
      // Other filters each time, so that no spectrum is kept.
      filters[0] = Double(round)
      let start = threadSeconds
      filters.withUnsafeBufferPointer { filters in
        gradient.withUnsafeMutableBufferPointer { gradient in
          responses.withUnsafeMutableBufferPointer { responses in
            guard let source = filters.baseAddress, let target = responses.baseAddress,
              let sums = gradient.baseAddress
            else { return }
            engine.responses(
              filters: source, count: count, samples: 0..<samples, into: target,
              workspace: &workspace)
            engine.accumulateAdjoint(
              cotangent: target, count: count, samples: 0..<samples, into: sums,
              workspace: &workspace)
          }
        }
      }
      shortest = min(shortest, threadSeconds - start)
    }
    return shortest
  }

  /// Processor seconds of the calling thread.
  private static var threadSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
  }
}
