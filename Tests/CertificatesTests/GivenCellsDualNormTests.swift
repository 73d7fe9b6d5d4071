import Certificates
import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Bounds over given cells hold whatever the multipliers are, and are close with good ones.
struct GivenCellsDualNormTests {
  /// Patches, masks and inward cones of a fixture.
  private struct Setting {
    let patches: PooledPatches
    let weights: Matrix
    let masks: [[UInt64]]
    let cones: [ActivationCone]
    let program: ConeProgram

    init(_ fixture: GivenCellsProblem) throws {
      let problem = try fixture.problem()
      let own = (0..<problem.sampleCount).map { problem.patches(ofSample: $0) }
      let rows = Matrix(
        rows: own.reduce(0) { $0 + $1.rows }, columns: problem.geometry.patchDimension,
        elements: own.flatMap(\.elements))
      let patches = PooledPatches(rows: rows, sampleCount: problem.sampleCount, threads: 1)
      self.patches = patches
      weights = Matrix(rows: 1, columns: own[0].rows, repeating: 1)
      let masks = patches.patterns(of: fixture.gates)
      self.masks = masks
      cones = masks.map { mask in
        ActivationCone(
          normals: Matrix(
            (0..<rows.rows).map { r in
              let isActive = (mask[r >> 6] >> UInt64(r & 63)) & 1 == 1
              return rows.row(r).map { isActive ? $0 : -$0 }
            }))
      }
      program = try ConeProgram(problem: problem, gates: fixture.gates)
    }
  }

  /// At least the longest projection over the cones of all rows, and no more than rounding above it.
  @Test(arguments: GivenCellsProblem.all)
  func boundIsTheDualNormOverTheCells(fixture: GivenCellsProblem) throws {
    let setting = try Setting(fixture)
    var generator = SeededGenerator(seed: 12)
    for _ in 0..<5 {
      let dual = generator.normalMatrix(rows: fixture.sampleCount, columns: 1)
      let h = setting.program.patchDimension
      let slope = setting.program.map.adjoint(dual).elements
      let lengths = setting.cones.enumerated().flatMap { b, cone in
        [1.0, -1].map { sign in
          BLAS.norm(cone.projection(of: slope[b * h..<(b + 1) * h].map { sign * $0 }))
        }
      }
      let twin = lengths.max() ?? 0
      let bound = GivenCellsDualNorm.upperBound(
        setting.patches, weights: setting.weights, masks: setting.masks, dual: dual)
      #expect(bound >= twin * (1 - 1e-14))
      #expect(bound <= twin * (1 + 1e-9))
    }
  }

  /// No unit filter of the cell has a larger product, for multipliers that are random, infinite, negative or of wrong rows.
  @Test(arguments: GivenCellsProblem.all)
  func wrongMultipliersGiveBoundsAllTheSame(fixture: GivenCellsProblem) throws {
    let setting = try Setting(fixture)
    var generator = SeededGenerator(seed: 13)
    let (rows, h) = (setting.patches.rows, setting.program.patchDimension)
    for trial in 0..<60 {
      let b = trial % setting.masks.count
      let ascent = (0..<h).map { _ in generator.normal() }
      var terms = (0..<trial % 7).map { _ in
        (
          row: generator.integer(below: rows.rows),
          multiplier: trial % 3 == 0 ? generator.normal() : 1e3 * generator.uniform()
        )
      }
      if trial % 5 == 0 { terms.append((row: 0, multiplier: .infinity)) }
      if trial % 5 == 1 { terms.append((row: 0, multiplier: .nan)) }
      let bound = GivenCellsDualNorm.bound(
        ascent, rows, mask: setting.masks[b], multipliers: terms)
      let longest = BLAS.norm(setting.cones[b].projection(of: ascent))
      #expect(bound >= longest * (1 - 1e-14))
      #expect(bound <= BLAS.norm(ascent) * (1 + 1e-12))
    }
  }

  /// Lengths are those of projections on all rows, of which few were added.
  @Test func projectionsByRowsThatAreNeededAreThoseByAllRows() throws {
    let setting = try Setting(GivenCellsProblem.all[0])
    let projections = try #require(setting.program.cellProjections())
    var generator = SeededGenerator(seed: 14)
    let count = setting.masks.count
    let slope = (0..<count * 9).map { _ in generator.normal() }
    _ = projections.project(slope + slope.map { -$0 }, longerThan: 0)
    var reached = 0
    for block in 0..<2 * count {
      let own = slope[block % count * 9..<(block % count + 1) * 9].map { block < count ? $0 : -$0 }
      let length = projections.face(of: block).norm
      let cone = setting.cones[block % count]
      #expect(abs(length - BLAS.norm(cone.projection(of: own))) <= 1e-12 * BLAS.norm(own))
      if length > 0 { reached += 1 }
    }
    #expect(reached > count)
    // Few of the rows were needed.
    #expect(projections.workingRowCount < count * setting.patches.rows.rows / 5)
  }

