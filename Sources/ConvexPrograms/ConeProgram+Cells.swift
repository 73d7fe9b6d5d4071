import Arrangements
import Convolutions
import Tensors

extension ConeProgram {
  /// Most bytes that the features of a program may take.
  static let largestFeatureBytes = 1 << 32

  /// The program over all cells.
  ///
  /// Under max pooling the arrangement has the differences of the patches of a sample among its normals, and cells
  /// with the same winners share one block: their union is a convex cone again, with the facets that no two of them
  /// share.
  ///
  /// - Parameters:
  ///   - problem: A ReLU problem with one output and one window, without an output bias.
  ///   - maximumCells: Most cells, both of each pair.
  /// - Throws: `ProgramError` when the problem has another form or there are more cells or features than allowed,
  ///   `ArrangementError` when all patches are zero or span too many dimensions.
  /// - Complexity: O(`cells lines`) look-ups for the facets, O(`cells n K h`) for the features, O(`n P h`) memory.
  public init(problem: TrainingProblem, maximumCells: Int = 20_000) throws {
    guard problem.activation == .relu, problem.outputCount == 1, problem.windowCount == 1 else {
      throw ProgramError(
        place: "program over all cells", expected: "a ReLU network with one output and one window",
        found: "\(problem.activation.rawValue), \(problem.outputCount) outputs, "
          + "\(problem.windowCount) windows",
        advice: "Use cell generation, --cells generate.")
    }
    guard !problem.hasOutputBias else {
      throw ProgramError(
        place: "program over all cells", expected: "networks without an output bias",
        found: "an output bias",
        advice: "Use cell generation, --cells generate, or train without the output bias.")
    }
    let (n, h) = (problem.sampleCount, problem.geometry.patchDimension)
    let patches = (0..<n).map { problem.patches(ofSample: $0) }
    let normals = CellNormals(patches: patches, isMax: !problem.poolingMap.isLinear)
    let arrangement = try CentralArrangement(normals: normals.rows)
    let table = try CellTable(CellEnumeration(arrangement), limit: maximumCells)
    let blocks =
      normals.isMax
      ? CellBlocks(table, arrangement.essential, normals) : CellBlocks(separate: table)
    let bytes = n * h * blocks.members.count * MemoryLayout<Double>.stride
    guard bytes <= Self.largestFeatureBytes else {
      throw ProgramError(
        place: "program over all cells", expected: "features of at most 4 GiB",
        found: "\(n) samples x \(blocks.members.count) cells x \(h)",
        advice: "Use cell generation, --cells generate.")
    }
    let cones = blocks.facets.map { facets in
      ActivationCone(
        normals: Matrix(
          rows: facets.count, columns: h,
          elements: facets.flatMap { facet in
            arrangement.essential.rows.row(facet.line).map { facet.isActive ? $0 : -$0 }
          }))
    }
    var features = Matrix(rows: n, columns: blocks.members.count * h)
    for (b, members) in blocks.members.enumerated() {
      let pattern = arrangement.essential.expand(table.pattern(members[0]))
      normals.addFeatures(
        of: pattern, weights: problem.poolingMap.weights, to: &features, column: b * h)
    }
    self.init(problem: problem, cones: cones, features: features, cellCount: table.count)
  }
}

/// The normals whose signs decide the features of a filter: patches, and under max pooling their differences.
private struct CellNormals {
  let isMax: Bool
  let patches: [Matrix]
  let rows: Matrix
  private let positions: Int

  init(patches: [Matrix], isMax: Bool) {
    self.patches = patches
    self.isMax = isMax
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

  /// Adds the patches of a pattern to the features of every sample, from a column on.
  func addFeatures(
    of pattern: ActivationPattern, weights: [Double], to features: inout Matrix, column: Int
  ) {
    let winners = isMax ? winners(pattern) : []
    for (i, sample) in patches.enumerated() {
      for k in 0..<positions where isMax ? winners[i] == k : pattern[i * positions + k] {
        for e in 0..<sample.columns { features[i, column + e] += weights[k] * sample[k, e] }
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
