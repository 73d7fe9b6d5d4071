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
/// vector of filters, where a lone vector counts a third more and `K` is rounded up to whole blocks. FFT, per group of
/// two vectors of filters: a measured time per unit of the effort of its tiles, interpolated in the number of points, and
/// one product per point and further channel; a fifth more when responses do not stay in any cache, since its reads and
/// writes come between its arithmetic; plus the transforms of images when their spectra do not fit.
///
/// Single precision has a model of its own, without im2col.
struct CostModel: Sendable {
  /// Filters in a vector.
  private let width: Int
  /// Bytes of a number.
  private let bytes: Double
  /// `a`, `b` and `c`; nil where there is no im2col.
  private var product: [Double]?
  private var extraction = 0.0
  private var direct: [Double] = [0, 0]
  /// Seconds per unit of effort of square tiles of the sizes.
  private var effortTimes: [Double] = []
  private var channelTime = 0.0
  private var imageTime = 0.0

  private static let tileSizes = [8, 16, 32, 64, 128]
  /// Half of a usual last-level cache.
  private static let lastCacheBytes = 16.0 * 1_048_576
  /// The models measured so far, by the number of filters in a vector.
  private static let measured = Guarded<[Int: CostModel]>([:])

  /// The model of this process for a type, measured at the first call (20 to 40 ms on the machine of the benchmarks).
  static func shared<Scalar: KernelScalar>(for type: Scalar.Type) throws -> CostModel {
    try measured.withLock { models in
      if let model = models[type.vectorWidth] { return model }
      let fresh = try CostModel(for: type)
      models[type.vectorWidth] = fresh
      return fresh
    }
  }

  private init<Scalar: KernelScalar>(for type: Scalar.Type) throws {
    width = type.vectorWidth
    bytes = Double(MemoryLayout<Scalar>.stride)
    if type == Double.self { try measureProducts() }
    let small = try Self.directTime(filter: 3, type)
    let large = try Self.directTime(filter: 8, type)
    direct[0] = max(0, (large - small) / 55)
    direct[1] = max(0, small - 9 * direct[0])
    effortTimes = try Self.tileSizes.map {
      let (seconds, tiles) = try Self.spectralTime(size: $0, type)
      return seconds / tiles.effort
    }
    let (single, tiles) = try Self.spectralTime(size: 32, type)
    let points = Double(tiles.samples * 32 * 32)
    let channels = try Self.spectralTime(size: 32, channels: 3, type).seconds
    channelTime = max(0, (channels - single) / points / 2)
    let uncached = try Self.spectralTime(size: 32, cached: false, type).seconds
    imageTime = max(0, (uncached - single) / points)
  }

  private mutating func measureProducts() throws {
    let square = try Self.productTime(filter: 8, count: 64)
    let shallow = try Self.productTime(filter: 3, count: 64)
    let narrow = try Self.productTime(filter: 8, count: 8)
    // Three equations at (m, h) = (64, 64), (64, 9), (8, 64).
    let perTap = (square - shallow) / 55
    let perFilter = (square - narrow) / 56
    let perPair = max(0, (64 * (perTap + perFilter) - square) / 4096)
    product = [perPair, max(0, perFilter - 64 * perPair), max(0, perTap - 64 * perPair)]
    extraction = max(0, (try Self.productTime(filter: 8, count: 8, cached: false) - narrow) / 64)
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
      let block = m > 2 * width ? 6 : 12
      let blocks = (geometry.patchesPerSample + block - 1) / block * block
      return Double(samples * blocks) * vectors(m) * (direct[0] * h + direct[1])
    case .fft:
      let tiles = SpectrumTiles(layout, samples: samples)
      let groups = Double((m + 2 * width - 1) / (2 * width))
      let points = Double(samples * tiles.count * tiles.rows * tiles.columns)
      let channels = Double(geometry.channels)
      let spectra = Double(samples * tiles.spectrumCount * geometry.channels) * bytes
      let cached = spectra <= Double(cacheBytes)
      let perTile = effortTime(Double(tiles.rows * tiles.columns)) * tiles.effort
      let isFar = rows * Double(m) * bytes > Self.lastCacheBytes
      return (isFar ? 1.2 : 1) * groups * (perTile + (channels - 1) * channelTime * points)
        + (cached ? 0 : channels * imageTime * points)
    case .im2col, .auto:
      guard let product else { return .infinity }
      let cached = rows * h * 8 <= Double(cacheBytes)
      let filters = Double(m)
      let perRow = filters * (product[0] * h + product[1]) + product[2] * h
      return rows * (perRow + (cached ? 0 : extraction * h))
    }
  }

  /// Vectors of filters, weighted by their measured time: blocks of four or two keep more sums in registers.
  private func vectors(_ m: Int) -> Double {
    let count = (m + width - 1) / width
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

  /// Pixels of the probes: responses to four vectors of filters then leave the second-level cache, as in a pass over a data set.
  private static let probePixels = 8192

  /// Seconds per patch and vector of the direct backend with four vectors of square filters.
  private static func directTime<Scalar: KernelScalar>(
    filter: Int, _ type: Scalar.Type
  ) throws -> Double {
    let layout = try layout(size: 32, filter: filter)
    let samples = probePixels / (32 * 32)
    let engine = DirectEngine<Scalar>(layout: layout, images: images(samples, 1, 32))
    return best(engine, layout, samples: samples, count: 4 * Scalar.vectorWidth)
      / Double(4 * samples * layout.geometry.patchesPerSample)
  }

  /// Seconds per two vectors of filters of the FFT backend on circular images, which are one tile each, and those tiles.
  private static func spectralTime<Scalar: KernelScalar>(
    size: Int, channels: Int = 1, cached: Bool = true, _ type: Scalar.Type
  ) throws -> (seconds: Double, tiles: (samples: Int, effort: Double)) {
    let layout = PatchLayout(
      try PatchGeometry(
        channels: channels, imageHeight: size, imageWidth: size, filterHeight: size / 4,
        filterWidth: size / 4, padding: .circular))
    let samples = max(2, probePixels / (size * size))
    let engine = FFTEngine<Scalar>(
      layout: layout, images: images(samples, channels, size), cacheBytes: cached ? .max : 0,
      planning: .estimate, threads: 1)
    let seconds = best(engine, layout, samples: samples, count: 2 * Scalar.planesPerTransform)
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
  private static func best<Engine: ConvolutionEngine>(
    _ engine: Engine, _ layout: PatchLayout, samples: Int, count: Int
  ) -> Double {
    let size = count * layout.geometry.patchDimension
    var filters = [Engine.Scalar](repeating: 0.25, count: size)
    var gradient = [Double](repeating: 0, count: size)
    var workspace = ConvolutionWorkspace()
    var responses = [Engine.Scalar](
      repeating: 0, count: samples * layout.geometry.patchesPerSample * count)
    var shortest = Double.infinity
    for round in 0..<5 {
      // Other filters each time, so that no spectrum is kept.
      filters[0] = Engine.Scalar(round)
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
