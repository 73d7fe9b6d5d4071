import Convolutions
import Synchronization
import Tensors
import TestSupport
import Testing

/// Backends that compute, without the one that chooses.
private let backends: [ConvolutionBackend] = [.direct, .im2col, .fft]

@Suite struct BackendIdentityTests {
  @Test(arguments: 0..<120)
  func everyBackendEqualsTheNaiveConvolution(seed: Int) throws {
    let random = try RandomCase(seed: UInt64(seed))
    let naive = NaiveConvolution(images: random.images, geometry: random.geometry)
    let responses = naive.responses(of: random.filters)
    let gradient = naive.adjoint(random.cotangent)
    for backend in backends {
      for cacheBytes in [0, 1 << 30] {
        let layer = try ConvolutionLayer(
          images: random.images, geometry: random.geometry, backend: backend,
          patchCacheBytes: cacheBytes)
        let forward = try layer.responses(of: random.filters).relativeDistance(to: responses)
        let back = try layer.adjoint(random.cotangent).relativeDistance(to: gradient)
        #expect(forward < 1e-12, "\(backend) of \(random.geometry)")
        #expect(back < 1e-12, "\(backend) of \(random.geometry)")
      }
    }
  }

  @Test(arguments: backends)
  func theAdjointIsTheTranspose(backend: ConvolutionBackend) throws {
    for seed in 200..<220 {
      let random = try RandomCase(seed: UInt64(seed))
      let layer = try ConvolutionLayer(
        images: random.images, geometry: random.geometry, backend: backend)
      let image = try layer.responses(of: random.filters)
      let preimage = try layer.adjoint(random.cotangent)
      let left = BLAS.dot(image.elements, random.cotangent.elements)
      let right = BLAS.dot(random.filters.elements, preimage.elements)
      let scale = BLAS.norm(image.elements) * BLAS.norm(random.cotangent.elements)
      #expect(abs(left - right) <= 1e-12 * scale)
    }
  }

  @Test(arguments: backends)
  func shiftingACircularImageShiftsTheResponses(backend: ConvolutionBackend) throws {
    var random = SeededGenerator(seed: 5)
    let geometry = try PatchGeometry(
      channels: 2, imageHeight: 9, imageWidth: 11, filterHeight: 3, filterWidth: 4,
      padding: .circular)
    let image = random.normalTensor(shape: [1, 2, 9, 11])
    let filters = random.normalMatrix(rows: 5, columns: geometry.patchDimension)
    var shifted = image
    for c in 0..<2 {
      for r in 0..<9 {
        for q in 0..<11 {
          shifted.elements[(c * 9 + (r + 2) % 9) * 11 + (q + 7) % 11] =
            image.elements[(c * 9 + r) * 11 + q]
        }
      }
    }
    let before = try ConvolutionLayer(images: image, geometry: geometry, backend: backend)
      .responses(of: filters)
    let after = try ConvolutionLayer(images: shifted, geometry: geometry, backend: backend)
      .responses(of: filters)
    let order = (0..<99).map { k in (k / 11 + 7) % 9 * 11 + (k % 11 + 4) % 11 }
    let distance = after.relativeDistance(to: before.selectingRows(order))
    #expect(distance < 1e-13)
  }

  @Test(arguments: backends)
  func bitsDoNotDependOnTheNumberOfThreads(backend: ConvolutionBackend) throws {
    let random = try RandomCase(seed: 301, samples: 150)
    let layers = try [1, 2, 5].map {
      try ConvolutionLayer(
        images: random.images, geometry: random.geometry, backend: backend, threads: $0)
    }
    let responses = try layers.map { try $0.responses(of: random.filters) }
    let gradients = try layers.map { try $0.adjoint(random.cotangent) }
    #expect(responses[1] == responses[0])
    #expect(responses[2] == responses[0])
    #expect(gradients[1] == gradients[0])
    #expect(gradients[2] == gradients[0])
  }

  @Test(arguments: backends)
  func aWorkspaceServesSeveralLayersInTurn(backend: ConvolutionBackend) throws {
    let cases = try (400..<406).map { try RandomCase(seed: UInt64($0)) }
    let layers = try cases.map {
      try ConvolutionLayer(images: $0.images, geometry: $0.geometry, backend: backend)
    }
    var workspace = ConvolutionWorkspace()
    for _ in 0..<3 {
      for (random, layer) in zip(cases, layers) {
        let expected = try layer.responses(of: random.filters)
        var found = Matrix(rows: expected.rows, columns: expected.columns, repeating: .nan)
        found.elements.withUnsafeMutableBufferPointer { target in
          random.filters.elements.withUnsafeBufferPointer { source in
            guard let target = target.baseAddress, let source = source.baseAddress else { return }
            layer.responses(
              filters: source, count: random.filters.rows, samples: 0..<layer.sampleCount,
              into: target, workspace: &workspace)
          }
        }
        let distance = found.relativeDistance(to: expected)
        #expect(distance < 1e-14)
      }
    }
  }

  @Test(arguments: backends)
  func emptyBatchesAndNoFiltersGiveEmptyResults(backend: ConvolutionBackend) throws {
    let geometry = try PatchGeometry(
      imageHeight: 4, imageWidth: 4, filterHeight: 2, filterWidth: 2)
    let empty = try ConvolutionLayer(
      images: Tensor(shape: [0, 1, 4, 4]), geometry: geometry, backend: backend)
    let responses = try empty.responses(of: Matrix(rows: 3, columns: 4))
    let gradient = try empty.adjoint(Matrix(rows: 0, columns: 3))
    #expect(responses == Matrix(rows: 0, columns: 3))
    #expect(gradient == Matrix(rows: 3, columns: 4))
    let layer = try ConvolutionLayer(
      images: Tensor(shape: [2, 1, 4, 4]), geometry: geometry, backend: backend)
    let none = try layer.responses(of: Matrix(rows: 0, columns: 4))
    #expect(none == Matrix(rows: 18, columns: 0))
  }
}
