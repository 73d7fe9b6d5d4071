public import Tensors

/// How random directions are drawn.
public enum SamplingStrategy: String, CaseIterable, Sendable {
  /// Uniform on the sphere (independent normal coordinates).
  case gaussian
  /// Difference of two rows of unit length plus a tenth of a random unit-size normal vector.
  ///
  /// Patches of images are non-negative, so most uniform directions leave them all on one side; a
  /// difference of patches separates them.
  case patches
  /// Uniform on the unit vectors orthogonal to the mean row, so that its hyperplane halves the rows.
  ///
  /// Patches of images share a large mean (brightness), which decides the sign of most products with
  /// a uniform direction: nearly all rows fall on one side and the cells differ little. Orthogonal
  /// to the mean the products sum to zero over the rows, so both sides carry the same total. The
  /// mean is over the original rows, with their lengths and repeats; rows of one column are not
  /// centered. On the digits (64 gates, 3x3, squared loss, `lambda = 0.01 lambdaMax`) centering
  /// lowers the optimum of the gated program from 0.2024 to 0.1645.
  case centered
}

extension CentralArrangement {
  /// Distinct cells found by drawing directions at random.
  ///
  /// A direction is kept when its pattern is new and its margin exceeds `certifiedMargin`. The
  /// result depends on the seed, never on the number of threads. Fewer cells than asked are
  /// returned when the attempts run out.
  ///
  /// - Parameters:
  ///   - count: Number of cells wanted.
  ///   - seed: Seed of the random directions.
  ///   - strategy: Distribution of the directions.
  ///   - maximumAttempts: Largest number of directions drawn; `50 * count + 1000` when `nil`.
  ///   - droppingInactive: Whether to leave out the cell in which no row is active.
  ///   - pairingOpposites: Whether of each pair of opposite cells only one is taken, that in which the
  ///     first line is active.
  ///   - threads: Upper bound on the threads used.
  ///   - isStopped: Asked between batches of directions; true ends the search with the cells found so far.
  /// - Returns: The cells in the order found, and the number of directions drawn.
  /// - Precondition: `count >= 0`.
  /// - Complexity: O(`attempts * lines * patchDimension`) time.
  public func sampleCells(
    count: Int, seed: UInt64, strategy: SamplingStrategy = .gaussian,
    maximumAttempts: Int? = nil, droppingInactive: Bool = true, pairingOpposites: Bool = false,
    threads: Int = Parallel.processorCount, isStopped: @Sendable () -> Bool = { false }
  ) -> CellSample {
    precondition(count >= 0, "sampleCells: expected a count of at least 0, found \(count)")
    let limit = maximumAttempts ?? 50 * count + 1000
    let inactive = essential.inactivePattern
    let mean = strategy == .centered ? meanRowDirection : nil
    var generator = SeededGenerator(seed: seed)
    var found: [ActivationPattern: Int] = [:]
    var cells: [Cell] = []
    var attempts = 0
    while cells.count < count, attempts < limit, !isStopped() {
      // Whole chunks of the directions still needed at least, so small requests stay cheap.
      let needed = (count - cells.count + Self.chunk - 1) / Self.chunk * Self.chunk
      let batch = min(needed, Self.batch, limit - attempts)
      let directions = drawDirections(batch, strategy, without: mean, &generator)
      let (patterns, margins) = examine(directions, threads: threads)
      for d in 0..<batch where cells.count < count {
        attempts += 1
        guard margins[d] > certifiedMargin else { continue }
        let pattern = pairingOpposites ? patterns[d].withFirstActive : patterns[d]
        found[pattern, default: 0] += 1
        guard found[pattern] == 1, !(droppingInactive && pattern == inactive) else { continue }
        let isFlipped = pattern != patterns[d]
        let witness = directions.row(d).map { isFlipped ? -$0 : $0 }
        cells.append(Cell(pattern: pattern, witness: witness, margin: margins[d]))
      }
    }
    // The bound holds for the number of columns whatever the rank, so no rounding enters the claim.
    let bound = Self.generalPositionCellCount(lines: essential.lineCount, rank: patchDimension)
    return CellSample(
      cells: cells, attempts: attempts,
      isExhaustive: bound == UInt64(found.count) * (pairingOpposites ? 2 : 1),
      coverage: SamplingCoverage(counts: found.values))
  }

  /// Directions per parallel chunk.
  private static let chunk = 32
  /// Directions drawn before patterns are compared.
  private static let batch = 256
  /// Lines multiplied at a time; a multiple of 64, so that blocks fill whole words.
  private static let lineBlock = 1024

