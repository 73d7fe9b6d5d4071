import Convolutions
import Tensors

/// Where FFT overtakes im2col: one training pass (responses and adjoint) of each backend, one thread.
///
/// Each time is the minimum of several repetitions in one run; only ratios are worth comparing between machines.
struct ConvolutionScaling {
  /// Times of one shape, in seconds per sample.
  struct Row {
    let image: Int
    let filter: Int
    let samples: Int
    let seconds: [ConvolutionBackend: Double]
    let picked: ConvolutionBackend

    /// Time of a backend divided by that of FFT.
    func ratio(_ backend: ConvolutionBackend) -> Double {
      (seconds[backend] ?? .nan) / (seconds[.fft] ?? .nan)
    }
  }

  private static let filterCount = 32
  private static let backends: [ConvolutionBackend] = [.im2col, .direct, .fft]

  let images: [Int]
  let filters: [Int]
  /// Least number of repetitions, and the time to fill with more.
  let repetitions: (least: Int, seconds: Double)

  init(isQuick: Bool) {
    images = isQuick ? [8, 16, 32, 64, 128, 256] : [8, 16, 32, 64, 128, 256, 512]
    filters = isQuick ? [2, 3, 7, 15] : [2, 3, 5, 7, 11, 15, 21, 31]
    repetitions = isQuick ? (2, 0.05) : (3, 0.25)
  }

  /// Measures every shape, prints the fixed-width table, then the same as CSV.
  func run() throws {
    print("image filter samples  im2col ms  direct ms     fft ms  im2col/fft  direct/fft  auto")
    var rows: [Row] = []
    for image in images {
      for filter in filters where filter <= image {
        let row = try measure(image: image, filter: filter)
        rows.append(row)
        print(Self.line(row))
      }
    }
    print("\nimage,filter,samples,im2col_ms,direct_ms,fft_ms,im2col_over_fft,direct_over_fft,auto")
    for row in rows { print(Self.csv(row)) }
  }

  private func measure(image: Int, filter: Int) throws -> Row {
    let samples = max(1, min(64, 65536 / (image * image)))
    var random = SeededGenerator(seed: UInt64(1000 * image + filter))
    let pixels = (0..<samples * image * image).map { _ in random.normal() }
    let tensor = Tensor(shape: [samples, 1, image, image], elements: pixels)
    let geometry = try PatchGeometry(
      imageHeight: image, imageWidth: image, filterHeight: filter, filterWidth: filter)
    let entries = Self.filterCount * geometry.patchDimension
    let weights = Matrix(
      rows: Self.filterCount, columns: geometry.patchDimension,
      elements: (0..<entries).map { _ in random.normal() })
    var seconds: [ConvolutionBackend: Double] = [:]
    for backend in Self.backends {
      let layer = try ConvolutionLayer(images: tensor, geometry: geometry, backend: backend)
      seconds[backend] = try shortestPass(layer, weights) / Double(samples)
    }
    let auto = try ConvolutionLayer(
      images: tensor, geometry: geometry, filterCountHint: Self.filterCount)
    return Row(
      image: image, filter: filter, samples: samples, seconds: seconds, picked: auto.backend)
  }

  /// The shortest of several passes, after one that fills caches and plans.
  private func shortestPass(_ layer: ConvolutionLayer, _ filters: Matrix) throws -> Double {
    var responses = try layer.responses(of: filters)
    _ = try layer.adjoint(responses)
    let clock = ContinuousClock()
    let start = clock.now
    var shortest = Double.infinity
    var count = 0
    while count < repetitions.least || (clock.now - start) / .seconds(1) < repetitions.seconds {
      // Another scale each time, so that no spectrum of a filter is reused.
      var scaled = filters
      scaled.elements[0] += Double(count)
      let time = try clock.measure {
        try layer.writeResponses(of: scaled, into: &responses)
        _ = try layer.adjoint(responses)
      }
      shortest = min(shortest, time / .seconds(1))
      count += 1
    }
    return shortest
  }

  private static func line(_ row: Row) -> String {
    let numbers =
      [row.image, row.filter, row.samples].map { String($0) }
      + backends.map { fixed((row.seconds[$0] ?? .nan) * 1e3, digits: 4) }
      + [ConvolutionBackend.im2col, .direct].map { fixed(row.ratio($0), digits: 2) }
    let cells = zip(numbers, [5, 7, 8, 11, 11, 11, 12, 12]).map { text, width in
      String(repeating: " ", count: max(1, width - text.count)) + text
    }
    return cells.joined() + "  " + row.picked.rawValue
  }

  private static func csv(_ row: Row) -> String {
    let times = backends.map { fixed((row.seconds[$0] ?? .nan) * 1e3, digits: 4) }
    let ratios = [ConvolutionBackend.im2col, .direct].map { fixed(row.ratio($0), digits: 3) }
    let cells = ["\(row.image)", "\(row.filter)", "\(row.samples)"] + times + ratios
    return cells.joined(separator: ",") + "," + row.picked.rawValue
  }

  /// A number with a fixed count of decimals.
  private static func fixed(_ value: Double, digits: Int) -> String {
    guard value.isFinite else { return "-" }
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let units = Int((value * scale).rounded())
    let fraction = String(units % Int(scale))
    let zeros = String(repeating: "0", count: digits - fraction.count)
    return "\(units / Int(scale)).\(zeros)\(fraction)"
  }
}
