package import Arrangements
package import Tensors

/// Projections on the closures of given cells of one arrangement, by rows that are added where they are needed.
///
/// A cell is `{v : s_r x_r . v >= 0}` over all rows, of which few bound it near the points asked for. Each cell keeps a
/// list of rows that only grows. A vector is projected on the cone of that list, which contains the cell; the most
/// violated of all rows are added until none is below zero by more than rounding (`ConeFace.isBelow`). Products of all
/// rows with many points at a time are one matrix product.
///
/// Blocks `0..<P` and `P..<2 P` belong to cells `0..<P`; each keeps the face of its last projection. Results depend on the
/// vectors asked for before, by no more than rounding, and never on the number of threads.
///
/// - Source: Lazily added constraints (cutting planes) on the program of Pilanci & Ergen, *Neural Networks are Convex
///   Regularizers*, ICML 2020; ours.
package final class CellProjections {
  /// Rows of length one, shared by all cells; rows of zero bound nothing.
  private let rows: Matrix
  private let patterns: [ActivationPattern]
  private let threads: Int
  private let h: Int
  private var faces: [ConeFace]
  private var working: [WorkingRows]

  /// Rows of one cell, with signs that point inwards.
  private struct WorkingRows {
    var indices: [Int] = []
    var elements: [Double] = []
    var known: Set<Int> = []
  }

  /// Rows that one look at all of them may add per block: the most violated of each of as many parts.
  private static let parts = 8
  /// Rows multiplied at a time, a multiple of 64.
  private static let rowBlock = 1024

  /// Projections with no row known yet.
  ///
  /// - Parameters:
  ///   - rows: Rows `[lines, h]` of length one, or zero.
  ///   - patterns: Pattern of each cell over the rows, `P` of them.
  ///   - threads: Threads to use.
  package init(rows: Matrix, patterns: [ActivationPattern], threads: Int) {
    (self.rows, self.patterns, self.threads) = (rows, patterns, threads)
    h = rows.columns
    faces = [ConeFace](repeating: ConeFace(dimension: h), count: 2 * patterns.count)
    working = [WorkingRows](repeating: WorkingRows(), count: patterns.count)
  }

  /// Number of cells `P`.
  package var cellCount: Int { patterns.count }
  /// Rows added so far, over all cells.
  package var workingRowCount: Int { working.reduce(0) { $0 + $1.indices.count } }

  /// The face of a block's last projection.
  package func face(of block: Int) -> ConeFace { faces[block] }

  /// Active rows of a block's last projection, by their numbers among all rows, with their multipliers.
  package func multipliers(of block: Int) -> [(row: Int, multiplier: Double)] {
    let own = working[block % cellCount].indices
    return zip(faces[block].active, faces[block].multipliers).map { (own[$0], $1) }
  }

  /// Projects the blocks whose vectors and projections are longer than a threshold.
  ///
  /// - Parameters:
  ///   - vectors: A vector per block, `2 P h` numbers.
  ///   - threshold: Blocks that turn out not to be longer are left where that is known.
  /// - Returns: Blocks with a longer projection, ascending; their faces are those of the cells, up to rounding.
  /// - Complexity: O(`lines h`) for each block in each look at all rows, of which there are few.
  package func project(_ vectors: [Double], longerThan threshold: Double) -> [Int] {
    let all = (0..<2 * cellCount).filter { block in
      norm(vectors, block) > threshold
    }
    var (pending, longer) = (all, Set<Int>())
    while !pending.isEmpty {
      projectOnWorkingRows(pending, vectors)
      let candidates = pending.filter { faces[$0].norm > threshold }
      longer.subtract(pending)
      longer.formUnion(candidates)
      pending = addViolatedRows(candidates, vectors)
    }
    return longer.sorted()
  }

  /// The length of the longest projection of `-slope_b` and `slope_b` on cell `b`.
  ///
  /// Every bound that this ends with is that of a cone that contains the cell; the longest is looked at until all rows agree.
  ///
  /// - Parameter slope: A vector per cell, `P h` numbers.
  /// - Returns: The dual norm over the cells, never less but by rounding; not a number where the slope is none.
  package func dualNorm(slope: [Double]) -> Double {
    guard slope.allSatisfy(\.isFinite) else { return .nan }
    let vectors = slope.map { -$0 } + slope
    var pending = (0..<2 * cellCount).filter { norm(vectors, $0) > 0 }
    var best = 0.0
    while !pending.isEmpty {
      projectOnWorkingRows(pending, vectors)
      let candidates = pending.filter { faces[$0].norm > best }
      pending = addViolatedRows(candidates, vectors)
      let open = Set(pending)
      for block in candidates where !open.contains(block) { best = max(best, faces[block].norm) }
    }
    return best
  }

  private func norm(_ vectors: [Double], _ block: Int) -> Double {
    vectors.withUnsafeBufferPointer { v in
      v.baseAddress.map { BLAS.norm($0 + block * h, count: h) } ?? 0
    }
  }

  private func projectOnWorkingRows(_ blocks: [Int], _ vectors: [Double]) {
    let working = working
    faces.withUnsafeMutableBufferPointer { faces in
      nonisolated(unsafe) let faces = faces
      vectors.withUnsafeBufferPointer { vectors in
        guard let vectors = vectors.baseAddress else { return }
        Parallel.forEachChunk(of: blocks.count, chunk: 8, threads: threads) { _, range in
          for block in blocks[range] {
            let own = working[block % patterns.count]
            own.elements.withUnsafeBufferPointer { rows in
              // Without rows the pointer is not read.
              faces[block].project(
                vectors + block * h, rows: rows.baseAddress ?? vectors, count: own.indices.count)
            }
          }
        }
      }
    }
  }

  /// Adds the rows that are most violated at the blocks' points to their cells.
  ///
  /// - Returns: The blocks for which there were such rows, in the order given.
  private func addViolatedRows(_ blocks: [Int], _ vectors: [Double]) -> [Int] {
    let lines = rows.rows
    guard lines > 0, !blocks.isEmpty else { return [] }
    let size = max(64, ((lines + Self.parts - 1) / Self.parts + 63) / 64 * 64)
    let count = (lines + size - 1) / size
    var worst = [Int](repeating: -1, count: blocks.count * count)
    worst.withUnsafeMutableBufferPointer { worst in
      nonisolated(unsafe) let worst = worst
      Parallel.forEachChunk(of: blocks.count, chunk: 16, threads: threads) { _, range in
        let points = blocks[range].flatMap { faces[$0].point }
        for part in 0..<count {
          let part = (part, part * size..<min(lines, (part + 1) * size))
          find(Array(blocks[range]), points, vectors, part.1) { place, row in
            worst[(range.lowerBound + place) * count + part.0] = row
          }
        }
      }
    }
    return blocks.indices.filter { place in
      let cell = blocks[place] % cellCount
      var isNew = false
      for row in worst[place * count..<(place + 1) * count] where row >= 0 {
        guard working[cell].known.insert(row).inserted else { continue }
        let sign: Double = patterns[cell][row] ? 1 : -1
        working[cell].indices.append(row)
        working[cell].elements += rows.row(row).map { sign * $0 }
        isNew = true
      }
      // A row that is known already is violated by rounding alone, unless it came in for the opposite block just now.
      return isNew
        || worst[place * count..<(place + 1) * count].contains {
          $0 >= 0 && (working[cell].indices.lastIndex(of: $0) ?? 0) >= faces[blocks[place]].rowCount
        }
    }.map { blocks[$0] }
  }

  /// Finds the most violated row of a range for each of some points, if there is one.
  private func find(
    _ blocks: [Int], _ points: [Double], _ vectors: [Double], _ range: Range<Int>,
    _ found: (Int, Int) -> Void
  ) {
    var worst = [(row: Int, product: Double)](repeating: (-1, 0), count: blocks.count)
    withUnsafeTemporaryAllocation(of: Double.self, capacity: blocks.count * Self.rowBlock) {
      products in
      guard let products = products.baseAddress else { return }
      for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.rowBlock) {
        let length = min(Self.rowBlock, range.upperBound - start)
        points.withUnsafeBufferPointer { points in
          rows.elements.withUnsafeBufferPointer { rows in
            guard let points = points.baseAddress, let rows = rows.baseAddress else { return }
            BLAS.gemm(
              .plain, .transposed, m: blocks.count, n: length, k: h, points, lda: h,
              rows + start * h, ldb: h, products, ldc: length)
          }
        }
        for (place, block) in blocks.enumerated() {
          let least = Self.least(
            products + place * length, length, patterns[block % cellCount].bits, from: start)
          if least.product < worst[place].product { worst[place] = least }
        }
      }
    }
    for (place, block) in blocks.enumerated() where worst[place].row >= 0 {
      let isBelow = ConeFace.isBelow(
        worst[place].product, norm: faces[block].norm, size: norm(vectors, block))
      if isBelow { found(place, worst[place].row) }
    }
  }

  /// The least product after signs, and its row; `start` is a multiple of 64.
  private static func least(
    _ products: UnsafePointer<Double>, _ length: Int, _ bits: [UInt64], from start: Int
  ) -> (row: Int, product: Double) {
    var (row, least) = (-1, 0.0)
    bits.withUnsafeBufferPointer { bits in
      for first in stride(from: 0, to: length, by: 64) {
        let inactive = ~bits[(start + first) >> 6]
        let last = min(first + 64, length)
        for r in first..<last {
          // Rows that are not active point outwards: their product changes its sign bit.
          let flip = (inactive >> UInt64(r - first)) << 63
          let product = Double(bitPattern: products[r].bitPattern ^ flip)
          if product < least { (row, least) = (start + r, product) }
        }
      }
    }
    return (row, least)
  }
}
