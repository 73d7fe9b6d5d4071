import Arrangements
import Convolutions
import Tensors

/// The cones of all cells of a problem, with the linear maps that its features are on them.
///
/// Under max pooling cells with the same winners are one cone: features are the same on all of them.
struct AllCells {
  /// Cones `b`, `P` of them, with irredundant facets.
  let cones: [ActivationCone]
  /// Features `[n, P a h]`: row `i`, from column `(b a + q) h` on, is the patch sum whose product with a filter in cone
  /// `b` is window `q` of sample `i`.
  let features: Matrix
  /// Number of cells of the arrangement, both of each pair.
  let cellCount: Int
  private let arrangement: CentralArrangement
  private let patterns: [ActivationPattern]

  /// All cells of a ReLU problem, under max pooling with one window.
  ///
  /// - Parameters:
  ///   - problem: The problem.
  ///   - maximumCells: Most cells, both of each pair.
  /// - Throws: `ProgramError` when there are more cells or features than allowed, `ArrangementError` when all patches
  ///   are zero or span too many dimensions.
  /// - Complexity: O(`cells lines`) look-ups for the facets, O(`cells n K h`) for the features.
  init(problem: TrainingProblem, maximumCells: Int) throws {
    let (n, h) = (problem.sampleCount, problem.geometry.patchDimension)
    let size = problem.windowCount * h
    let listing = try Listing(problem: problem, maximumCells: maximumCells)
    let (normals, arrangement) = (listing.normals, listing.arrangement)
    let (table, blocks) = (listing.table, listing.blocks)
    cones = blocks.facets.map { facets in
      ActivationCone(
        normals: Matrix(
          rows: facets.count, columns: h,
          elements: facets.flatMap { facet in
            arrangement.essential.rows.row(facet.line).map { facet.isActive ? $0 : -$0 }
          }))
    }
    var features = Matrix(rows: n, columns: blocks.members.count * size)
    patterns = blocks.members.map { table.pattern($0[0]) }
    for (b, pattern) in patterns.enumerated() {
      normals.addFeatures(
        of: arrangement.essential.expand(pattern), to: &features, column: b * size)
    }
    self.features = features
    self.arrangement = arrangement
    cellCount = table.count
  }

  /// A unit vector strictly inside a cone; nil when the cone is too thin for one in floating point.
  func interior(of cone: Int) -> [Double]? { arrangement.cell(of: patterns[cone])?.witness }

  /// All cells in their cones, without features; whether there are too many is known from here on.
  struct Listing {
    fileprivate let normals: CellNormals
    fileprivate let arrangement: CentralArrangement
    fileprivate let table: CellTable
    fileprivate let blocks: CellBlocks

    /// The cells of a problem.
    ///
    /// - Throws: As `AllCells.init(problem:maximumCells:)`.
    init(problem: TrainingProblem, maximumCells: Int) throws {
      let n = problem.sampleCount
      let size = problem.windowCount * problem.geometry.patchDimension
      normals = CellNormals(
        patches: (0..<n).map { problem.patches(ofSample: $0) }, pooling: problem.poolingMap)
      arrangement = try CentralArrangement(normals: normals.rows)
      table = try CellTable(CellEnumeration(arrangement), limit: maximumCells)
      blocks =
        normals.isMax
        ? CellBlocks(table, arrangement.essential, normals) : CellBlocks(separate: table)
      let bytes = n * size * blocks.members.count * MemoryLayout<Double>.stride
      guard bytes <= ConeProgram.largestFeatureBytes else {
        throw ProgramError(
          place: "program over all cells", expected: "features of at most 4 GiB",
          found: "\(n) samples x \(blocks.members.count) cells x \(size)",
          advice: "Use cell generation, --cells generate.")
      }
    }
  }
}

/// The normals whose signs decide the features of a filter: patches, and under max pooling their differences.
private struct CellNormals {
  let isMax: Bool
  let patches: [Matrix]
  let rows: Matrix
  private let positions: Int
  private let pooling: PoolingMap

  init(patches: [Matrix], pooling: PoolingMap) {
    self.patches = patches
    self.pooling = pooling
    isMax = !pooling.isLinear
    let (k, h) = (patches.first?.rows ?? 0, patches.first?.columns ?? 0)
    positions = k
    var elements = patches.flatMap(\.elements)
    if isMax {
      for sample in patches {
        for first in 0..<k {
          for second in first + 1..<max(k, first + 1) {
            for e in 0..<h { elements.append(sample[first, e] - sample[second, e]) }
          }
        }
      }
    }
    rows = Matrix(rows: elements.count / max(1, h), columns: h, elements: elements)
  }

