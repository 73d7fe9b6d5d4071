import ConvexPrograms
import Tensors

/// Rows of the features of `FactoredDescent`, those of some or all samples, and their part of its passes.
///
/// Sums over samples go by blocks in pairs, as those of `DenseFeatureMap`.
struct FactoredRows: Sendable {
  /// The nonzero part of one block: `rank` filters, kept at `offset` among all filters.
  struct Factor: Sendable {
    let block: Int
    let rank: Int
    let offset: Int
  }

  let rows: FeatureRows
  let windows: WindowProducts
  let factors: [Factor]

  private var filterCount: Int { factors.last.map { $0.offset + $0.rank } ?? 0 }
  private var width: Int { filterCount * windows.windowCount }

  /// Calls the body for each block of samples and a few factors, on one of the threads: with the block's number, its samples, and
  /// where it starts among the rows.
  private func forEachBlock(_ body: (Int, Range<Int>, Int, ArraySlice<Factor>) -> Void) {
    let (samples, block) = (rows.samples, rows.blocks.featureBlock)
    let blockCount = (samples.count + block - 1) / block
    let groupCount = (factors.count + 3) / 4
    Parallel.forEachChunk(of: blockCount * groupCount, chunk: 1, threads: rows.threads) {
      index, _ in
      let (k, group) = (index / groupCount, index % groupCount)
      let first = samples.lowerBound + k * block
      body(
        k, first..<min(first + block, samples.upperBound), k * block,
        factors[4 * group..<min(4 * group + 4, factors.count)])
    }
  }

  /// The features `Phi` of filters `[filters, h]`, shape `[samples.count, width]`.
  func responses(_ filters: [Double]) -> Matrix {
    let (d, h, a, width) = (rows.features.columns, windows.height, windows.windowCount, width)
    var phi = Matrix(rows: rows.features.rows, columns: width)
    phi.elements.withUnsafeMutableBufferPointer { phi in
      rows.features.elements.withUnsafeBufferPointer { features in
        filters.withUnsafeBufferPointer { filters in
          guard let phi = phi.baseAddress, let features = features.baseAddress,
            let filters = filters.baseAddress
          else { return }
          forEachBlock { _, samples, start, factors in
            for factor in factors {
              windows.products(
                rows: samples.count, features + start * d + factor.block * a * h, lda: d,
                filters: filters + factor.offset * h, count: factor.rank,
                phi + start * width + factor.offset * a, ldc: width)
            }
          }
        }
      }
    }
    return phi
  }

  /// The part of the rows in `[Phi' Phi, Phi' Y]`, leaves of `[width, width + c]`; of the first factor in part the upper triangle only.
  ///
  /// - Parameters:
  ///   - phi: What `responses` returned.
  ///   - targets: `Y` of all samples, `[n, c]`.
  /// - Returns: The sum over the blocks of these rows.
  func gramAndImage(of phi: Matrix, targets: Matrix) -> PairwiseSum {
    let (width, c) = (width, targets.columns)
    return phi.elements.withUnsafeBufferPointer { phi in
      targets.elements.withUnsafeBufferPointer { targets in
        guard let phi = phi.baseAddress, let targets = targets.baseAddress else {
          return PairwiseSum()
        }
        return rows.sum(over: width, width: width + c, leastPiece: 64) { samples, lines, out in
          let first = lines.lowerBound
          for e in 0..<lines.count * (width + c) { out[e] = 0 }
          let own = phi + (samples.lowerBound - rows.samples.lowerBound) * width
          BLAS.gemm(
            .transposed, .plain, m: lines.count, n: width - first, k: samples.count, own + first,
            lda: width, own + first, ldb: width, out + first, ldc: width + c)
          BLAS.gemm(
            .transposed, .plain, m: lines.count, n: c, k: samples.count, own + first, lda: width,
            targets + samples.lowerBound * c, ldb: c, out + width, ldc: width + c)
        }
      }
    }
  }

  /// `Phi W` for output weights `[width, c]`, shape `[samples.count, c]`.
  func predictions(of phi: Matrix, weights: Matrix) -> Matrix {
    FeatureRows(phi, samples: rows.samples, of: rows.blocks, threads: rows.threads)
      .predictions(of: weights)
  }

  /// The part of the rows in the gradients by the filters, `sum_i sum_q A_{i,b,q} (G W')_{i,(b,q,r)}` for each, and by the output
  /// weights, `Phi' G`, one after the other in each leaf.
  ///
  /// - Parameters:
  ///   - phi: What `responses` returned.
  ///   - dual: `G` of all samples, `[n, c]`.
  ///   - weights: Output weights `W`, `[width, c]`.
  /// - Returns: The sum over the blocks of these rows.
  func gradients(of phi: Matrix, dual: Matrix, weights: Matrix) -> PairwiseSum {
    let (d, h, a, c) = (rows.features.columns, windows.height, windows.windowCount, dual.columns)
    let width = width
    let size = filterCount * h + width * c
    let block = rows.blocks.featureBlock
    var parts = [Double](repeating: 0, count: (rows.features.rows + block - 1) / block * size)
    parts.withUnsafeMutableBufferPointer { parts in
      rows.features.elements.withUnsafeBufferPointer { features in
        phi.elements.withUnsafeBufferPointer { phi in
          dual.elements.withUnsafeBufferPointer { dual in
            weights.elements.withUnsafeBufferPointer { weights in
              guard let parts = parts.baseAddress, let features = features.baseAddress,
                let phi = phi.baseAddress, let dual = dual.baseAddress,
                let weights = weights.baseAddress
              else { return }
              forEachBlock { index, samples, start, factors in
                let own = dual + samples.lowerBound * c
                for factor in factors {
                  let (columns, place) = (a * factor.rank, factor.offset * a)
                  var cotangent = [Double](repeating: 0, count: samples.count * columns)
                  BLAS.gemm(
                    .plain, .transposed, m: samples.count, n: columns, k: c, own, lda: c,
                    weights + place * c, ldb: c, &cotangent, ldc: columns)
                  windows.addAdjoint(
                    rows: samples.count, features + start * d + factor.block * a * h, lda: d,
                    cotangent: cotangent, ldb: columns, count: factor.rank,
                    to: parts + index * size + factor.offset * h)
                  BLAS.gemm(
                    .transposed, .plain, m: columns, n: c, k: samples.count,
                    phi + start * width + place, lda: width, own, ldb: c,
                    parts + index * size + filterCount * h + place * c, ldc: c)
                }
              }
            }
          }
        }
      }
    }
    return PairwiseSum(parts, first: rows.samples.lowerBound / block, size: size)
  }
}
