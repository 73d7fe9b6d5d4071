import ConvexPrograms
import Solvers
import Tensors

extension TrainingCheckpoint {
  /// The state of cell generation to go on from; nil where the folder has none.
  ///
  /// - Throws: `FormatError` or `InputError` when the file is damaged or of another run.
  func resumedCells(_ problem: TrainingProblem) throws -> CellGeneration.Checkpoint? {
    try kept().map { try Self.cells(in: $0, of: problem) }
  }

  /// The state of cell generation in a file.
  ///
  /// - Throws: `InputError` when a part of it is missing or does not fit the problem.
  static func cells(
    in reader: ModelReader, of problem: TrainingProblem
  ) throws -> CellGeneration.Checkpoint {
    let (counts, numbers) = try counters(in: reader, counts: 4, numbers: 2)
    let h = problem.geometry.patchDimension
    let filters = try reader.matrix("filters", rows: nil, columns: h)
    let weights = try reader.matrix(
      "output.weights", rows: filters.rows * problem.windowCount, columns: problem.outputCount)
    let bias =
      problem.hasOutputBias
      ? try reader.matrix("output.bias", rows: 1, columns: problem.outputCount).elements : nil
    return CellGeneration.Checkpoint(
      network: try Network(
        geometry: problem.geometry, pooling: problem.pooling, activation: problem.activation,
        filters: filters, outputWeights: weights, outputBias: bias),
      round: counts[0], slowRounds: counts[1], quietRounds: counts[2],
      dualNormRatio: numbers[0], estimatedGap: numbers[1], pricedNodeCount: counts[3])
  }

  /// Remembers a state of cell generation.
  func keep(_ state: CellGeneration.Checkpoint, of problem: TrainingProblem) {
    keep {
      let network = state.network
      var tensors = [
        (name: "filters", matrix: network.filters),
        (name: "output.weights", matrix: network.outputWeights),
      ]
      if let bias = network.outputBias {
        let row = Matrix(rows: 1, columns: bias.count, elements: bias)
        tensors.append((name: "output.bias", matrix: row))
      }
      return State(
        tensors: tensors,
        counts: [state.round, state.slowRounds, state.quietRounds, state.pricedNodeCount],
        numbers: [state.dualNormRatio, state.estimatedGap],
        summary: Summary(
          method: "cell generation", round: state.round,
          objective: problem.objective(of: network).total, estimatedGap: state.estimatedGap,
          neuronCount: network.neuronCount))
    }
  }

  /// The state of a program over gates to go on from; nil where the folder has none.
  ///
  /// - Throws: `FormatError` or `InputError` when the file is damaged or of another run.
  func resumedGates(_ program: CompositeProgram) throws -> GatedSolver.Checkpoint? {
    try kept().map { try Self.gates(in: $0, of: program) }
  }

  /// The state of a program over gates in a file.
  ///
  /// - Throws: `InputError` when a part of it is missing or does not fit the program.
  static func gates(
    in reader: ModelReader, of program: CompositeProgram
  ) throws -> GatedSolver.Checkpoint {
    let (counts, numbers) = try counters(in: reader, counts: 4, numbers: 1)
    let shape = program.zero
    return GatedSolver.Checkpoint(
      point: try reader.matrix("point", rows: shape.rows, columns: shape.columns),
      iterations: counts[0], proximalSteps: counts[1], pruningSteps: counts[2], series: counts[3],
      relativeGap: numbers[0])
  }

  /// Remembers a state of a program over gates.
  func keep(_ state: GatedSolver.Checkpoint, of program: CompositeProgram) {
    keep {
      State(
        tensors: [(name: "point", matrix: state.point)],
        counts: [state.iterations, state.proximalSteps, state.pruningSteps, state.series],
        numbers: [state.relativeGap],
        summary: Summary(
          method: "proximal steps and descents over gates", round: state.series,
          objective: program.objective(at: state.point), estimatedGap: state.relativeGap,
          neuronCount: program.nonzeroBlocks(of: state.point).count { $0 }))
    }
  }
}
