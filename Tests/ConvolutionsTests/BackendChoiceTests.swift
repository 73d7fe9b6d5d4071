import Convolutions
import Tensors
import TestSupport
import Testing

@Suite struct BackendChoiceTests {
  private func layer(size: Int, filter: Int, samples: Int = 1) throws -> ConvolutionLayer {
    try ConvolutionLayer(
      images: Tensor(shape: [samples, 1, size, size]),
      geometry: PatchGeometry(
        imageHeight: size, imageWidth: size, filterHeight: filter, filterWidth: filter))
  }

  @Test(arguments: [ConvolutionBackend.direct, .im2col, .fft])
  func aRequestedBackendIsKept(backend: ConvolutionBackend) throws {
    let layer = try ConvolutionLayer(
      images: Tensor(shape: [1, 1, 8, 8]),
      geometry: PatchGeometry(imageHeight: 8, imageWidth: 8, filterHeight: 3, filterWidth: 3),
      backend: backend)
    let choice = layer.choice
    #expect(layer.backend == backend)
    #expect(choice == "\(backend.rawValue) (requested)")
  }

  @Test func autoPicksABackendAndSaysWhy() throws {
    let layer = try layer(size: 8, filter: 3, samples: 20)
    let choice = layer.choice
    #expect(layer.backend != .auto)
    #expect(choice.hasPrefix("\(layer.backend.rawValue) (predicted "))
    for backend in ["im2col", "direct", "fft"] { #expect(choice.contains(backend)) }
  }

  @Test func autoTakesSpectraForLargeFiltersOnLargeImages() throws {
    let large = try layer(size: 256, filter: 31)
    #expect(large.backend == .fft)
  }

  @Test func autoDoesNotTakeSpectraForSmallImages() throws {
    let small = try layer(size: 8, filter: 3, samples: 50)
    #expect(small.backend != .fft)
  }

  @Test func patchesAreCachedWithinTheBudgetOnly() throws {
    var random = SeededGenerator(seed: 1)
    let images = random.normalTensor(shape: [2, 1, 6, 6])
    let geometry = try PatchGeometry(
      imageHeight: 6, imageWidth: 6, filterHeight: 3, filterWidth: 3)
    let bytes = 2 * 16 * 9 * 8
    let cached = try ConvolutionLayer(
      images: images, geometry: geometry, backend: .im2col, patchCacheBytes: bytes)
    let uncached = try ConvolutionLayer(
      images: images, geometry: geometry, backend: .im2col, patchCacheBytes: bytes - 1)
    let patches = try PatchSet(images: images, geometry: geometry).patches
    #expect(cached.stackedPatches == patches)
    #expect(uncached.stackedPatches == nil)
  }
}
