package import Tensors

/// The patches of a batch, as the certifier sees them.
///
/// Symbols used in this module: `n` samples, `K` patches per sample, `h` patch dimension, `a` windows, `c` outputs;
/// row `r = i K + k` is patch `x_r`, patch `k` of sample `i`.
package struct PooledPatches: Sendable {
  /// Stacked patches, `[n * K, h]`.
  package let rows: Matrix
  /// Number of samples `n`.
  package let sampleCount: Int
  /// Threads that passes over the data use.
  package let threads: Int

  /// Patches with everything given.
  ///
  /// - Parameters:
  ///   - rows: Stacked patches, `[n * K, h]`.
  ///   - sampleCount: Number of samples `n`.
  ///   - threads: Threads that passes over the data use.
  package init(rows: Matrix, sampleCount: Int, threads: Int) {
    self.rows = rows
    self.sampleCount = sampleCount
    self.threads = threads
  }

  /// Patches per sample `K`.
  var patchesPerSample: Int { sampleCount == 0 ? 0 : rows.rows / sampleCount }
  /// Patch dimension `h`.
  var patchDimension: Int { rows.columns }

  /// The patches over a power of two, and that power: 1 unless the entries are so small that products underflow.
  var moderate: (patches: PooledPatches, size: Double) {
    let largest = rows.elements.reduce(0) { max($0, abs($1)) }
    guard largest > 0, largest < 0x1p-200 else { return (self, 1) }
    let size = Double(sign: .plus, exponent: Int(largest.exponent), significand: 1)
    // Two exact steps, because the inverse of the least numbers overflows.
    let (first, second) = (size / 0x1p-500, 0x1p-500)
    var scaled = rows
    for e in scaled.elements.indices { scaled.elements[e] = scaled.elements[e] / first / second }
    return (PooledPatches(rows: scaled, sampleCount: sampleCount, threads: threads), size)
  }

  /// The inner product of row `r` with a vector, summed in the order of the coordinates.
  ///
  /// Gates are always evaluated by this one loop, so a gate has the same pattern wherever it appears.
  @inline(__always)
  static func product(
    _ row: UnsafePointer<Double>, _ vector: UnsafePointer<Double>, _ count: Int
  ) -> Double {
    var sum = 0.0
    for e in 0..<count { sum += row[e] * vector[e] }
    return sum
  }

  /// Bits `1[x_r . g >= 0]` of each gate, packed 64 to a word.
  ///
  /// - Parameter gates: `[P, h]`.
  /// - Returns: For every gate `ceil(n K / 64)` words.
  package func patterns(of gates: Matrix) -> [[UInt64]] {
    let (count, h, words) = (rows.rows, patchDimension, (rows.rows + 63) / 64)
    var result = [[UInt64]](repeating: [], count: gates.rows)
    result.withUnsafeMutableBufferPointer { result in
      nonisolated(unsafe) let result = result
      Parallel.forEachChunk(of: gates.rows, chunk: 1, threads: threads) { gate, _ in
        var bits = [UInt64](repeating: 0, count: words)
        rows.elements.withUnsafeBufferPointer { x in
          gates.elements.withUnsafeBufferPointer { g in
            guard let x = x.baseAddress, let g = g.baseAddress else { return }
            for r in 0..<count where Self.product(x + r * h, g + gate * h, h) >= 0 {
              bits[r >> 6] |= 1 << UInt64(r & 63)
            }
          }
        }
        result[gate] = bits
      }
    }
    return result
  }

  /// `sum_r |b_r| |x_r|` with `b_r[q, j] = P[q, k] Lambda[i, j]`: bounds every dual norm, and scales rounding errors.
  ///
  /// - Parameters:
  ///   - weights: Pooling weights `P`, `[a, K]`.
  ///   - dual: Dual point `Lambda`, `[n, c]`.
  /// - Returns: The sum, not negative.
  package func massBound(weights: Matrix, dual: Matrix) -> Double {
    let (count, h) = (patchesPerSample, patchDimension)
    let pooled = (0..<count).map { k in
      norm((0..<weights.rows).map { weights[$0, k] })
    }
    var sum = 0.0
    rows.elements.withUnsafeBufferPointer { x in
      guard let x = x.baseAddress else { return }
      for i in 0..<sampleCount {
        let size = norm(Array(dual.row(i)))
        guard size > 0 else { continue }
        for k in 0..<count {
          sum += size * pooled[k] * BLAS.norm(x + (i * count + k) * h, count: h)
        }
      }
    }
    return sum
  }

  /// Bound on what rounding changes in a pooled correlation: `4 (n + K + h + a c + 8) 2^-53` of `massBound`.
  ///
  /// - Parameters:
  ///   - mass: Value of `massBound`.
  ///   - size: Entries `a c` of a pooled correlation.
  /// - Returns: An absolute margin.
  func roundingMargin(mass: Double, size: Int) -> Double {
    Self.roundingMargin(
      mass: mass, size: size, sampleCount: sampleCount, patchesPerSample: patchesPerSample,
      patchDimension: patchDimension)
  }

  /// The same margin for patches that are not all here.
  static func roundingMargin(
    mass: Double, size: Int, sampleCount: Int, patchesPerSample: Int, patchDimension: Int
  ) -> Double {
    let terms = sampleCount + patchesPerSample + patchDimension + size + 8
    return 4 * Double(terms) * 0x1p-53 * mass
  }

  private func norm(_ x: [Double]) -> Double { BLAS.norm(x) }
}
