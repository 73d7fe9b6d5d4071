import Convolutions
import Dispatch
import Tensors
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite struct SpectrumTests {
  @Test(arguments: PatchGeometry.Padding.allCases)
  func spectraKeepTheEnergyOfTheImages(padding: PatchGeometry.Padding) throws {
    var random = SeededGenerator(seed: 11)
    // 12 x 10 is transformed as it is when circular, where padding would count pixels twice; filters as large as that
    // are not worth tiles.
    let geometry = try PatchGeometry(
      channels: 2, imageHeight: 12, imageWidth: 10, filterHeight: 12, filterWidth: 10,
      padding: padding)
    let images = random.normalTensor(shape: [3, 2, 12, 10])
    let layer = try ConvolutionLayer(images: images, geometry: geometry, backend: .fft)
    for i in 0..<3 {
      let pixels = images.elements[i * 240..<(i + 1) * 240]
      let energy = pixels.reduce(0) { $0 + $1 * $1 }
      let found = layer.spectralEnergy(ofSample: i) ?? .nan
      #expect(abs(found - energy) < 1e-13 * energy)
    }
  }

  @Test func otherBackendsHaveNoSpectra() throws {
    let geometry = try PatchGeometry(length: 8, filterLength: 3)
    let layer = try ConvolutionLayer(
      images: Tensor(shape: [1, 1, 1, 8]), geometry: geometry, backend: .direct)
    let energy = layer.spectralEnergy(ofSample: 0)
    #expect(energy == nil)
  }

  @Test func layersMayBePlannedFromEightThreadsAtOnce() throws {
    let worst = Guarded(0.0)
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for round in 0..<6 {
        var distance = Double.infinity
        if let random = try? RandomCase(seed: UInt64(500 + 8 * round + thread)),
          let layer = try? ConvolutionLayer(
            images: random.images, geometry: random.geometry, backend: .fft),
          let found = try? layer.responses(of: random.filters)
        {
          let naive = NaiveConvolution(images: random.images, geometry: random.geometry)
          distance = found.relativeDistance(to: naive.responses(of: random.filters))
        }
        worst.withLock { $0 = max($0, distance) }
      }
    }
    let distance = worst.withLock { $0 }
    #expect(distance < 1e-12)
  }

  @Test func measuredPlansGiveTheSameResponses() throws {
    let random = try RandomCase(seed: 600)
    let layers = try FFTPlanning.allCases.map {
      try ConvolutionLayer(
        images: random.images, geometry: random.geometry, backend: .fft, planning: $0)
    }
    let responses = try layers.map { try $0.responses(of: random.filters) }
    let distance = responses[1].relativeDistance(to: responses[0])
    #expect(distance < 1e-12)
  }

  @Test func wisdomIsSavedAndLoaded() throws {
    let path = "/tmp/ccnn-wisdom-\(getpid())"
    defer { unlink(path) }
    try FFTWisdom.save(path)
    try FFTWisdom.load(path)
  }

  @Test func wisdomThatIsMissingIsReported() throws {
    let error = #expect(throws: GeometryError.self) { try FFTWisdom.load("/nowhere/wisdom") }
    let text = error?.description
    #expect(
      text
        == "/nowhere/wisdom: expected FFTW wisdom that can be read, found a file that cannot. "
        + "Check the path and its permissions.")
    let unsaved = #expect(throws: GeometryError.self) { try FFTWisdom.save("/nowhere/wisdom") }
    let reason = unsaved?.reason
    #expect(reason == .wisdom(path: "/nowhere/wisdom", writing: true))
  }
}
