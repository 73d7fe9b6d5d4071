public import Tensors

extension ConvolutionLayer {
  /// The responses of filters on every patch, `M U'`.
  ///
  /// - Parameter filters: Matrix `U` of shape `[m, h]`.
  /// - Returns: Matrix of shape `[n * K, m]`.
  /// - Throws: `GeometryError.shapeMismatch` when the filters have another length than the patches.
  /// - Complexity: O(`n * K * h * m`) for direct and im2col.
  public func responses(of filters: Matrix) throws -> Matrix {
    var result = Matrix(rows: passes.rows, columns: filters.rows)
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
    guard result.rows == passes.rows, result.columns == filters.rows else {
      throw GeometryError.shapeMismatch(
        expected: [passes.rows, filters.rows], found: [result.rows, result.columns])
    }
    passes.writeResponses(of: filters.elements, count: filters.rows, into: &result.elements)
  }

  /// The adjoint of `responses(of:)`, `Z' M`.
  ///
  /// - Parameter cotangent: Matrix `Z` of shape `[n * K, m]`.
  /// - Returns: Matrix of shape `[m, h]`.
  /// - Throws: `GeometryError.shapeMismatch` when the cotangent has another number of rows than there are patches.
  /// - Complexity: O(`n * K * h * m`) for direct and im2col.
  public func adjoint(_ cotangent: Matrix) throws -> Matrix {
    guard cotangent.rows == passes.rows else {
      throw GeometryError.shapeMismatch(
        expected: [passes.rows, -1], found: [cotangent.rows, cotangent.columns])
    }
    return Matrix(
      rows: cotangent.columns, columns: geometry.patchDimension,
      elements: passes.adjoint(cotangent.elements, count: cotangent.columns))
  }
}

extension ConvolutionLayer {
  /// The sum of squares of a padded sample, from its spectra by Parseval; `nil` unless the backend is FFT and a sample
  /// is transformed in one piece.
  package func spectralEnergy(ofSample sample: Int) -> Double? {
    if case .fft(let engine) = passes.engine { engine.energy(ofSample: sample) } else { nil }
  }
}
