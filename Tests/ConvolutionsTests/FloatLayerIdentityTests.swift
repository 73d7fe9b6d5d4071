import Convolutions
import Tensors
import TestSupport
import Testing

/// Backends that compute in single precision.
private let backends: [ConvolutionBackend] = [.direct, .fft]
/// Largest relative error of rounding to single precision.
private let eps = 0x1p-24

/// A layer in single precision against one in double precision on the same rounded numbers.
@Suite struct FloatLayerIdentityTests {
  /// Numbers without their places beyond single precision.
  private struct RoundedCase {
    let geometry: PatchGeometry
    let images: Tensor
    let filters: FloatMatrix
    let cotangent: FloatMatrix

    init(seed: Int, samples: Int? = nil) throws {
      let random = try RandomCase(seed: UInt64(seed), samples: samples)
      geometry = random.geometry
      images = Tensor(
        shape: random.images.shape, elements: random.images.elements.map { Double(Float($0)) })
      filters = FloatMatrix(random.filters)
      cotangent = FloatMatrix(random.cotangent)
    }

    /// The sums of the moduli of the terms of responses, and of the adjoint.
    func moduli() throws -> (responses: Matrix, adjoint: Matrix) {
      let moduli = Tensor(shape: images.shape, elements: images.elements.map { abs($0) })
      let layer = try ConvolutionLayer(images: moduli, geometry: geometry, backend: .direct)
      return (
        try layer.responses(of: Self.moduli(filters)), try layer.adjoint(Self.moduli(cotangent))
      )
    }

    private static func moduli(_ matrix: FloatMatrix) -> Matrix {
      Matrix(
        rows: matrix.rows, columns: matrix.columns,
        elements: matrix.elements.map { Double(abs($0)) })
    }
  }

  /// The largest ratio of an error to its bound.
  private func worst(_ found: FloatMatrix, _ expected: Matrix, bound: Matrix) -> Double {
    zip(zip(found.elements, expected.elements), bound.elements).reduce(0) {
      let error = abs(Double($1.0.0) - $1.0.1)
      return error == 0 ? $0 : error.isFinite ? max($0, error / $1.1) : .infinity
    }
  }

  @Test(arguments: 0..<120)
  func directErrorsAreWithinTheirBounds(seed: Int) throws {
    let random = try RoundedCase(seed: seed)
    let exact = try ConvolutionLayer(
      images: random.images, geometry: random.geometry, backend: .direct)
    let layer = try FloatConvolutionLayer(
      images: random.images, geometry: random.geometry, backend: .direct)
    let moduli = try random.moduli()
    let (h, rows) = (random.geometry.patchDimension, random.cotangent.rows)
    let forward = worst(
      try layer.responses(of: random.filters),
      try exact.responses(of: Matrix(random.filters)), bound: moduli.responses)
    let back = worst(
      try layer.adjoint(random.cotangent), try exact.adjoint(Matrix(random.cotangent)),
      bound: moduli.adjoint)
    // One rounding per term and of the term, whatever the signs.
    #expect(forward <= Double(h + 2) * eps, "\(random.geometry)")
    #expect(back <= (Double(min(rows, 4096)).squareRoot() + 2) * eps, "\(random.geometry)")
  }

  @Test(arguments: 0..<120)
  func spectralErrorsAreWithinTheirBound(seed: Int) throws {
    let random = try RoundedCase(seed: seed)
    let exact = try ConvolutionLayer(
      images: random.images, geometry: random.geometry, backend: .direct)
    let responses = try exact.responses(of: Matrix(random.filters))
    let gradient = try exact.adjoint(Matrix(random.cotangent))
    for bytes in [0, 1 << 30] {
      let layer = try FloatConvolutionLayer(
        images: random.images, geometry: random.geometry, backend: .fft, spectrumCacheBytes: bytes)
      let moduli = try random.moduli()
      let forward = Matrix(try layer.responses(of: random.filters))
      let back = Matrix(try layer.adjoint(random.cotangent))
      // Errors are relative to the largest sums, not to each.
      let scales = [moduli.responses, moduli.adjoint].map { $0.elements.reduce(0, max) }
      let distances = [
        forward.relativeDistance(to: responses) * responses.largest,
        back.relativeDistance(to: gradient) * gradient.largest,
      ]
      #expect(distances[0] <= 8 * eps * scales[0], "\(random.geometry)")
      #expect(distances[1] <= 8 * eps * scales[1], "\(random.geometry)")
    }
  }

