import Convolutions
import Tensors
import TestSupport
import Testing

/// Images so large that FFT cuts them into tiles, and all lengths of transforms.
@Suite struct SpectrumTileTests {
  private static let backends: [ConvolutionBackend] = [.direct, .im2col, .fft]

  /// Relative distances of both passes from the definition.
  private func distances(
    _ layer: ConvolutionLayer, _ naive: NaiveConvolution, _ filters: Matrix, _ cotangent: Matrix
  ) throws -> [Double] {
    [
      try layer.responses(of: filters).relativeDistance(to: naive.responses(of: filters)),
      try layer.adjoint(cotangent).relativeDistance(to: naive.adjoint(cotangent)),
    ]
  }

  @Test(arguments: PatchGeometry.Padding.allCases, [1, 2])
  func largeImagesAgreeWithTheDefinition(padding: PatchGeometry.Padding, stride: Int) throws {
    var random = SeededGenerator(seed: UInt64(stride))
    let geometry = try PatchGeometry(
      channels: 2, imageHeight: 83, imageWidth: 131, filterHeight: 3, filterWidth: 5,
      stride: stride, dilation: 2, padding: padding, hasBias: true)
    let images = random.normalTensor(shape: [2, 2, 83, 131])
    let filters = random.normalMatrix(rows: 5, columns: geometry.patchDimension)
    let cotangent = random.normalMatrix(rows: 2 * geometry.patchesPerSample, columns: 5)
    let naive = NaiveConvolution(images: images, geometry: geometry)
    for backend in Self.backends {
      for cacheBytes in [0, 1 << 30] {
        let layer = try ConvolutionLayer(
          images: images, geometry: geometry, backend: backend, patchCacheBytes: cacheBytes)
        let found = try distances(layer, naive, filters, cotangent)
        #expect(found[0] < 1e-12, "\(backend)")
        #expect(found[1] < 1e-12, "\(backend)")
      }
    }
  }

  @Test func largeImagesAreCutAndSmallOnesAreNot() throws {
    for (size, isCut) in [(16, false), (400, true)] {
      let geometry = try PatchGeometry(
        imageHeight: size, imageWidth: size, filterHeight: 9, filterWidth: 9)
      let layer = try ConvolutionLayer(
        images: Tensor(shape: [1, 1, size, size]), geometry: geometry, backend: .fft)
      // The energy of tiles that overlap is not that of the image.
      let energy = layer.spectralEnergy(ofSample: 0)
      #expect((energy == nil) == isCut)
    }
  }

  @Test func circularSignalsOfAllLengthsAgreeWithTheDefinition() throws {
    for length in Array(1...70) + [98, 105, 120, 128, 210, 343] {
      var random = SeededGenerator(seed: UInt64(length))
      let geometry = try PatchGeometry(
        length: length, filterLength: min(length, 4), padding: .circular)
      let images = random.normalTensor(shape: [2, 1, 1, length])
      let filters = random.normalMatrix(rows: 3, columns: geometry.patchDimension)
      let cotangent = random.normalMatrix(rows: 2 * length, columns: 3)
      let layer = try ConvolutionLayer(images: images, geometry: geometry, backend: .fft)
      let naive = NaiveConvolution(images: images, geometry: geometry)
      let found = try distances(layer, naive, filters, cotangent)
      #expect(found[0] < 1e-13, "\(length)")
      #expect(found[1] < 1e-13, "\(length)")
    }
  }

  /// Filter counts that end in each kind of block of registers, and in the middle of a vector.
  @Test(arguments: [7, 8, 9, 16, 24, 31, 32, 40, 56, 71])
  func filterCountsOfAllBlocksAgreeWithTheDefinition(count: Int) throws {
    var random = SeededGenerator(seed: UInt64(count))
    let geometry = try PatchGeometry(
      imageHeight: 17, imageWidth: 18, filterHeight: 3, filterWidth: 3, hasBias: true)
    let images = random.normalTensor(shape: [2, 1, 17, 18])
    let filters = random.normalMatrix(rows: count, columns: geometry.patchDimension)
    let cotangent = random.normalMatrix(rows: 2 * geometry.patchesPerSample, columns: count)
    let naive = NaiveConvolution(images: images, geometry: geometry)
    for backend in Self.backends {
      let layer = try ConvolutionLayer(images: images, geometry: geometry, backend: backend)
      let found = try distances(layer, naive, filters, cotangent)
      #expect(found[0] < 1e-13, "\(backend)")
      #expect(found[1] < 1e-13, "\(backend)")
    }
  }
}
