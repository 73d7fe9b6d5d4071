import Convolutions
import Tensors
import TestSupport
import Testing

/// A layer that reads its samples in every pass is the layer over the same images.
struct StreamedLayerTests {
  @Test(arguments: 0..<24)
  func bitsAreThoseOfImagesInMemory(seed: Int) throws {
    let random = try RandomCase(seed: UInt64(seed))
    let images = try ConvolutionLayer(
      images: random.images, geometry: random.geometry, backend: .im2col, patchCacheBytes: 0)
    let streamed = try ConvolutionLayer(
      source: TensorSource(random.images), geometry: random.geometry, threads: 2)
    let forward = try images.responses(of: random.filters)
    let back = try images.adjoint(random.cotangent)
    let sameForward = try streamed.responses(of: random.filters) == forward
    let sameBack = try streamed.adjoint(random.cotangent) == back
    #expect(sameForward)
    #expect(sameBack)
    #expect(streamed.isStreamed)
    #expect(!images.isStreamed)
  }

  /// Samples that take several blocks of patches each, and the last block not whole.
  @Test func bitsOfLargeSamplesAreThoseOfImagesInMemory() throws {
    var random = SeededGenerator(seed: 7)
    let geometry = try PatchGeometry(
      imageHeight: 60, imageWidth: 70, filterHeight: 9, filterWidth: 9)
    let images = random.normalTensor(shape: [3, 1, 60, 70])
    let filters = random.normalMatrix(rows: 5, columns: geometry.patchDimension)
    let layer = try ConvolutionLayer(
      images: images, geometry: geometry, backend: .im2col, patchCacheBytes: 0)
    let streamed = try ConvolutionLayer(source: TensorSource(images), geometry: geometry)
    let forward = try layer.responses(of: filters)
    let back = try layer.adjoint(forward)
    let sameForward = try streamed.responses(of: filters) == forward
    let sameBack = try streamed.adjoint(forward) == back
    #expect(sameForward)
    #expect(sameBack)
  }

  @Test func anotherShapeIsRefused() throws {
    let geometry = try PatchGeometry(imageHeight: 4, imageWidth: 4, filterHeight: 2, filterWidth: 2)
    let source = TensorSource(Tensor(shape: [3, 1, 4, 5]))
    #expect(throws: GeometryError.self) {
      _ = try ConvolutionLayer(source: source, geometry: geometry)
    }
  }
}
