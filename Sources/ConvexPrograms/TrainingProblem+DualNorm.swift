import Convolutions
public import Tensors

extension TrainingProblem {
  /// Dual norm of given filters, `|Phi(u)' nu|_F`, and the gradient of half its square.
  ///
  /// - Parameters:
  ///   - filters: Filters `u` of shape `[m, h]`.
  ///   - dual: Dual point `nu` of shape `[n, c]`, in the units of the gradient of the loss.
  /// - Returns: One norm per filter, and gradients of shape `[m, h]`. By homogeneity `u . gradient = norm^2`.
  /// - Complexity: O(`n K h m + n m a c`).
  public func dualNorms(of filters: Matrix, dual: Matrix) -> (norms: [Double], gradients: Matrix) {
    precondition(
      dual.rows == sampleCount && dual.columns == outputCount,
      "dualNorms: expected [\(sampleCount), \(outputCount)], found [\(dual.rows), \(dual.columns)]")
    let size = windowCount * outputCount
    guard filters.rows > 0 else { return ([], filters) }
    // Row j * a + q holds the correlation of filter j at window q with every output.
    let (correlations, gradient) =
      shared(filters: filters.rows)?.correlations(of: filters, dual: dual)
      ?? passes.correlations(of: filters, dual: dual)
    let norms = (0..<filters.rows).map { j in
      BLAS.norm(Array(correlations.elements[j * size..<(j + 1) * size]))
    }
    return (
      norms,
      Matrix(
        rows: filters.rows, columns: filters.columns,
        elements: gradient.total(count: filters.elements.count))
    )
  }

  /// Patches of one sample, shape `[K, h]`.
  public func patches(ofSample index: Int) -> Matrix {
    let h = geometry.patchDimension
    var result = Matrix(rows: geometry.patchesPerSample, columns: h)
    let unit = Matrix.identity(h).elements
    result.elements.withUnsafeMutableBufferPointer { out in
      unit.withUnsafeBufferPointer { unit in
        guard let unit = unit.baseAddress, let out = out.baseAddress else { return }
        var workspace = ConvolutionWorkspace()
        // Responses of the unit filters are the patches themselves.
        layer.responses(
          filters: unit, count: h, samples: index..<index + 1, into: out, workspace: &workspace)
      }
    }
    return result
  }
}
