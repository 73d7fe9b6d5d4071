public import Tensors

/// The linear map from filters to their responses on every patch of a batch of images, and its adjoint.
///
/// With stacked patches `M` of shape `[n * K, h]` and filters `U` of shape `[m, h]`, responses are `M U'` and the
/// adjoint of a cotangent `Z` of shape `[n * K, m]` is `Z' M`. `FloatConvolutionLayer` is the same map in single
/// precision.
///
/// - Accuracy: All backends agree with the naive sum to 1e-12 relative (`BackendIdentityTests`). Results of one
///   backend have the same bits for any number of threads; two backends differ in the last bits.
public final class ConvolutionLayer: Sendable {
  /// Where the filters look.
  public let geometry: PatchGeometry
  /// Number of samples, `n`.
  public var sampleCount: Int { passes.sampleCount }
  /// The backend in use; never `auto`.
  public let backend: ConvolutionBackend
  /// Which backend was picked, and why.
  public let choice: String
  /// The stacked patches `[n * K, h]`, when the backend is im2col and they fit within the budget.
  package let stackedPatches: Matrix?

  let passes: LayerPasses<Double>

  /// A layer over a batch of images.
  ///
  /// - Parameters:
  ///   - images: Batch of shape `[n, channels, height, width]`; signals have height 1.
  ///   - geometry: Where the filters look.
  ///   - backend: How to compute; `auto` picks by a cost model that is measured once per process, so that two runs
  ///     may pick differently where two backends are about equally fast. Name a backend to repeat bits.
  ///   - filterCountHint: Number of filters that `auto` has in mind.
  ///   - threads: Threads of `responses(of:)` and `adjoint(_:)`, and of the preparation.
  ///   - patchCacheBytes: Budget for cached patches or spectra; what does not fit is recomputed in every pass.
  ///   - planning: Effort of FFTW's planner.
  /// - Throws: `GeometryError.shapeMismatch` when the images have another shape than the geometry.
  public init(
    images: Tensor, geometry: PatchGeometry, backend: ConvolutionBackend = .auto,
    filterCountHint: Int = 64, threads: Int = 1, patchCacheBytes: Int = 256 << 20,
    planning: FFTPlanning = .estimate
  ) throws {
    try PatchLayout.requireShape(images, geometry)
    self.geometry = geometry
    let layout = PatchLayout(geometry)
    let picked =
      try backend == .auto
      ? BackendChoice(
        layout: layout, samples: images.shape[0], filterCount: max(1, filterCountHint),
        cacheBytes: patchCacheBytes, type: Double.self)
      : BackendChoice(requested: backend)
    self.backend = picked.backend
    choice = picked.reason
    let engine: LayerEngine<Double>
    var patches: Matrix?
    switch picked.backend {
    case .direct: engine = .direct(DirectEngine(layout: layout, images: images))
    case .fft:
      engine = .fft(
        FFTEngine(
          layout: layout, images: images, cacheBytes: patchCacheBytes, planning: planning,
          threads: threads))
    case .im2col, .auto:
      let product = PatchEngine(
        layout: layout, images: images, cacheBytes: patchCacheBytes, threads: threads)
      engine = .patches(product)
      patches = product.patches
    }
    stackedPatches = patches
    passes = LayerPasses(engine, geometry, samples: images.shape[0], threads: threads)
  }

  /// A layer over samples that are read anew in every pass; nothing of the size of the data is kept.
  ///
  /// - Parameters:
  ///   - source: The samples.
  ///   - geometry: Where the filters look.
  ///   - threads: Threads of `responses(of:)` and `adjoint(_:)`.
  /// - Throws: `GeometryError.shapeMismatch` when samples have another shape than the geometry.
  /// - Accuracy: The bits of the im2col backend without cached patches (`StreamedLayerTests`).
  public init(source: any SampleSource, geometry: PatchGeometry, threads: Int = 1) throws {
    try PatchLayout.requireShape(source, geometry)
    self.geometry = geometry
    backend = .im2col
    choice = "im2col (samples are read in every pass)"
    stackedPatches = nil
    passes = LayerPasses(
      .patches(StreamedEngine(layout: PatchLayout(geometry), source: source)), geometry,
      samples: source.sampleCount, threads: threads)
  }

  /// Whether samples are read anew in every pass.
  package var isStreamed: Bool {
    if case .patches(let engine) = passes.engine { engine is StreamedEngine } else { false }
  }

  /// The responses of filters on some samples.
  ///
  /// Several threads may call at once, each with its own workspace.
  ///
  /// - Parameters:
  ///   - filters: Shape `[m, h]`.
  ///   - m: Number of filters.
  ///   - samples: Samples to look at.
  ///   - responses: Shape `[samples.count * K, m]`, overwritten.
  ///   - workspace: Scratch memory of the calling thread.
  package func responses(
    filters: UnsafePointer<Double>, count m: Int, samples: Range<Int>,
    into responses: UnsafeMutablePointer<Double>, workspace: inout ConvolutionWorkspace
  ) {
    passes.engine.responses(
      filters: filters, count: m, samples: samples, into: responses, workspace: &workspace)
  }

  /// Adds the sum over samples and positions of `cotangent[(i, k), j] * patch(i, k)` to row `j` of a gradient.
  ///
  /// Several threads may call at once, each with its own workspace and gradient.
  ///
  /// - Parameters:
  ///   - cotangent: Shape `[samples.count * K, m]`.
  ///   - m: Number of filters.
  ///   - samples: Samples to look at.
  ///   - gradient: Shape `[m, h]`, added to.
  ///   - workspace: Scratch memory of the calling thread.
  package func accumulateAdjoint(
    cotangent: UnsafePointer<Double>, count m: Int, samples: Range<Int>,
    into gradient: UnsafeMutablePointer<Double>, workspace: inout ConvolutionWorkspace
  ) {
    passes.engine.accumulateAdjoint(
      cotangent: cotangent, count: m, samples: samples, into: gradient, workspace: &workspace)
  }
}