  @Test(arguments: backends)
  func theAdjointIsTheTranspose(backend: ConvolutionBackend) throws {
    for seed in 200..<220 {
      let random = try RoundedCase(seed: seed)
      let layer = try FloatConvolutionLayer(
        images: random.images, geometry: random.geometry, backend: backend)
      let image = Matrix(try layer.responses(of: random.filters))
      let preimage = Matrix(try layer.adjoint(random.cotangent))
      let (filters, cotangent) = (Matrix(random.filters), Matrix(random.cotangent))
      let left = BLAS.dot(image.elements, cotangent.elements)
      let right = BLAS.dot(filters.elements, preimage.elements)
      let scale = BLAS.norm(image.elements) * BLAS.norm(cotangent.elements)
      #expect(abs(left - right) <= 8 * eps * scale)
    }
  }

  /// 800,000 products of positive numbers, where sums in single precision alone lose a digit and more.
  @Test(arguments: backends, [16, 19])
  func errorsOfLongSumsStopGrowing(backend: ConvolutionBackend, count: Int) throws {
    var generator = SeededGenerator(seed: 9)
    let geometry = try PatchGeometry(
      imageHeight: 200, imageWidth: 200, filterHeight: 3, filterWidth: 3)
    let images = Tensor(
      shape: [20, 1, 200, 200],
      elements: (0..<800_000).map { _ in Double(Float(generator.uniform())) })
    let rows = 20 * geometry.patchesPerSample
    let cotangent = FloatMatrix(
      rows: rows, columns: count,
      elements: (0..<rows * count).map { _ in Float(generator.uniform()) })
    let layer = try FloatConvolutionLayer(images: images, geometry: geometry, backend: backend)
    let exact = try ConvolutionLayer(images: images, geometry: geometry, backend: .direct)
    let expected = try exact.adjoint(Matrix(cotangent))
    let found = Matrix(try layer.adjoint(cotangent))
    let distance = found.relativeDistance(to: expected)
    #expect(distance <= 66 * eps)
  }

  @Test(arguments: backends)
  func bitsDoNotDependOnTheNumberOfThreads(backend: ConvolutionBackend) throws {
    let random = try RoundedCase(seed: 301, samples: 150)
    let layers = try [1, 2, 5].map {
      try FloatConvolutionLayer(
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
  func passingResponsesAreThoseOfThePass(backend: ConvolutionBackend) throws {
    let random = try RoundedCase(seed: 302, samples: 150)
    let layer = try FloatConvolutionLayer(
      images: random.images, geometry: random.geometry, backend: backend)
    let expected = try layer.responses(of: random.filters)
    var found = FloatMatrix(rows: 0, columns: random.filters.rows)
    let perSample = random.geometry.patchesPerSample * random.filters.rows
    try layer.forEachChunk(of: random.filters) { samples, responses in
      #expect(samples.lowerBound * random.geometry.patchesPerSample == found.rows)
      let part = UnsafeBufferPointer(start: responses, count: samples.count * perSample)
      found = FloatMatrix(
        rows: samples.upperBound * random.geometry.patchesPerSample, columns: found.columns,
        elements: found.elements + part)
    }
    #expect(found == expected)
  }

  @Test(arguments: backends)
  func emptyBatchesAndNoFiltersGiveEmptyResults(backend: ConvolutionBackend) throws {
    let geometry = try PatchGeometry(
      imageHeight: 4, imageWidth: 4, filterHeight: 2, filterWidth: 2)
    let empty = try FloatConvolutionLayer(
      images: Tensor(shape: [0, 1, 4, 4]), geometry: geometry, backend: backend)
    let responses = try empty.responses(of: FloatMatrix(rows: 3, columns: 4))
    let gradient = try empty.adjoint(FloatMatrix(rows: 0, columns: 3))
    #expect(responses == FloatMatrix(rows: 0, columns: 3))
    #expect(gradient == FloatMatrix(rows: 3, columns: 4))
    let layer = try FloatConvolutionLayer(
      images: Tensor(shape: [2, 1, 4, 4]), geometry: geometry, backend: backend)
    let none = try layer.responses(of: FloatMatrix(rows: 0, columns: 4))
    #expect(none == FloatMatrix(rows: 18, columns: 0))
  }
}

extension Matrix {
  /// The largest absolute entry.
  fileprivate var largest: Double { elements.reduce(0) { max($0, abs($1)) } }
}
