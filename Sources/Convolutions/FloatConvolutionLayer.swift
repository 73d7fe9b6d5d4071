public import Tensors

/// The linear map of a `ConvolutionLayer` in single precision: for predictions and other uses that need no proof.
///
/// With stacked patches `M` of shape `[n * K, h]` and filters `U` of shape `[m, h]`, responses are `M U'` and the
/// adjoint of a cotangent `Z` of shape `[n * K, m]` is `Z' M`. Images are rounded to `Float` once, or their spectra
/// are. Backends are direct and FFT; patches and a dense product (im2col) were never faster and do not exist here. No
/// certificate may rest on a layer in single precision.
///
/// - Accuracy: With `eps = 2^-24`, results differ from those of double precision on the same rounded numbers by at most
///   `(h + 2) eps sum |x_t u_t|` in a response of the direct backend, and as checked by `FloatLayerIdentityTests` by less
///   than `8 eps` of the largest such sum with FFT, and than `66 eps sum |z_k x_k|` in the adjoint, of the largest such
///   sum with FFT. Sums of the direct adjoint go on in double precision after 4,096 positions. Results of one backend have
///   the same bits for any number of threads.
public final class FloatConvolutionLayer: Sendable {
  /// Where the filters look.
  public let geometry: PatchGeometry
  /// Number of samples, `n`.
  public var sampleCount: Int { passes.sampleCount }
  /// The backend in use, direct or FFT.
  public let backend: ConvolutionBackend
  /// Which backend was picked, and why.
  public let choice: String

  private let passes: LayerPasses<Float>

  /// A layer over a batch of images.
  ///
  /// - Parameters:
  ///   - images: Batch of shape `[n, channels, height, width]`; signals have height 1.
  ///   - geometry: Where the filters look.
  ///   - backend: How to compute: `direct`, `fft`, or `auto`, which picks by a cost model that is measured once per
  ///     process, so that two runs may pick differently where two backends are about equally fast.
  ///   - filterCountHint: Number of filters that `auto` has in mind.
  ///   - threads: Threads of `responses(of:)` and `adjoint(_:)`, and of the preparation.
  ///   - spectrumCacheBytes: Budget for cached spectra; what does not fit is recomputed in every pass.
  ///   - planning: Effort of FFTW's planner.
  /// - Throws: `GeometryError.shapeMismatch` when the images have another shape than the geometry,
  ///   `GeometryError.noSinglePrecision` for im2col or numbers that are too large for `Float`.
  public init(
    images: Tensor, geometry: PatchGeometry, backend: ConvolutionBackend = .auto,
    filterCountHint: Int = 64, threads: Int = 1, spectrumCacheBytes: Int = 256 << 20,
    planning: FFTPlanning = .estimate
  ) throws {
    try PatchLayout.requireShape(images, geometry)
    if let index = images.elements.firstIndex(where: { !Float($0).isFinite }) {
      throw GeometryError.noSinglePrecision(
        of: "pixels", expected: "up to \(Float.greatestFiniteMagnitude)",
        found: "\(images.elements[index]) at index \(index)")
    }
    let layout = PatchLayout(geometry)
    let picked =
      try backend == .auto
      ? BackendChoice(
        layout: layout, samples: images.shape[0], filterCount: max(1, filterCountHint),
        cacheBytes: spectrumCacheBytes, type: Float.self)
      : BackendChoice(requested: backend)
    let engine: LayerEngine<Float>
    switch picked.backend {
    case .direct: engine = .direct(DirectEngine(layout: layout, images: images))
    case .fft:
      engine = .fft(
        FFTEngine(
          layout: layout, images: images, cacheBytes: spectrumCacheBytes, planning: planning,
          threads: threads))
    case .im2col, .auto:
      throw GeometryError.noSinglePrecision(
        of: "the backend", expected: "direct, fft or auto", found: picked.backend.rawValue)
    }
    self.geometry = geometry
    self.backend = picked.backend
    choice = picked.reason
    passes = LayerPasses(engine, geometry, samples: images.shape[0], threads: threads)
  }

  /// The responses of filters on every patch, `M U'`.
  ///
  /// - Parameter filters: Matrix `U` of shape `[m, h]`.
  /// - Returns: Matrix of shape `[n * K, m]`.
  /// - Throws: `GeometryError.shapeMismatch` when the filters have another length than the patches.
  /// - Complexity: O(`n * K * h * m`) for direct.
  public func responses(of filters: FloatMatrix) throws -> FloatMatrix {
    var result = FloatMatrix(rows: passes.rows, columns: filters.rows)
    try writeResponses(of: filters, into: &result)
    return result
  }

  /// Overwrites a matrix with the responses of filters on every patch, `M U'`, without allocating it again.
  ///
  /// - Parameters:
  ///   - filters: Matrix `U` of shape `[m, h]`.
  ///   - result: Matrix of shape `[n * K, m]`.
  /// - Throws: `GeometryError.shapeMismatch` when the filters have another length than the patches, or the result
  ///   has another shape.
  public func writeResponses(of filters: FloatMatrix, into result: inout FloatMatrix) throws {
    try requireShape(of: filters)
    guard result.rows == passes.rows, result.columns == filters.rows else {
      throw GeometryError.shapeMismatch(
        expected: [passes.rows, filters.rows], found: [result.rows, result.columns])
    }
    passes.writeResponses(of: filters.elements, count: filters.rows, into: &result.elements)
  }

  /// The adjoint of `responses(of:)`, `Z' M`.
  ///
  /// - Parameter cotangent: Matrix `Z` of shape `[n * K, m]`.
  /// - Returns: Matrix of shape `[m, h]`, summed in double precision over samples and rounded at the end.
  /// - Throws: `GeometryError.shapeMismatch` when the cotangent has another number of rows than there are patches.
  /// - Complexity: O(`n * K * h * m`) for direct.
  public func adjoint(_ cotangent: FloatMatrix) throws -> FloatMatrix {
    guard cotangent.rows == passes.rows else {
      throw GeometryError.shapeMismatch(
        expected: [passes.rows, -1], found: [cotangent.rows, cotangent.columns])
    }
    let sums = passes.adjoint(cotangent.elements, count: cotangent.columns)
    return FloatMatrix(
      rows: cotangent.columns, columns: geometry.patchDimension, elements: sums.map { Float($0) })
  }

  /// Calls `body` with the responses of filters on consecutive chunks of samples, several threads at once.
  ///
  /// - Parameters:
  ///   - filters: Matrix `U` of shape `[m, h]`.
  ///   - body: Receives the samples of a chunk and their responses `[samples.count * K, m]`, which are valid during the
  ///     call only. Chunks depend on the shapes only.
  /// - Throws: `GeometryError.shapeMismatch` when the filters have another length than the patches.
  package func forEachChunk(
    of filters: FloatMatrix, _ body: (Range<Int>, UnsafePointer<Float>) -> Void
  ) throws {
    try requireShape(of: filters)
    passes.forEachChunk(of: filters.elements, count: filters.rows, body)
  }

  private func requireShape(of filters: FloatMatrix) throws {
    guard filters.columns == geometry.patchDimension else {
      throw GeometryError.shapeMismatch(
        expected: [-1, geometry.patchDimension], found: [filters.rows, filters.columns])
    }
  }
}
