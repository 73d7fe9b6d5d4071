import Arrangements
import ConvexPrograms
import Convolutions
import Tensors

extension CellGenerationRun {
  /// Whether rounds end with the convex program over the cells of the filters.
  ///
  /// Problems that a few rounds solve do not need it.
  var optimizesOverCells: Bool {
    problem.activation == .relu && problem.outputCount == 1 && problem.windowCount == 1
      && problem.poolingMap.isLinear && !problem.hasOutputBias && !problem.isStreamed
      && round >= Self.firstCellRound
      && network.neuronCount > 0 && cellProgramBytes <= Self.largestCellProgram
  }

  /// Rounds are counted from 0.
  private static let firstCellRound = 3
  /// Cells tried per filter: its own, and those of points beside it.
  private static let cellsPerFilter = 4
  /// How far beside: the standard deviation of each entry of a unit filter.
  private static let distanceBeside = 1e-2
  /// Most bytes of the features of the program over cells, and of the patches that bound the cells.
  private static let largestCellProgram = 1 << 28

  /// Bytes of the features of `cellsPerFilter` cells per neuron, and of the patches.
  private var cellProgramBytes: Int {
    let h = problem.geometry.patchDimension
    return MemoryLayout<Double>.stride * problem.sampleCount * h
      * (problem.geometry.patchesPerSample + Self.cellsPerFilter * network.neuronCount)
  }

  /// Optimizes over all networks with filters in the cells of this one's, and in cells beside them.
  ///
  /// Descent keeps the neurons it has and ends where filters meet kinks. The program over these cells is convex: it finds
  /// the best weights of all filters in their closures at once, and leaves out the neurons that others make up for.
  /// Measured on CNN-38 (`Benchmarks/RESULTS-peers.md`): a round takes half a second, and rounds with it reach in 15 s
  /// what rounds without it reach in 40 s.
  mutating func optimizeOverCells() throws {
    let clock = Stopwatch()
    defer { seconds["cells", default: 0] += clock.seconds }
    // The round stands without the program: where no cell is wide enough to tell from rounding, it is left out.
    guard let program = try? ConeProgram(problem: problem, gates: cellGates()) else { return }
    var inner = limits
    inner.relativeGap = max(1e-9, min(1e-4, 0.1 * estimatedGap))
    inner.iterations = 1000
    inner.seconds = limits.seconds - watch.seconds
    // From nothing: Newton steps from a point nearby take as long.
    let solution = AugmentedLagrangian().solve(program, limits: inner)
    accept(try program.network(from: solution.point))
    accept(network.joiningEqualNeurons(cosine: 1 - 1e-9), allowing: 1e-12)
  }

  /// A vector in the cell of each filter, and some in cells near by, no two in one cell.
  private func cellGates() throws -> Matrix {
    let h = problem.geometry.patchDimension
    let patches = (0..<problem.sampleCount).map { problem.patches(ofSample: $0) }
    let arrangement = try CentralArrangement(
      normals: Matrix(
        rows: patches.reduce(0) { $0 + $1.rows }, columns: h, elements: patches.flatMap(\.elements))
    )
    var generator = SeededGenerator(seed: settings.seed &+ UInt64(round) &* 0x9E37_79B9)
    var seen: Set<ActivationPattern> = []
    var gates: [Double] = []
    let filters = network.filters.withUnitRows
    for j in 0..<filters.rows {
      // Filters on kinks need a small step into a cell; what is taken for the sign of rounding errors is none.
      var distance = 8 * arrangement.certifiedMargin
      var found = 0
      while found < Self.cellsPerFilter, distance < 1 {
        let beside = found == 0 ? distance : Self.distanceBeside
        let moved = filters.row(j).map { $0 + beside * generator.normal() }
        let gate = Matrix([moved]).withUnitRows
        // Twice what the program asks for, which scales gates to length one again.
        guard arrangement.margin(of: gate.elements) > 2 * arrangement.certifiedMargin else {
          distance *= 2
          continue
        }
        found += 1
        if seen.insert(arrangement.pattern(of: gate.elements)).inserted { gates += gate.elements }
      }
    }
    return Matrix(rows: gates.count / h, columns: h, elements: gates)
  }
}