  /// A network over given cells is not certified over fewer, nor one whose filter is elsewhere or on the border.
  @Test func networksOutsideTheCellsAreFound() throws {
    let fixture = GivenCellsProblem.all[0]
    let problem = try fixture.problem()
    let gates = fixture.gates
    let certifier = Certifier(images: fixture.images, loss: problem.loss, lambda: problem.lambda)
    func network(_ filters: [[Double]]) throws -> Network {
      try Network(
        geometry: problem.geometry, pooling: problem.pooling, activation: .relu,
        filters: Matrix(filters),
        outputWeights: Matrix(rows: filters.count, columns: 1, repeating: 0.01))
    }
    let inside = try network([Array(gates.row(0)), Array(gates.row(3))])
    let own = try certifier.certify(inside, gates: gates, targetGap: 0.9)
    #expect(own.scope == .givenCells(12) && own.bound == .exact)
    #expect(own.lowerBound <= fixture.optimum * (1 + 1e-9) && own.lowerBound > 0)
    #expect(own.objective >= fixture.optimum)
    // The list lacks the cell of neuron 1.
    let rest = gates.selectingRows([0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11])
    let missing = try certifier.certify(inside, gates: rest, targetGap: 0.9)
    #expect(missing.verdict == .outsideGivenCells(neuron: 1) && !missing.isEstablished)
    #expect(missing.claim.contains("the filter of neuron 1 lies in none of the 11 cells given"))
    // The opposite filter, and one that lies on a hyperplane up to rounding.
    let opposite = try network([Array(gates.row(0)), gates.row(3).map { -$0 }])
    #expect(
      try certifier.certify(opposite, gates: gates, targetGap: 0.9).verdict
        == .outsideGivenCells(neuron: 1))
    let patch = Array(problem.patches(ofSample: 7).row(2))
    var flat = Array(gates.row(0))
    for _ in 0..<3 { BLAS.add(-BLAS.dot(flat, patch) / BLAS.dot(patch, patch), patch, to: &flat) }
    #expect(
      try certifier.certify(try network([flat]), gates: gates, targetGap: 0.9).verdict
        == .outsideGivenCells(neuron: 0))
    // Zero filters lie in every cell.
    let zero = try certifier.certify(
      try network([[Double](repeating: 0, count: 9)]), gates: gates, targetGap: 0.99)
    #expect(zero.verdict != .outsideGivenCells(neuron: 0))
  }

  /// The claim names the cells and says what it leaves open; gates twice in a cell count once.
  @Test func claimsNameTheirCells() throws {
    let fixture = GivenCellsProblem.all[0]
    let problem = try fixture.problem()
    let certifier = Certifier(images: fixture.images, loss: problem.loss, lambda: problem.lambda)
    let network = try problem.emptyNetwork()
    let twice = Matrix(
      rows: 24, columns: 9,
      elements: fixture.gates.elements + fixture.gates.elements.map { 2 * $0 })
    for (target, words) in [
      (0.999, "of the best ReLU network with filters in these cells, any width"),
      (1e-6, "times that of the best ReLU network with filters in these cells"),
    ] {
      let certificate = try certifier.certify(network, gates: twice, targetGap: target)
      #expect(certificate.scope.description == "the 12 cells given")
      #expect(certificate.claim.hasPrefix("Proven over the 12 cells given: "))
      #expect(certificate.claim.contains(words))
      #expect(certificate.claim.contains("global optimality is not proven"))
      #expect(!certificate.claim.contains("of the global optimum"))
    }
    // Over all filters the bound is lower, and says so.
    let global = try certifier.certify(
      network, gates: nil, targetGap: 1e-6, effort: BoundEffort(method: .spectral))
    let own = try certifier.certify(network, gates: fixture.gates, targetGap: 1e-6)
    #expect(global.scope == .allCells && global.lowerBound < own.lowerBound)
  }

  @Test func whatHasNoBoundOverGivenCellsIsRefused() throws {
    let fixture = GivenCellsProblem.all[3]
    let geometry = try PatchGeometry(
      channels: 1, imageHeight: 6, imageWidth: 6, filterHeight: 2, filterWidth: 2)
    func error(_ pooling: String, outputs: Int, directions: Matrix? = nil) throws -> String {
      let network = try Network(
        geometry: geometry, pooling: Pooling(parsing: pooling), activation: .relu,
        filters: Matrix(rows: 0, columns: 4), outputWeights: Matrix(rows: 0, columns: outputs))
      let certifier = Certifier(
        images: fixture.images,
        loss: SquaredLoss(
          targets: Matrix(rows: fixture.sampleCount, columns: outputs, repeating: 1)),
        lambda: 0.1)
      let error = #expect(throws: CertificateError.self) {
        try certifier.certify(
          network, gates: fixture.gates, directions: directions, targetGap: 0.5)
      }
      return "\(try #require(error))"
    }
    #expect(try error("sum", outputs: 2).contains("2 outputs, 1 windows"))
    #expect(try error("average:2x2", outputs: 1).contains("1 outputs, 4 windows"))
    #expect(try error("max", outputs: 1).contains("max pooling"))
    #expect(
      try error("sum", outputs: 1, directions: Matrix.identity(4)).contains("4 directions"))
  }
}
