import ConvexPrograms
import Tensors

// The evaluation from `A' A` and `A' Y`, whose cost does not depend on the number of samples. With `D` the `[d, width]` matrix of
// filters in the places of their blocks, `Phi = A D`, so that `Phi' Phi = D' A'A D` and `Phi' Y = D' A'Y`.

extension FactoredDescent {
  /// What `evaluate(_:)` returns.
  func evaluate(
    _ filters: [Double], _ normal: GramFeatureMap
  ) -> (value: Double, gradient: [Double], outputWeights: Matrix) {
    let scale = 1 / Double(max(1, normal.sampleCount))
    let images = images(of: filters, normal)
    var gram = correlation(filters, with: images)
    for i in gram.elements.indices { gram.elements[i] *= scale }
    for i in 0..<width { gram[i, i] += lambda }
    var image = correlation(filters, with: normal.correlation)
    for i in image.elements.indices { image.elements[i] *= scale }
    guard let weights = try? LAPACK.solvePositiveDefinite(gram, image) else {
      return (.nan, filters.map { _ in .nan }, image)
    }
    let point = point(filters: filters, outputWeights: weights)
    let product = DenseFeatureMap(features: images, threads: threads).predictions(of: weights)
    var residual = normal.residual(at: point, product: product)
    for i in residual.correlation.elements.indices { residual.correlation.elements[i] *= scale }
    var gradient = filterGradient(residual.correlation, weights: weights)
    BLAS.add(lambda, filters, to: &gradient)
    let squares = BLAS.dot(filters, filters) + BLAS.dot(weights.elements, weights.elements)
    return (0.5 * scale * residual.energy + 0.5 * lambda * squares, gradient, weights)
  }

  /// `A'A D`, shape `[d, width]`.
  private func images(of filters: [Double], _ normal: GramFeatureMap) -> Matrix {
    let (d, h, a) = (normal.featureCount, shape.patchDimension, shape.windowCount)
    var images = Matrix(rows: d, columns: width)
    images.elements.withUnsafeMutableBufferPointer { images in
      normal.gram.elements.withUnsafeBufferPointer { gram in
        filters.withUnsafeBufferPointer { filters in
          guard let images = images.baseAddress, let gram = gram.baseAddress,
            let filters = filters.baseAddress
          else { return }
          forEachFactor { factor in
            for q in 0..<a {
              BLAS.gemm(
                .plain, .transposed, m: d, n: factor.rank, k: h,
                gram + (factor.block * a + q) * h, lda: d, filters + factor.offset * h, ldb: h,
                images + factor.offset * a + q * factor.rank, ldc: width)
            }
          }
        }
      }
    }
    return images
  }

  /// `D' M` of a matrix of shape `[d, k]`, shape `[width, k]`.
  private func correlation(_ filters: [Double], with matrix: Matrix) -> Matrix {
    let (h, a, k) = (shape.patchDimension, shape.windowCount, matrix.columns)
    var result = Matrix(rows: width, columns: k)
    result.elements.withUnsafeMutableBufferPointer { result in
      matrix.elements.withUnsafeBufferPointer { matrix in
        filters.withUnsafeBufferPointer { filters in
          guard let result = result.baseAddress, let matrix = matrix.baseAddress,
            let filters = filters.baseAddress
          else { return }
          forEachFactor { factor in
            for q in 0..<a {
              BLAS.gemm(
                m: factor.rank, n: k, k: h, filters + factor.offset * h, lda: h,
                matrix + (factor.block * a + q) * h * k, ldb: k,
                result + (factor.offset * a + q * factor.rank) * k, ldc: k)
            }
          }
        }
      }
    }
    return result
  }

  /// `sum_q R_{b,q} w_q'` for each filter, `R` of shape `[d, c]`.
  private func filterGradient(_ slope: Matrix, weights: Matrix) -> [Double] {
    let (h, a, c) = (shape.patchDimension, shape.windowCount, slope.columns)
    var gradient = [Double](repeating: 0, count: filterCount * h)
    gradient.withUnsafeMutableBufferPointer { gradient in
      slope.elements.withUnsafeBufferPointer { slope in
        weights.elements.withUnsafeBufferPointer { weights in
          guard let gradient = gradient.baseAddress, let slope = slope.baseAddress,
            let weights = weights.baseAddress
          else { return }
          forEachFactor { factor in
            for q in 0..<a {
              BLAS.gemm(
                .plain, .transposed, m: factor.rank, n: h, k: c,
                weights + (factor.offset * a + q * factor.rank) * c, lda: c,
                slope + (factor.block * a + q) * h * c, ldb: c, beta: 1,
                gradient + factor.offset * h, ldc: h)
            }
          }
        }
      }
    }
    return gradient
  }
}
