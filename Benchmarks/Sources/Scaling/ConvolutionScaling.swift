import BenchmarkSupport
import Convolutions
import Tensors

/// The backends of convolution and the one that `auto` picks, in double and in single precision: one training pass
/// (responses and adjoint).
///
/// Backends take turns within a round; a time is the least of the rounds, in processor time of the one thread, so that
/// other programs on the machine disturb little. Only ratios are worth comparing between machines.
struct ConvolutionScaling {
  /// One shape of the table.
  struct Shape {
    let channels: Int
    let image: Int
    let filter: Int
    let filterCount: Int
    var samples: Int { max(1, min(64, 524_288 / (image * image))) }
  }

  /// Times of one shape, in seconds per sample.
  struct Row {
    let shape: Shape
    let seconds: [ConvolutionBackend: Double]
    let picked: ConvolutionBackend

    var best: Double { seconds.values.min() ?? .nan }
    /// Time of the backend that `auto` picked divided by the best one's.
    var loss: Double { (seconds[picked] ?? .nan) / best }
  }

  /// A backend's passes over a shape.
  private struct Entrant {
    let backend: ConvolutionBackend
    /// One pass with filters that nobody has met.
    let pass: () throws -> Void
  }

  private static let backends: [ConvolutionBackend] = [.im2col, .direct, .fft]
  private static let bar = 1.2

  let shapes: [Shape]
  let rounds: Int

  init(isQuick: Bool) {
    let images = isQuick ? [8, 16, 32, 64, 128, 256] : [8, 16, 32, 64, 128, 256, 512]
    let filters = isQuick ? [2, 3, 7, 15] : [2, 3, 5, 7, 9, 11, 15, 21, 31]
    let square = images.flatMap { image in
      filters.filter { $0 <= image }.map {
        Shape(channels: 1, image: image, filter: $0, filterCount: 32)
      }
    }
    let counts = isQuick ? [] : [16, 64]
    let more = [(1, 28), (3, 32), (1, 128)].flatMap { channels, image in
      counts.flatMap { count in
        [3, 5, 7, 9, 15].map {
          Shape(channels: channels, image: image, filter: $0, filterCount: count)
        }
      }
    }
    shapes = square + more
    rounds = isQuick ? 3 : 5
  }

  /// Measures every shape, prints the fixed-width table and how often `auto` is far from the best.
  func run() throws {
    for precision in ConvolutionPrecision.allCases {
      print("\(precision.rawValue) precision")
      print("  c image filter   m samples  im2col ms  direct ms     fft ms    auto  auto/best")
      var rows: [Row] = []
      for shape in shapes {
        let row = try measure(shape, precision)
        rows.append(row)
        print(Self.line(row))
      }
      let far = rows.filter { $0.loss > Self.bar }.count
      let worst = rows.map { $0.loss }.max() ?? .nan
      print(
        "\nauto exceeds \(Self.bar) times the best in \(far) of \(rows.count) rows, "
          + "\(Self.fixed(worst, digits: 2)) at most\n")
    }
  }

  private func measure(_ shape: Shape, _ precision: ConvolutionPrecision) throws -> Row {
    var random = SeededGenerator(seed: UInt64(1000 * shape.image + shape.filter))
    let size = [shape.samples, shape.channels, shape.image, shape.image]
    let images = Tensor(
      shape: size, elements: (0..<size.reduce(1, *)).map { _ in random.normal() })
    let geometry = try PatchGeometry(
      channels: shape.channels, imageHeight: shape.image, imageWidth: shape.image,
      filterHeight: shape.filter, filterWidth: shape.filter)
    let entries = shape.filterCount * geometry.patchDimension
    let filters = Matrix(
      rows: shape.filterCount, columns: geometry.patchDimension,
      elements: (0..<entries).map { _ in random.normal() })
    let (entrants, picked) =
      switch precision {
      case .double: try Self.double(images, geometry, filters)
      case .float: try Self.single(images, geometry, FloatMatrix(filters))
      }
    var seconds: [ConvolutionBackend: Double] = [:]
    for round in 0..<rounds {
      for entrant in entrants {
        for _ in 0..<(round == 0 ? 1 : 2) {
          let start = Clocks.thread
          try entrant.pass()
          let time = (Clocks.thread - start) / Double(shape.samples)
          seconds[entrant.backend] = min(seconds[entrant.backend] ?? .infinity, time)
        }
      }
    }
    return Row(shape: shape, seconds: seconds, picked: picked)
  }

  /// The layers in double precision, which share their filters and responses, and what `auto` picks.
  private static func double(
    _ images: Tensor, _ geometry: PatchGeometry, _ filters: Matrix
  ) throws -> ([Entrant], ConvolutionBackend) {
    let auto = try ConvolutionLayer(
      images: images, geometry: geometry, filterCountHint: filters.rows)
    var filters = filters
    var responses = try auto.responses(of: filters)
    let entrants = try backends.map { backend in
      let layer = try ConvolutionLayer(images: images, geometry: geometry, backend: backend)
      return Entrant(backend: backend) {
        // Other filters each time, so that no spectrum of a filter is reused.
        filters.elements[0] += 1
        try layer.writeResponses(of: filters, into: &responses)
        _ = try layer.adjoint(responses)
      }
    }
    return (entrants, auto.backend)
  }

  /// The layers in single precision, which share their filters and responses, and what `auto` picks.
  private static func single(
    _ images: Tensor, _ geometry: PatchGeometry, _ filters: FloatMatrix
  ) throws -> ([Entrant], ConvolutionBackend) {
    let auto = try FloatConvolutionLayer(
      images: images, geometry: geometry, filterCountHint: filters.rows)
    var filters = filters
    var responses = try auto.responses(of: filters)
    let entrants = try backends.filter { $0 != .im2col }.map { backend in
      let layer = try FloatConvolutionLayer(images: images, geometry: geometry, backend: backend)
      return Entrant(backend: backend) {
        filters.elements[0] += 1
        try layer.writeResponses(of: filters, into: &responses)
        _ = try layer.adjoint(responses)
      }
    }
    return (entrants, auto.backend)
  }

  private static func line(_ row: Row) -> String {
    let shape = row.shape
    let cells = [
      padded("\(shape.channels)", 3), padded("\(shape.image)", 6), padded("\(shape.filter)", 7),
      padded("\(shape.filterCount)", 4), padded("\(shape.samples)", 8),
    ]
    let times = backends.map { padded(fixed((row.seconds[$0] ?? .nan) * 1e3, digits: 4), 11) }
    return (cells + times).joined() + padded(row.picked.rawValue, 8)
      + padded(fixed(row.loss, digits: 2), 11)
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
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
