import Synchronization
import Tensors

/// Predicts the time of one pass of each backend from a few timed probes of the backends themselves.
///
/// Times are seconds on one thread. im2col: `n K (a m h + b m + c h)`, plus `e n K h` when patches are cut again
/// in every pass. Direct: `n K (d m h + f m)` with `m` rounded up to 8. FFT: a measured time per point and filter,
/// interpolated in the logarithm of the transform size, and one product per further channel.
struct CostModel: Sendable {
  private var product: [Double] = [0, 0, 0]
  private var extraction = 0.0
  private var direct: [Double] = [0, 0]
  private var pointTimes: [Double] = []
  private var channelTime = 0.0

  private static let transformSizes = [8, 16, 32, 64, 128, 256]
  private static let measured = Mutex<CostModel?>(nil)

  /// The model of this process, measured at the first call (30 to 50 ms on the machine of the benchmarks).
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
    direct[0] = max(0, (large - small) / (55 * 16))
    direct[1] = max(0, small / 16 - 9 * direct[0])
    pointTimes = try Self.transformSizes.map { try Self.pointTime(size: $0, channels: 1) }
    channelTime = max(0, (try Self.pointTime(size: 32, channels: 3) - pointTimes[2]) / 2)
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
      return rows * Double((m + 7) / 8 * 8) * (direct[0] * h + direct[1])
    case .fft:
      let shape = FFTEngine.transformShape(layout)
      let points = Double(shape.rows * shape.columns)
      let channels = Double(geometry.channels)
      let inverse = pointTime(points) + (channels - 1) * channelTime
      let transforms = Double(samples) * inverse + channels * pointTime(points)
      return Double(m) * points * transforms
    case .im2col, .auto:
      let cached = rows * h * 8 <= Double(cacheBytes)
      let filters = Double(m)
      let perRow = filters * (product[0] * h + product[1]) + product[2] * h
      return rows * (perRow + (cached ? 0 : extraction * h))
    }
  }

  private func pointTime(_ points: Double) -> Double {
    var size = 64.0
    for index in 0..<pointTimes.count - 1 {
      if points <= 4 * size {
        // Sizes grow by 4 in points; weight by distance, which stands for the logarithm well enough.
        let weight = min(1, max(0, (points / size - 1) / 3))
        return pointTimes[index] * (1 - weight) + pointTimes[index + 1] * weight
      }
      size *= 4
    }
    return pointTimes[pointTimes.count - 1] * (points > size ? 1.3 : 1)
  }

  /// Seconds per patch of im2col with square filters.
  private static func productTime(filter: Int, count: Int, cached: Bool = true) throws -> Double {
    let layout = try layout(size: 32, filter: filter)
    let engine = PatchEngine(
      layout: layout, images: images(4, 1, 32), cacheBytes: cached ? .max : 0, threads: 1)
    return best(engine, layout, samples: 4, count: count)
      / Double(4 * layout.geometry.patchesPerSample)
  }

  /// Seconds per patch of the direct backend with 16 square filters.
  private static func directTime(filter: Int) throws -> Double {
    let layout = try layout(size: 32, filter: filter)
    let engine = DirectEngine(layout: layout, images: images(4, 1, 32))
    return best(engine, layout, samples: 4, count: 16)
      / Double(4 * layout.geometry.patchesPerSample)
  }

  /// Seconds per point, sample and filter of the FFT backend.
  private static func pointTime(size: Int, channels: Int) throws -> Double {
    let layout = try layout(size: size, filter: 3, channels: channels)
    let samples = max(1, 32 / size)
    let engine = FFTEngine(
      layout: layout, images: images(samples, channels, size), cacheBytes: .max,
      planning: .estimate, threads: 1)
    return best(engine, layout, samples: samples, count: 8) / Double(samples * 8 * size * size)
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
    let filters = [Double](repeating: 0.25, count: count * layout.geometry.patchDimension)
    var workspace = ConvolutionWorkspace()
    var responses = [Double](
      repeating: 0, count: samples * layout.geometry.patchesPerSample * count)
    var shortest = Double.infinity
    let clock = ContinuousClock()
    for _ in 0..<5 {
      let time = clock.measure {
        responses.withUnsafeMutableBufferPointer { responses in
          filters.withUnsafeBufferPointer { filters in
            guard let source = filters.baseAddress, let target = responses.baseAddress else {
              return
            }
            engine.responses(
              filters: source, count: count, samples: 0..<samples, into: target,
              workspace: &workspace)
          }
        }
      }
      let (seconds, attoseconds) = time.components
      shortest = min(shortest, Double(seconds) + Double(attoseconds) * 1e-18)
    }
    return shortest
  }
}
