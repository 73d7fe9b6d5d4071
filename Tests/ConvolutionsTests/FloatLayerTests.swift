import Convolutions
import Tensors
import TestSupport
import Testing

/// What a layer in single precision picks and refuses.
@Suite struct FloatLayerTests {
  private func layer(
    _ images: Tensor = Tensor(shape: [2, 1, 8, 8]), filter: Int = 3,
    backend: ConvolutionBackend = .auto
  ) throws -> FloatConvolutionLayer {
    try FloatConvolutionLayer(
      images: images,
      geometry: PatchGeometry(
        imageHeight: images.shape[2], imageWidth: images.shape[3], filterHeight: filter,
        filterWidth: filter), backend: backend)
  }

  private func message(_ body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)" }
    return "no error"
  }

  @Test func autoPicksAmongWhatExists() throws {
    let small = try layer(Tensor(shape: [20, 1, 8, 8]))
    let large = try layer(Tensor(shape: [1, 1, 256, 256]), filter: 31)
    #expect(small.backend == .direct)
    #expect(small.choice.hasPrefix("direct (predicted "))
    #expect(!small.choice.contains("im2col"))
    #expect(large.backend == .fft)
  }

  @Test(arguments: [ConvolutionBackend.direct, .fft])
  func aRequestedBackendIsKept(backend: ConvolutionBackend) throws {
    let layer = try layer(backend: backend)
    #expect(layer.backend == backend)
    #expect(layer.choice == "\(backend.rawValue) (requested)")
    #expect(layer.sampleCount == 2)
  }

  @Test func im2colIsRefused() {
    let message = message { _ = try layer(backend: .im2col) }
    #expect(
      message == """
        convolution in single precision: expected the backend direct, fft or auto, found im2col. \
        Use double precision.
        """)
  }

  @Test(arguments: [1e39, -.infinity, .nan])
  func pixelsThatSinglePrecisionDoesNotHoldAreRefused(pixel: Double) {
    var images = Tensor(shape: [2, 1, 8, 8])
    images.elements[70] = pixel
    let message = message { _ = try layer(images) }
    #expect(message.contains("expected pixels up to 3.4028235e+38, found"))
    #expect(message.contains("at index 70"))
  }

  @Test func shapesThatDoNotFitAreRefused() throws {
    let layer = try layer()
    let filters = FloatMatrix(rows: 2, columns: 8)
    #expect(throws: GeometryError.shapeMismatch(expected: [-1, 9], found: [2, 8])) {
      _ = try layer.responses(of: filters)
    }
    #expect(throws: GeometryError.shapeMismatch(expected: [-1, 9], found: [2, 8])) {
      try layer.forEachChunk(of: filters) { _, _ in }
    }
    var target = FloatMatrix(rows: 72, columns: 3)
    #expect(throws: GeometryError.shapeMismatch(expected: [72, 2], found: [72, 3])) {
      try layer.writeResponses(of: FloatMatrix(rows: 2, columns: 9), into: &target)
    }
    #expect(throws: GeometryError.shapeMismatch(expected: [72, -1], found: [71, 2])) {
      _ = try layer.adjoint(FloatMatrix(rows: 71, columns: 2))
    }
    #expect(throws: GeometryError.shapeMismatch(expected: [-1, 1, 8, 8], found: [2, 1, 8, 7])) {
      _ = try FloatConvolutionLayer(
        images: Tensor(shape: [2, 1, 8, 7]),
        geometry: PatchGeometry(imageHeight: 8, imageWidth: 8, filterHeight: 3, filterWidth: 3))
    }
  }
}
