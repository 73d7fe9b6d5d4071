import Arrangements
import Tensors
import Testing

struct GateSamplingTests {
  /// Non-negative patches in three groups around different centers, with their groups.
  private func patches(seed: UInt64, distance: Double = 3) -> (Matrix, [Int]) {
    var generator = SeededGenerator(seed: seed)
    let labels = (0..<240).map { $0 % 3 }
    let rows = labels.map { label in
      (0..<6).map { j in (j / 2 == label ? distance : 0) + 1 + generator.uniform() }
    }
    return (Matrix(rows), labels)
  }

  private func sources(_ labels: [Int]) -> [GateSource] {
    [.patches, .classMeans(labels: labels), .clusterMeans]
  }

  @Test(arguments: 0..<3)
  func gatesAreDistinctAndWitnessTheirCells(source: Int) throws {
    let (patches, labels) = patches(seed: 1, distance: 0.1)
    let arrangement = try CentralArrangement(normals: patches)
    let sample = arrangement.sampleGates(
      from: sources(labels)[source], patches: patches, count: 40, seed: 2)
    #expect(sample.cells.count == 40)
    #expect(Set(sample.cells.map { $0.pattern }).count == 40)
    #expect(!sample.isExhaustive)
    for cell in sample.cells {
      let pattern = arrangement.pattern(of: cell.witness)
      let length = BLAS.norm(cell.witness)
      #expect(pattern == cell.pattern)
      #expect(cell.margin > arrangement.certifiedMargin)
      #expect(abs(length - 1) < 1e-14)
    }
  }

  @Test(arguments: 0..<3)
  func theSeedDecides(source: Int) throws {
    let (patches, labels) = patches(seed: 3)
    let arrangement = try CentralArrangement(normals: patches)
    let source = sources(labels)[source]
    let one = arrangement.sampleGates(from: source, patches: patches, count: 12, seed: 5)
    let same = arrangement.sampleGates(from: source, patches: patches, count: 12, seed: 5)
    let other = arrangement.sampleGates(from: source, patches: patches, count: 12, seed: 6)
    #expect(one == same)
    #expect(one != other)
  }

  /// The first gates of three classes are the six differences of their means.
  @Test func classMeansSeparateTheClasses() throws {
    let (patches, labels) = patches(seed: 7)
    let arrangement = try CentralArrangement(normals: patches)
    let sample = arrangement.sampleGates(
      from: .classMeans(labels: labels), patches: patches, count: 6, seed: 1)
    for cell in sample.cells {
      let products = BLAS.product(
        patches, .plain, Matrix(rows: 6, columns: 1, elements: cell.witness)
      ).elements
      let means = (0..<3).map { label in
        labels.indices.filter { labels[$0] == label }.reduce(0) { $0 + products[$1] } / 80
      }
      #expect(means.filter { $0 > 2 }.count == 1)
      #expect(means.filter { $0 < -2 }.count == 1)
    }
  }

  /// Three clusters far apart are found: each centered mean activates one group only.
  @Test func clusterMeansFindTheGroups() throws {
    let (patches, labels) = patches(seed: 9)
    let arrangement = try CentralArrangement(normals: patches)
    let sample = arrangement.sampleGates(
      from: .clusterMeans, patches: patches, count: 3, seed: 4)
    let groups = sample.cells.map { cell in
      let pattern = ActivationPattern(of: cell.witness, rows: patches)
      return Set(labels.indices.filter { pattern[$0] }.map { labels[$0] })
    }
    #expect(Set(groups) == [[0], [1], [2]])
  }

  @Test func centeringSplitsNonNegativePatches() throws {
    let (patches, _) = patches(seed: 11)
    let arrangement = try CentralArrangement(normals: patches)
    let raw = arrangement.sampleGates(
      from: .patches, patches: patches, count: 5, seed: 1, isCentered: false)
    let centered = arrangement.sampleGates(from: .patches, patches: patches, count: 5, seed: 1)
    #expect(raw.cells.count == 1)
    #expect(raw.attempts == 240)
    #expect(centered.cells.count == 5)
  }

  /// Patches orthogonal to others are moved off their hyperplanes.
  @Test func gatesOnHyperplanesAreMoved() throws {
    let patches = Matrix([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    let arrangement = try CentralArrangement(normals: patches)
    let sample = arrangement.sampleGates(
      from: .patches, patches: patches, count: 3, seed: 1, isCentered: false)
    #expect(!sample.cells.isEmpty)
    #expect(sample.attempts == 3)
    for cell in sample.cells { #expect(cell.margin > arrangement.certifiedMargin) }
  }

  @Test func noGatesAreAskedFor() throws {
    let (patches, labels) = patches(seed: 13)
    let arrangement = try CentralArrangement(normals: patches)
    let counts = sources(labels).map {
      arrangement.sampleGates(from: $0, patches: patches, count: 0, seed: 1).cells.count
    }
    #expect(counts == [0, 0, 0])
  }
}
