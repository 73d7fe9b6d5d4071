public import Tensors

extension ConvolutionLayer {
  /// Chunks that a pass over all samples is cut into, at most; their partial sums are kept at once.
  private static let chunkLimit = 64
  /// Tiles per chunk of the FFT backend, at least.
  private static let chunkTiles = 16
  /// Rows that make a chunk worth handing to a thread.
  private static let chunkRows = 2048

  /// Samples per chunk, from the shapes alone so that results do not depend on the number of threads.
  private var chunk: Int {
    // Every chunk transforms all filters or gradients, which takes some tiles to pay off.
    let tiles = (engine as? FFTEngine)?.tiles.count
    let least = tiles.map { (Self.chunkTiles + $0 - 1) / $0 } ?? 1
    return max(
      (sampleCount + Self.chunkLimit - 1) / Self.chunkLimit, Self.chunkRows / rowsPerSample, least)
  }

  private var rowsPerSample: Int { geometry.patchesPerSample }

  /// The responses of filters on every patch, `M U'`.
  ///
  /// - Parameter filters: Matrix `U` of shape `[m, h]`.
  /// - Returns: Matrix of shape `[n * K, m]`.
  /// - Throws: `GeometryError.shapeMismatch` when the filters have another length than the patches.
  /// - Complexity: O(`n * K * h * m`) for direct and im2col.
  public func responses(of filters: Matrix) throws -> Matrix {
    var result = Matrix(rows: sampleCount * rowsPerSample, columns: filters.rows)
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
  public func writeResponses(of filters: Matrix, into result: inout Matrix) throws {
    guard filters.columns == geometry.patchDimension else {
      throw GeometryError.shapeMismatch(
        expected: [-1, geometry.patchDimension], found: [filters.rows, filters.columns])
    }
    let m = filters.rows
    let rows = sampleCount * rowsPerSample
    guard result.rows == rows, result.columns == m else {
      throw GeometryError.shapeMismatch(
        expected: [rows, m], found: [result.rows, result.columns])
    }
    result.elements.withUnsafeMutableBufferPointer { buffer in
      filters.elements.withUnsafeBufferPointer { filters in
        guard let filters = filters.baseAddress, let start = buffer.baseAddress else { return }
        nonisolated(unsafe) let (source, target) = (filters, start)
        Parallel.forEachChunk(of: sampleCount, chunk: chunk, threads: threads) { _, range in
          pool.withWorkspace { workspace in
            responses(
              filters: source, count: m, samples: range,
              into: target + range.lowerBound * rowsPerSample * m, workspace: &workspace)
          }
        }
      }
    }
  }

  /// The adjoint of `responses(of:)`, `Z' M`.
  ///
  /// - Parameter cotangent: Matrix `Z` of shape `[n * K, m]`.
  /// - Returns: Matrix of shape `[m, h]`.
  /// - Throws: `GeometryError.shapeMismatch` when the cotangent has another number of rows than there are patches.
  /// - Complexity: O(`n * K * h * m`) for direct and im2col.
  public func adjoint(_ cotangent: Matrix) throws -> Matrix {
    guard cotangent.rows == sampleCount * rowsPerSample else {
      throw GeometryError.shapeMismatch(
        expected: [sampleCount * rowsPerSample, -1], found: [cotangent.rows, cotangent.columns])
    }
    let m = cotangent.columns
    let size = m * geometry.patchDimension
    let chunks = (sampleCount + chunk - 1) / chunk
    var partial = [Double](repeating: 0, count: chunks * size)
    partial.withUnsafeMutableBufferPointer { buffer in
      cotangent.elements.withUnsafeBufferPointer { cotangent in
        guard let cotangent = cotangent.baseAddress, let start = buffer.baseAddress else { return }
        nonisolated(unsafe) let (source, target) = (cotangent, start)
        Parallel.forEachChunk(of: sampleCount, chunk: chunk, threads: threads) { index, range in
          pool.withWorkspace { workspace in
            accumulateAdjoint(
              cotangent: source + range.lowerBound * rowsPerSample * m, count: m, samples: range,
              into: target + index * size, workspace: &workspace)
          }
        }
        for index in 0..<chunks where index > 0 {
          for e in 0..<size { start[e] += start[index * size + e] }
        }
      }
    }
    return Matrix(
      rows: m, columns: geometry.patchDimension,
      elements: chunks > 0 ? Array(partial[0..<size]) : [Double](repeating: 0, count: size))
  }
}

extension ConvolutionLayer {
  /// The sum of squares of a padded sample, from its spectra by Parseval; `nil` unless the backend is FFT and a sample
  /// is transformed in one piece.
  package func spectralEnergy(ofSample sample: Int) -> Double? {
    (engine as? FFTEngine)?.energy(ofSample: sample)
  }
}
