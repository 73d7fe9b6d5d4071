import Arrangements
import Tensors
import Testing

struct CellSamplingTests {
  /// The arrangement of Gaussian rows, which are in general position.
  private func arrangement(lines: Int, dimension: Int, seed: UInt64) throws -> CentralArrangement {
    var generator = SeededGenerator(seed: seed)
    let elements = (0..<lines * dimension).map { _ in generator.normal() }
    return try CentralArrangement(
      normals: Matrix(rows: lines, columns: dimension, elements: elements))
  }

  /// The patches of width 4 of random three-level signals, shifted so that signs mix: many ties.
  private func quantised(seed: UInt64) throws -> CentralArrangement {
    var generator = SeededGenerator(seed: seed)
    let rows = (0..<300).map { _ in (0..<4).map { _ in Double(generator.integer(below: 3) - 1) } }
    return try CentralArrangement(normals: Matrix(rows))
  }

  @Test(arguments: SamplingStrategy.allCases)
  func cellsAreDistinctAndWitnessesHaveTheirPatterns(strategy: SamplingStrategy) throws {
    for arrangement in [
      try arrangement(lines: 1500, dimension: 5, seed: 1), try quantised(seed: 2),
    ] {
      let sample = arrangement.sampleCells(count: 40, seed: 3, strategy: strategy)
      let patterns = Set(sample.cells.map { $0.pattern })
      #expect(sample.cells.count == 40)
      #expect(patterns.count == 40)
      for cell in sample.cells {
        let pattern = arrangement.pattern(of: cell.witness)
        let margin = arrangement.margin(of: cell.witness)
        let length = BLAS.norm(cell.witness)
        #expect(pattern == cell.pattern)
        #expect(cell.margin > arrangement.certifiedMargin)
        #expect(abs(margin - cell.margin) <= arrangement.certifiedMargin)
        #expect(abs(length - 1) <= 0x1p-51)
      }
    }
  }

  @Test(arguments: [1, 2, 7, 20])
  func planarSamplingFindsEveryCell(lines: Int) throws {
    let arrangement = try arrangement(lines: lines, dimension: 2, seed: UInt64(lines))
    let sample = arrangement.sampleCells(
      count: 2 * lines, seed: 5, maximumAttempts: 200_000, droppingInactive: false)
    let bound = arrangement.generalPositionCellCount
    #expect(sample.cells.count == 2 * lines)
    #expect(bound == UInt64(2 * lines))
    #expect(sample.isExhaustive)
  }

  @Test func onlyACompleteSampleClaimsToBeExhaustive() throws {
    let arrangement = try arrangement(lines: 7, dimension: 2, seed: 8)
    let partial = arrangement.sampleCells(count: 13, seed: 5, droppingInactive: false)
    #expect(partial.cells.count == 13)
    #expect(!partial.isExhaustive)
  }

  /// Binary patches of width 3 have 7 lines and 32 cells, where general position would give 44
  /// (`convex-cnn.md` 8.7); finding all 32 proves nothing by itself.
  @Test func degenerateCellsAreFoundButNotClaimedComplete() throws {
    let rows = (0..<8).map { code in (0..<3).map { Double((code >> $0) & 1) } }
    let arrangement = try CentralArrangement(normals: Matrix(rows))
    let bound = arrangement.generalPositionCellCount
    let sample = arrangement.sampleCells(
      count: 44, seed: 6, maximumAttempts: 20_000, droppingInactive: false)
    #expect(arrangement.essential.lineCount == 7)
    #expect(bound == 44)
    #expect(sample.cells.count == 32)
    #expect(!sample.isExhaustive)
  }

  @Test func attemptsRunOut() throws {
    let arrangement = try arrangement(lines: 3, dimension: 2, seed: 9)
    let sample = arrangement.sampleCells(count: 7, seed: 1, maximumAttempts: 500)
    #expect(sample.attempts == 500)
    #expect(sample.cells.count < 7)
    let few = arrangement.sampleCells(count: 1, seed: 1, maximumAttempts: 0)
    #expect(few.cells.isEmpty)
  }

