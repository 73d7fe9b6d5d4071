import Arrangements
import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// The program over given cells: its cones are those of all rows, its networks lie inside, and it says what it refuses.
struct GivenCellsIdentityTests {
  /// Inward rows of the cell of a gate, all of them.
  private func rows(_ problem: TrainingProblem, of gate: [Double]) -> Matrix {
    let patches = (0..<problem.sampleCount).flatMap { i -> [[Double]] in
      let own = problem.patches(ofSample: i)
      return (0..<own.rows).map { Array(own.row($0)) }
    }
    return Matrix(patches.map { row in BLAS.dot(row, gate) >= 0 ? row : row.map { -$0 } })
  }

  /// The longest projection over cones with every row written out.
  @Test(arguments: GivenCellsProblem.all)
  func dualNormIsThatOfAllRows(fixture: GivenCellsProblem) throws {
    let problem = try fixture.problem()
    let program = try ConeProgram(problem: problem, gates: fixture.gates)
    #expect(program.coneCount == fixture.cellCount)
    let h = program.patchDimension
    var generator = SeededGenerator(seed: 4)
    for _ in 0..<5 {
      let dual = generator.normalMatrix(rows: fixture.sampleCount, columns: 1)
      let slope = program.map.adjoint(dual).elements
      let lengths = (0..<fixture.cellCount).map { b -> Double in
        let cone = ActivationCone(normals: rows(problem, of: Array(fixture.gates.row(b))))
        let own = Array(slope[b * h..<(b + 1) * h])
        return max(
          BLAS.norm(cone.projection(of: own)), BLAS.norm(cone.projection(of: own.map { -$0 })))
      }
      let twin = lengths.max() ?? 0
      let norm = program.dualNorm(of: dual)
      #expect(abs(norm - twin) <= 1e-12 * twin)
    }
  }

  /// Networks of points on the faces of the cells lie strictly inside, where they cost no more than rounding.
  @Test(arguments: GivenCellsProblem.all)
  func networksOfPointsOnFacesLieInside(fixture: GivenCellsProblem) throws {
    let problem = try fixture.problem()
    let program = try ConeProgram(problem: problem, gates: fixture.gates)
    let h = program.patchDimension
    var generator = SeededGenerator(seed: 5)
    var point = program.zero
    for b in 0..<fixture.cellCount {
      let inward = rows(problem, of: Array(fixture.gates.row(b)))
      let cone = ActivationCone(normals: inward)
      let vector = (0..<h).map { fixture.gates[b, $0] + 2 * generator.normal() }
      for (e, v) in cone.projection(of: vector).enumerated() { point.elements[b * h + e] = v }
    }
    let network = try program.network(from: point)
    let nonzero = (0..<fixture.cellCount).filter { b in
      point.elements[b * h..<(b + 1) * h].contains { $0 != 0 }
    }
    #expect(network.neuronCount == nonzero.count && nonzero.count > fixture.cellCount / 2)
    for (j, b) in nonzero.enumerated() {
      let filter = Array(network.filters.row(j))
      let inward = rows(problem, of: Array(fixture.gates.row(b)))
      for r in 0..<inward.rows { #expect(BLAS.dot(Array(inward.row(r)), filter) > 0) }
    }
    let total = problem.objective(of: network).total
    let own = program.objective(at: point)
    #expect(abs(total - own) <= 1e-9 * own)
    // And back.
    let back = try program.point(from: network)
    #expect(
      BLAS.norm(zip(back.elements, point.elements).map { $0 - $1 }) <= 1e-9
        * BLAS.norm(point.elements))
  }

  /// With a gate in every cell the program is the one over all cells.
  @Test func gatesInAllCellsGiveTheProgramOverAllCells() throws {
    let fixture = try #require(
      CertifiedOptimum.all.first { $0.h == 2 && $0.outputs == 1 && $0.pooling == "sum" })
    let problem = try fixture.problem()
    let patches = (0..<problem.sampleCount).map { problem.patches(ofSample: $0) }
    let arrangement = try CentralArrangement(
      normals: Matrix(
        rows: patches.reduce(0) { $0 + $1.rows }, columns: 2,
        elements: patches.flatMap(\.elements)))
    let witnesses = try arrangement.cells.compactMap { arrangement.cell(of: $0)?.witness }
    let given = try ConeProgram(problem: problem, gates: Matrix(witnesses))
    let all = try ConeProgram(problem: problem)
    #expect(given.coneCount == all.coneCount && given.coneCount == fixture.cellCount)
    var generator = SeededGenerator(seed: 6)
    for _ in 0..<10 {
      let dual = generator.normalMatrix(rows: problem.sampleCount, columns: 1)
      let (first, second) = (given.dualNorm(of: dual), all.dualNorm(of: dual))
      #expect(abs(first - second) <= 1e-12 * second)
    }
    #expect(abs(given.lambdaMax - all.lambdaMax) <= 1e-12 * all.lambdaMax)
  }

  @Test func whatHasNoProgramIsRefused() throws {
    let fixture = GivenCellsProblem.all[3]
    let (images, gates) = (fixture.images, fixture.gates)
    let geometry = try PatchGeometry(
      channels: 1, imageHeight: fixture.size, imageWidth: fixture.size, filterHeight: 2,
      filterWidth: 2)
    func problem(
      _ pooling: String = "sum", outputs: Int = 1, bias: Bool = false,
      activation: Activation = .relu
    ) throws -> TrainingProblem {
      try TrainingProblem(
        images: images, geometry: geometry, pooling: Pooling(parsing: pooling),
        activation: activation,
        loss: SquaredLoss(
          targets: Matrix(rows: fixture.sampleCount, columns: outputs, repeating: 1)),
        lambda: 1, hasOutputBias: bias)
    }
    let refused: [(TrainingProblem, Matrix, String)] = [
      (try problem(outputs: 2), gates, "2 outputs"),
      (try problem("average:2x2"), gates, "4 windows"),
      (try problem("max"), gates, "max"),
      (try problem(bias: true), gates, "an output bias"),
      (try problem(activation: .linear), gates, "linear"),
      (try problem(), Matrix(rows: 0, columns: 4), "0 of 4"),
      (try problem(), Matrix(rows: 2, columns: 3, repeating: 1), "2 of 3"),
      (try problem(), Matrix(rows: 1, columns: 4), "a distance of 0.0"),
    ]
    for (problem, gates, words) in refused {
      let error = #expect(throws: ProgramError.self) {
        try ConeProgram(problem: problem, gates: gates)
      }
      #expect("\(try #require(error))".contains(words), "\(words)")
    }
    // A longer gate lies in the same cell.
    var twice = gates
    for e in 0..<4 { twice[1, e] = 3 * gates[0, e] }
    let same = #expect(throws: ProgramError.self) {
      try ConeProgram(problem: problem(), gates: twice)
    }
    #expect(
      "\(try #require(same))".contains(
        "gate 1: expected a cell of its own, found the cell of gate 0"))
    // The opposite filter lies in the opposite cell, which is not given.
    let program = try ConeProgram(problem: problem(), gates: gates.selectingRows([0, 1]))
    let opposite = try Network(
      geometry: geometry, pooling: Pooling(parsing: "sum"), activation: .relu,
      filters: Matrix([gates.row(0).map { -$0 }]),
      outputWeights: Matrix(rows: 1, columns: 1, repeating: 1))
    let outside = #expect(throws: ProgramError.self) { try program.point(from: opposite) }
    #expect("\(try #require(outside))".contains("one of the 2 cells given"))
  }
}
