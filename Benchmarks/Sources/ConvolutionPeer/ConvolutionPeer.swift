import BenchmarkSupport
import Convolutions
import Tensors

/// A convolution layer in double and one in single precision that answer requests.
///
/// A request is a line on standard input, its answer one line. `PRECISION` is `double` or `float`.
///
/// - `load PRECISION SAMPLES CHANNELS SIZE FILTER FILTERS THREADS BACKEND IMAGES WEIGHTS`: a layer over the images in a
///   file, with the filters in another; the answer says which backend was picked, and why.
/// - `responses PRECISION SECONDS` and `adjoint PRECISION SECONDS`: the shortest of as many passes as fill the time, at
///   least one, in seconds: processor time for one thread, time by the clock for more.
/// - `write PRECISION RESPONSES GRADIENT`: the results of both passes to files.
///
/// Files hold native `Double`s. The adjoint is that of the responses.
final class ConvolutionPeer {
  private var layers: [ConvolutionPrecision: any LoadedLayer] = [:]
  private var threads = 1
  /// Passes so far.
  private var passes = 0

  func serve() throws {
    while let line = readLine() {
      let words = line.split(separator: " ").map { String($0) }
      guard words.count > 1, let precision = ConvolutionPrecision(rawValue: words[1]) else {
        throw PeerError("expected double or float as second word, found '\(line)'")
      }
      switch words[0] {
      case "load" where words.count == 11: print(try load(precision, Array(words.dropFirst(2))))
      case "responses" where words.count == 3:
        let layer = try layer(precision)
        print(
          try shortest(Double(words[2]) ?? 0) {
            passes += 1
            try layer.respond(moving: passes)
          })
      case "adjoint" where words.count == 3:
        let layer = try layer(precision)
        print(try shortest(Double(words[2]) ?? 0) { try layer.pullBack() })
      case "write" where words.count == 4:
        let layer = try layer(precision)
        try layer.respond(moving: 0)
        try layer.pullBack()
        let results = layer.results
        try DoubleFile.write(results.responses, to: words[2])
        try DoubleFile.write(results.gradient, to: words[3])
        print("written")
      default: throw PeerError("expected load, responses, adjoint or write, found '\(line)'")
      }
      DoubleFile.flushOutput()
    }
  }

  private func layer(_ precision: ConvolutionPrecision) throws -> any LoadedLayer {
    guard let layer = layers[precision] else { throw PeerError("no \(precision) layer is loaded") }
    return layer
  }

  private func load(_ precision: ConvolutionPrecision, _ words: [String]) throws -> String {
    let numbers = words[0...5].compactMap { Int($0) }
    guard numbers.count == 6, let backend = ConvolutionBackend(rawValue: words[6]) else {
      throw PeerError("expected six numbers and a backend, found '\(words)'")
    }
    let (n, channels, size, filter) = (numbers[0], numbers[1], numbers[2], numbers[3])
    let geometry = try PatchGeometry(
      channels: channels, imageHeight: size, imageWidth: size, filterHeight: filter,
      filterWidth: filter)
    let images = Tensor(
      shape: [n, channels, size, size],
      elements: try DoubleFile.read(words[7], count: n * channels * size * size))
    let filters = Matrix(
      rows: numbers[4], columns: geometry.patchDimension,
      elements: try DoubleFile.read(words[8], count: numbers[4] * geometry.patchDimension))
    threads = numbers[5]
    let loaded: any LoadedLayer =
      switch precision {
      case .double:
        try DoubleLayer(
          ConvolutionLayer(
            images: images, geometry: geometry, backend: backend, filterCountHint: numbers[4],
            threads: threads), filters)
      case .float:
        try FloatLayer(
          FloatConvolutionLayer(
            images: images, geometry: geometry, backend: backend, filterCountHint: numbers[4],
            threads: threads), FloatMatrix(filters))
      }
    layers[precision] = loaded
    return loaded.choice
  }

  private func shortest(_ seconds: Double, _ pass: () throws -> Void) rethrows -> Double {
    let start = Clocks.wall
    var shortest = Double.infinity
    repeat {
      let before = threads == 1 ? Clocks.thread : Clocks.wall
      try pass()
      shortest = min(shortest, (threads == 1 ? Clocks.thread : Clocks.wall) - before)
    } while Clocks.wall - start < seconds
    return shortest
  }
}