  @Test func theInactiveCellIsDroppedOnlyOnRequest() throws {
    let normals = Matrix([[1], [2], [0]])
    let arrangement = try CentralArrangement(normals: normals)
    let dropped = arrangement.sampleCells(count: 2, seed: 1)
    let kept = arrangement.sampleCells(count: 2, seed: 1, droppingInactive: false)
    #expect(dropped.cells.count == 1)
    #expect(dropped.cells[0].pattern[0])
    #expect(kept.cells.count == 2)
    #expect(dropped.isExhaustive && kept.isExhaustive)
  }

  @Test(arguments: SamplingStrategy.allCases)
  func threadsChangeNothing(strategy: SamplingStrategy) throws {
    let arrangement = try arrangement(lines: 2000, dimension: 6, seed: 13)
    let one = arrangement.sampleCells(count: 300, seed: 4, strategy: strategy, threads: 1)
    let two = arrangement.sampleCells(count: 300, seed: 4, strategy: strategy, threads: 2)
    let other = arrangement.sampleCells(count: 300, seed: 5, strategy: strategy, threads: 2)
    #expect(one == two)
    #expect(one != other)
  }

  @Test func patchDirectionsCutNonNegativeRowsMoreEvenly() throws {
    var generator = SeededGenerator(seed: 17)
    let rows = (0..<500).map { _ in (0..<9).map { _ in 0.8 + 0.2 * generator.uniform() } }
    let arrangement = try CentralArrangement(normals: Matrix(rows))
    func balance(_ strategy: SamplingStrategy) -> Int {
      arrangement.sampleCells(count: 50, seed: 1, strategy: strategy, maximumAttempts: 50).cells
        .reduce(0) { $0 + min($1.pattern.activeCount, 500 - $1.pattern.activeCount) }
    }
    let (gaussian, patches) = (balance(.gaussian), balance(.patches))
    #expect(patches > 2 * gaussian)
  }

  @Test func centeredDirectionsHalveRowsThatShareAMean() throws {
    var generator = SeededGenerator(seed: 23)
    let rows = (0..<500).map { _ in (0..<9).map { _ in 0.8 + 0.2 * generator.uniform() } }
    let arrangement = try CentralArrangement(normals: Matrix(rows))
    let sample = arrangement.sampleCells(count: 50, seed: 1, strategy: .centered)
    var mean = [Double](repeating: 0, count: 9)
    for row in rows { BLAS.add(1 / 500, row, to: &mean) }
    #expect(sample.cells.count == 50)
    #expect(sample.attempts == 50)
    for cell in sample.cells {
      let product = BLAS.dot(cell.witness, mean)
      let activeCount = arrangement.essential.expand(cell.pattern).activeCount
      #expect(abs(product) <= 1e-14)
      #expect((150...350).contains(activeCount))
      #expect(cell.margin > arrangement.certifiedMargin)
    }
  }

  /// A row that is repeated, or longer, pulls the mean: directions are orthogonal to `(3, 1, 1)`.
  @Test func theMeanCountsLengthsRepeatsAndSigns() throws {
    let normals = Matrix([[1, 0, 0], [2, 0, 0], [0, 2, 0], [0, -1, 0], [0, 0, 1], [0, 0, 0]])
    let arrangement = try CentralArrangement(normals: normals)
    let sample = arrangement.sampleCells(count: 4, seed: 2, strategy: .centered)
    #expect(sample.cells.count == 4)
    for cell in sample.cells {
      let product = BLAS.dot(cell.witness, [3, 1, 1])
      #expect(abs(product) <= 1e-14)
    }
  }

  @Test func bytesInSinglePrecisionKeepTheirPatternOnTheOriginalRows() throws {
    var generator = SeededGenerator(seed: 19)
    let rows = (0..<400).map { _ in
      (0..<3).map { _ in Double(Float(generator.integer(below: 256)) / 255) }
    }
    let arrangement = try CentralArrangement(normals: Matrix(rows))
    for cell in arrangement.sampleCells(count: 30, seed: 2).cells {
      let expanded = arrangement.essential.expand(cell.pattern)
      let direct = ActivationPattern(of: cell.witness, rows: Matrix(rows))
      #expect(expanded == direct)
    }
  }
}
