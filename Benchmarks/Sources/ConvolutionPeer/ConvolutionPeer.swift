import BenchmarkSupport
import Convolutions
import Tensors

/// A convolution layer that answers requests, one a line on standard input, by one line each.
///
/// - `load SAMPLES CHANNELS SIZE FILTER FILTERS THREADS BACKEND IMAGES WEIGHTS`: a layer over the images in a file, with
///   the filters in another; the answer says which backend was picked, and why.
/// - `responses SECONDS` and `adjoint SECONDS`: the shortest of as many passes as fill the time, at least one, in seconds:
///   processor time for one thread, time by the clock for more.
/// - `write RESPONSES GRADIENT`: the results of both passes to files.
///
/// Files hold native `Double`s. The adjoint is that of the responses.
final class ConvolutionPeer {
  private var layer: ConvolutionLayer?
  private var filters = Matrix(rows: 0, columns: 0)
  private var responses = Matrix(rows: 0, columns: 0)
  private var gradient = Matrix(rows: 0, columns: 0)
  private var threads = 1
  /// Passes so far; no pass meets the filters of another, so that no spectrum is kept from one to the next.
  private var passes = 0

  func serve() throws {
    while let line = readLine() {
      let words = line.split(separator: " ").map { String($0) }
      switch words.first {
      case "load" where words.count == 10: print(try load(words))
      case "responses" where words.count == 2: print(try shortestResponses(Double(words[1]) ?? 0))
      case "adjoint" where words.count == 2: print(try shortestAdjoint(Double(words[1]) ?? 0))
      case "write" where words.count == 3:
        try layer?.writeResponses(of: filters, into: &responses)
        if let layer { gradient = try layer.adjoint(responses) }
        try DoubleFile.write(responses.elements, to: words[1])
        try DoubleFile.write(gradient.elements, to: words[2])
        print("written")
      default: throw PeerError("expected load, responses, adjoint or write, found '\(line)'")
      }
      DoubleFile.flushOutput()
    }
  }

  private func load(_ words: [String]) throws -> String {
    let numbers = words[1...6].compactMap { Int($0) }
    guard numbers.count == 6, let backend = ConvolutionBackend(rawValue: words[7]) else {
      throw PeerError("expected six numbers and a backend, found '\(words)'")
    }
    let (n, channels, size, filter) = (numbers[0], numbers[1], numbers[2], numbers[3])
    let geometry = try PatchGeometry(
      channels: channels, imageHeight: size, imageWidth: size, filterHeight: filter,
      filterWidth: filter)
    let images = Tensor(
      shape: [n, channels, size, size],
      elements: try DoubleFile.read(words[8], count: n * channels * size * size))
    filters = Matrix(
      rows: numbers[4], columns: geometry.patchDimension,
      elements: try DoubleFile.read(words[9], count: numbers[4] * geometry.patchDimension))
    let layer = try ConvolutionLayer(
      images: images, geometry: geometry, backend: backend, filterCountHint: numbers[4],
      threads: numbers[5])
    responses = try layer.responses(of: filters)
    self.layer = layer
    threads = numbers[5]
    return layer.choice
  }

  private func shortestResponses(_ seconds: Double) throws -> Double {
    var scaled = filters
    return try shortest(seconds) {
      passes += 1
      scaled.elements[0] = filters.elements[0] + Double(passes)
      try layer?.writeResponses(of: scaled, into: &responses)
    }
  }

  private func shortestAdjoint(_ seconds: Double) throws -> Double {
    try shortest(seconds) { if let layer { gradient = try layer.adjoint(responses) } }
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