  /// The position that wins in each sample, -1 where no patch is active.
  func winners(_ pattern: ActivationPattern) -> [Int32] {
    let pairs = positions * (positions - 1) / 2
    return patches.indices.map { i in
      var (winner, pair) = (0, patches.count * positions + i * pairs)
      for first in 0..<positions {
        for second in first + 1..<max(positions, first + 1) {
          // Bits say whether the first of a pair is at least as large.
          if first == winner, !pattern[pair] { winner = second }
          pair += 1
        }
      }
      return pattern[i * positions + winner] ? Int32(winner) : -1
    }
  }

  /// The rows that must be active, and those that must not, for given winners.
  func requirements(_ winners: [Int32]) -> [(row: Int, isActive: Bool)] {
    let pairs = positions * (positions - 1) / 2
    var found: [(row: Int, isActive: Bool)] = []
    for (i, winner) in winners.enumerated() {
      var pair = patches.count * positions + i * pairs
      for first in 0..<positions {
        if winner == first || winner < 0 { found.append((i * positions + first, winner == first)) }
        for second in first + 1..<max(positions, first + 1) {
          if winner == first || winner == second { found.append((pair, winner == first)) }
          pair += 1
        }
      }
    }
    return found
  }

  /// Adds the patches of a pattern to the features of every sample, those of window `q` from column `column + q h` on.
  func addFeatures(of pattern: ActivationPattern, to features: inout Matrix, column: Int) {
    let winners = isMax ? winners(pattern) : []
    for (i, sample) in patches.enumerated() {
      for k in 0..<positions where isMax ? winners[i] == k : pattern[i * positions + k] {
        let start = column + pooling.windows[k] * sample.columns
        for e in 0..<sample.columns { features[i, start + e] += pooling.weights[k] * sample[k, e] }
      }
    }
  }
}

/// Cells joined where their features are the same linear map, with the facets of the unions.
private struct CellBlocks {
  /// Cells of each block.
  private(set) var members: [[Int]] = []
  /// Facets of each block.
  private(set) var facets: [[CellFacet]] = []

  /// Every cell by itself.
  init(separate table: CellTable) {
    members = (0..<table.count).map { [$0] }
    facets = (0..<table.count).map { cell in Self.facets(of: cell, table) { _ in true } }
  }

  /// Cells joined by the winners of max pooling.
  ///
  /// The union is where the winners' products are the largest, so its facets are those of its cells on such lines.
  /// Differences of patches are rounded, which opens slivers between lines that should meet; what these say about
  /// winners contradicts itself, and they are left out.
  init(_ table: CellTable, _ essential: EssentialRows, _ normals: CellNormals) {
    var blockOfWinners: [[Int32]: Int] = [:]
    var found: [Set<CellFacet>] = []
    for cell in 0..<table.count {
      let winners = normals.winners(essential.expand(table.pattern(cell)))
      var sides: [Int: Bool] = [:]
      let isConsistent = normals.requirements(winners).allSatisfy { row, isActive in
        let line = essential.lineOfRow[row]
        guard line >= 0 else { return true }
        let side = isActive == (essential.signOfRow[row] > 0)
        sides[line] = side
        return table.isActive(cell, line: line) == side
      }
      guard isConsistent else { continue }
      let block = blockOfWinners[winners] ?? members.count
      blockOfWinners[winners] = block
      if block == members.count {
        members.append([])
        found.append([])
      }
      members[block].append(cell)
      found[block].formUnion(Self.facets(of: cell, table) { sides[$0] != nil })
    }
    facets = found.map { $0.sorted { $0.line < $1.line } }
  }

  private static func facets(
    of cell: Int, _ table: CellTable, where isWanted: (Int) -> Bool
  ) -> [CellFacet] {
    (0..<table.lineCount).filter { isWanted($0) && table.neighbor(of: cell, across: $0) != nil }
      .map { CellFacet(line: $0, isActive: table.isActive(cell, line: $0)) }
  }
}

/// A line that bounds a cell, and the side on which the cell lies.
private struct CellFacet: Hashable {
  let line: Int
  let isActive: Bool
}
