import Tensors

/// The engine of a layer: a case for each, so that calls are direct and specialized to the type.
enum LayerEngine<Scalar: KernelScalar>: Sendable {
  case direct(DirectEngine<Scalar>)
  case fft(FFTEngine<Scalar>)
  /// Patches and a dense product, which exist in double precision only.
  case patches(any ConvolutionEngine<Scalar>)

  /// Overwrites `responses`; see `ConvolutionEngine`.
  func responses(
    filters: UnsafePointer<Scalar>, count m: Int, samples: Range<Int>,
    into responses: UnsafeMutablePointer<Scalar>, workspace: inout ConvolutionWorkspace
  ) {
    guard m > 0, !samples.isEmpty else { return }
    switch self {
    case .direct(let engine):
      engine.responses(
        filters: filters, count: m, samples: samples, into: responses, workspace: &workspace)
    case .fft(let engine):
      engine.responses(
        filters: filters, count: m, samples: samples, into: responses, workspace: &workspace)
    case .patches(let engine):
      engine.responses(
        filters: filters, count: m, samples: samples, into: responses, workspace: &workspace)
    }
  }

  /// Adds to `gradient`; see `ConvolutionEngine`.
  func accumulateAdjoint(
    cotangent: UnsafePointer<Scalar>, count m: Int, samples: Range<Int>,
    into gradient: UnsafeMutablePointer<Double>, workspace: inout ConvolutionWorkspace
  ) {
    guard m > 0, !samples.isEmpty else { return }
    switch self {
    case .direct(let engine):
      engine.accumulateAdjoint(
        cotangent: cotangent, count: m, samples: samples, into: gradient, workspace: &workspace)
    case .fft(let engine):
      engine.accumulateAdjoint(
        cotangent: cotangent, count: m, samples: samples, into: gradient, workspace: &workspace)
    case .patches(let engine):
      engine.accumulateAdjoint(
        cotangent: cotangent, count: m, samples: samples, into: gradient, workspace: &workspace)
    }
  }
}

/// Passes of an engine over all samples of a layer, by chunks that threads share.
struct LayerPasses<Scalar: KernelScalar>: Sendable {
  let engine: LayerEngine<Scalar>
  let geometry: PatchGeometry
  let sampleCount: Int
  let threads: Int
  private let pool = WorkspacePool()

  init(_ engine: LayerEngine<Scalar>, _ geometry: PatchGeometry, samples: Int, threads: Int) {
    (self.engine, self.geometry) = (engine, geometry)
    (sampleCount, self.threads) = (samples, max(1, threads))
  }

  /// Chunks that a pass over all samples is cut into, at most; their partial sums are kept at once.
  private static var chunkLimit: Int { 64 }
  /// Tiles per chunk of the FFT backend, at least.
  private static var chunkTiles: Int { 16 }
  /// Rows that make a chunk worth handing to a thread.
  private static var responseRows: Int { 2048 }
  /// Rows of a chunk of the adjoint, at least: its sums cost as much as some hundred rows.
  private static var adjointRows: Int { 8192 }

  /// Rows of all samples, `n * K`.
  var rows: Int { sampleCount * geometry.patchesPerSample }

  /// Samples per chunk, from the shapes alone so that results do not depend on the number of threads.
  private func chunk(rows: Int) -> Int {
    // Every chunk transforms all filters or gradients, which takes some tiles to pay off.
    var least = 1
    if case .fft(let engine) = engine {
      least = (Self.chunkTiles + engine.tiles.count - 1) / engine.tiles.count
    }
    return max(
      (sampleCount + Self.chunkLimit - 1) / Self.chunkLimit,
      rows / geometry.patchesPerSample, least)
  }

  /// Overwrites `responses`, shape `[n * K, m]`, given filters `[m, h]`.
  func writeResponses(of filters: [Scalar], count m: Int, into responses: inout [Scalar]) {
    responses.withUnsafeMutableBufferPointer { buffer in
      filters.withUnsafeBufferPointer { filters in
        guard let filters = filters.baseAddress, let start = buffer.baseAddress else { return }
        nonisolated(unsafe) let (source, target) = (filters, start)
        let chunk = chunk(rows: Self.responseRows)
        Parallel.forEachChunk(of: sampleCount, chunk: chunk, threads: threads) { _, range in
          pool.withWorkspace { workspace in
            engine.responses(
              filters: source, count: m, samples: range,
              into: target + range.lowerBound * geometry.patchesPerSample * m,
              workspace: &workspace)
          }
        }
      }
    }
  }

  /// Responses of a chunk whose responses are used and forgotten: as many as stay in the second-level cache.
  private static var passingResponses: Int { 131_072 }

  /// Calls `body` with consecutive chunks of samples and their responses `[samples.count * K, m]`.
  func forEachChunk(
    of filters: [Scalar], count m: Int, _ body: (Range<Int>, UnsafePointer<Scalar>) -> Void
  ) {
    let perSample = geometry.patchesPerSample * m
    let chunk = max(1, Self.passingResponses / max(1, perSample))
    filters.withUnsafeBufferPointer { filters in
      guard let filters = filters.baseAddress else { return }
      nonisolated(unsafe) let source = filters
      Parallel.forEachChunk(of: sampleCount, chunk: chunk, threads: threads) { _, range in
        pool.withWorkspace { workspace in
          let responses = workspace.responses.reserve(range.count * perSample, of: Scalar.self)
          engine.responses(
            filters: source, count: m, samples: range, into: responses, workspace: &workspace)
          body(range, responses)
        }
      }
    }
  }

  /// The sum over all samples of cotangent' times patches, shape `[m, h]`, given the cotangent `[n * K, m]`.
  func adjoint(_ cotangent: [Scalar], count m: Int) -> [Double] {
    let size = m * geometry.patchDimension
    let chunk = chunk(rows: Self.adjointRows)
    let chunks = (sampleCount + chunk - 1) / chunk
    var partial = [Double](repeating: 0, count: max(1, chunks) * size)
    partial.withUnsafeMutableBufferPointer { buffer in
      cotangent.withUnsafeBufferPointer { cotangent in
        guard let cotangent = cotangent.baseAddress, let start = buffer.baseAddress else { return }
        nonisolated(unsafe) let (source, target) = (cotangent, start)
        Parallel.forEachChunk(of: sampleCount, chunk: chunk, threads: threads) { index, range in
          pool.withWorkspace { workspace in
            engine.accumulateAdjoint(
              cotangent: source + range.lowerBound * geometry.patchesPerSample * m, count: m,
              samples: range, into: target + index * size, workspace: &workspace)
          }
        }
        for index in 0..<chunks where index > 0 {
          for e in 0..<size { start[e] += start[index * size + e] }
        }
      }
    }
    return Array(partial.prefix(size))
  }
}