  /// Random unit vectors, one per row.
  private func drawDirections(
    _ count: Int, _ strategy: SamplingStrategy, without mean: [Double]?,
    _ generator: inout SeededGenerator
  ) -> Matrix {
    let h = patchDimension
    var directions = Matrix(rows: count, columns: h)
    for d in 0..<count {
      var u = [Double](repeating: 0, count: h)
      for j in 0..<h { u[j] = generator.normal() }
      if strategy == .patches { addDifference(to: &u, &generator) }
      if let mean { BLAS.add(-BLAS.dot(u, mean), mean, to: &u) }
      let length = BLAS.norm(u)
      for j in 0..<h { directions[d, j] = length > 0 ? u[j] / length : 0 }
    }
    return directions
  }

  /// Replaces normal numbers `g` by `a - b + g / (10 sqrt(h))` for random unit rows `a`, `b`.
  private func addDifference(to u: inout [Double], _ generator: inout SeededGenerator) {
    let h = patchDimension
    let a = generator.integer(below: essential.lineCount)
    let b = generator.integer(below: essential.lineCount)
    let noise = 0.1 / Double(h).squareRoot()
    for j in 0..<h {
      let difference =
        essential.rows[a, j] * inverseNorms[a] - essential.rows[b, j] * inverseNorms[b]
      u[j] = difference + noise * u[j]
    }
  }

  /// The unit vector along the mean of the original rows; nil when it is zero or rows have one column.
  private var meanRowDirection: [Double]? {
    guard patchDimension > 1 else { return nil }
    var weights = [Double](repeating: 0, count: essential.lineCount)
    for (r, line) in essential.lineOfRow.enumerated() where line >= 0 {
      weights[line] += Double(essential.signOfRow[r]) * essential.scales[r]
    }
    var mean = [Double](repeating: 0, count: patchDimension)
    for (line, weight) in weights.enumerated() {
      BLAS.add(weight, Array(essential.rows.row(line)), to: &mean)
    }
    let length = BLAS.norm(mean)
    return length > 0 && length.isFinite ? mean.map { $0 / length } : nil
  }

  /// Patterns over the lines and margins of unit vectors.
  private func examine(
    _ directions: Matrix, threads: Int
  ) -> (patterns: [ActivationPattern], margins: [Double]) {
    let lines = essential.lineCount
    let words = (lines + 63) / 64
    var bits = [UInt64](repeating: 0, count: directions.rows * words)
    var margins = [Double](repeating: .infinity, count: directions.rows)
    bits.withUnsafeMutableBufferPointer { bits in
      margins.withUnsafeMutableBufferPointer { margins in
        Parallel.forEachChunk(of: directions.rows, chunk: Self.chunk, threads: threads) {
          _, range in
          examine(directions, range, bits: bits, margins: margins)
        }
      }
    }
    let patterns = (0..<directions.rows).map {
      ActivationPattern(bits: Array(bits[$0 * words..<($0 + 1) * words]), count: lines)
    }
    return (patterns, margins)
  }

  /// Fills the packed bits and margins of some directions, block of lines after block of lines.
  private func examine(
    _ directions: Matrix, _ range: Range<Int>, bits: UnsafeMutableBufferPointer<UInt64>,
    margins: UnsafeMutableBufferPointer<Double>
  ) {
    let (h, lines) = (patchDimension, essential.lineCount)
    let words = (lines + 63) / 64
    let products = UnsafeMutablePointer<Double>.allocate(capacity: range.count * Self.lineBlock)
    defer { products.deallocate() }
    directions.elements.withUnsafeBufferPointer { u in
      essential.rows.elements.withUnsafeBufferPointer { x in
        guard let u = u.baseAddress, let x = x.baseAddress else { return }
        for start in stride(from: 0, to: lines, by: Self.lineBlock) {
          let length = min(Self.lineBlock, lines - start)
          BLAS.gemm(
            .plain, .transposed, m: range.count, n: length, k: h, u + range.lowerBound * h, lda: h,
            x + start * h, ldb: h, products, ldc: length)
          for d in range {
            let row = products + (d - range.lowerBound) * length
            pack(row, start..<start + length, into: bits, at: d * words, least: &margins[d])
          }
        }
      }
    }
  }

  /// Packs the signs of products with a range of lines and lowers the least distance.
  private func pack(
    _ products: UnsafePointer<Double>, _ range: Range<Int>,
    into bits: UnsafeMutableBufferPointer<UInt64>, at offset: Int, least: inout Double
  ) {
    inverseNorms.withUnsafeBufferPointer { inverseNorms in
      var smallest = least
      for start in stride(from: range.lowerBound, to: range.upperBound, by: 64) {
        var word: UInt64 = 0
        for r in start..<min(start + 64, range.upperBound) {
          let product = products[r - range.lowerBound]
          word |= (product >= 0 ? 1 : 0) << UInt64(r & 63)
          let distance = abs(product) * inverseNorms[r]
          smallest = distance < smallest ? distance : smallest
        }
        bits[offset + (start >> 6)] = word
      }
      least = smallest
    }
  }
}
