import Certificates
import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Parameters of networks that are close as functions: in the stable space they are close, outside of it the tool says so.
struct InverseStabilityTests {
  private static let bound = (8.0).squareRoot()

  /// A dense network of the plane, filters and weights as they are.
  private func plane(_ filters: [[Double]], _ weights: [[Double]]) throws -> Network {
    try Network(
      geometry: try PatchGeometry(length: 2, filterLength: 2), pooling: Pooling(.sum),
      activation: .relu, filters: Matrix(filters), outputWeights: Matrix(weights))
  }

  /// Dense networks: the bound `2 sqrt(2) sqrt(eps)` is never violated on random pairs.
  @Test(arguments: [2, 3])
  func densePairs(dimension: Int) throws {
    let geometry = try PatchGeometry(length: dimension, filterLength: dimension)
    var networks = try StableNetworks(geometry, Pooling(.sum), seed: UInt64(dimension))
    var worst = 0.0
    for round in 0..<500 {
      let (f, g) = try networks.pair(neurons: 1 + round % 3, outputs: 1 + round % 2)
      let result = try InverseStability(f, g)
      #expect(result.distance.isExact)
      #expect(result.asGiven.incidence.beta == 1)
      #expect(result.asGiven.verdict == .pass, "\(result.asGiven.verdict)")
      #expect(result.canonical.verdict == .pass, "\(result.canonical.verdict)")
      if result.distance.upper > 1e-9 {
        worst = max(worst, result.asGiven.matching.distance / result.distance.upper.squareRoot())
      }
    }
    #expect(worst <= Self.bound)
    #expect(worst > 0.9)
  }

  /// Two filters on the two sides of the half-space: the ratio is 2, for one output and for two.
  @Test(arguments: [1, 2])
  func ratioTwoIsReached(outputs: Int) throws {
    for delta in [0.5, 0.1, 0.01] {
      let ones = [Double](repeating: 1, count: outputs)
      let result = try InverseStability(
        plane([[1, delta]], [ones]), plane([[-1, delta]], [ones.map { -$0 }]))
      #expect(result.asGiven.verdict == .pass)
      #expect(abs(result.distance.upper - 1) <= 1e-15)
      #expect(
        abs(result.asGiven.matching.distance / result.distance.upper.squareRoot() - 2) <= 1e-14)
    }
  }

  /// Shared filters: `2 sqrt(2) sqrt(beta eps)` on random pairs of several geometries.
  @Test(arguments: 0..<7)
  func convolutionalPairs(index: Int) throws {
    let cases: [(PatchGeometry, Pooling)] = [
      (try PatchGeometry(length: 3, filterLength: 2), Pooling(.sum)),
      (try PatchGeometry(length: 4, filterLength: 2, stride: 2), Pooling(.sum)),
      (try PatchGeometry(length: 3, filterLength: 2, padding: .circular), Pooling(.sum)),
      (try PatchGeometry(length: 3, filterLength: 2), Pooling(.average)),
      (try PatchGeometry(length: 3, filterLength: 2), Pooling(.none)),
      (try PatchGeometry(length: 3, filterLength: 2, hasBias: true), Pooling(.sum)),
      (
        try PatchGeometry(
          imageHeight: 2, imageWidth: 2, filterHeight: 1, filterWidth: 2, padding: .zero),
        Pooling(.average, windowRows: 2, windowColumns: 1)
      ),
    ]
    let (geometry, pooling) = cases[index]
    var networks = try StableNetworks(geometry, pooling, seed: UInt64(index + 20))
    var worst = 0.0
    for round in 0..<60 {
      let (f, g) = try networks.pair(neurons: 2, outputs: 1 + round % 2)
      let result = try InverseStability(f, g)
      #expect(result.distance.isExact)
      #expect(result.asGiven.verdict == .pass, "\(result.asGiven.verdict)")
      #expect(result.canonical.verdict == .pass, "\(result.canonical.verdict)")
      let beta = result.asGiven.incidence.beta
      #expect(beta.isFinite)
      // Half the largest jump is a lower bound of the distance.
      #expect(0.5 * result.distance.largestJump <= result.distance.upper + 1e-14)
      if result.distance.upper > 1e-9 {
        worst = max(
          worst, result.asGiven.matching.distance / (beta * result.distance.upper).squareRoot())
      }
    }
    #expect(worst <= Self.bound)
  }

  /// Networks that are unbalanced, redundant or of opposite directions: close functions, distant parameters, and no claim.
  @Test(arguments: [10.0, 100, 1000])
  func pathologiesAreOutside(k: Double) throws {
    let root = (1 / k).squareRoot()
    let cases: [(f: Network, g: Network, distance: Double, word: String)] = [
      (try plane([[1, 0]], [[0]]), try plane([[0, root]], [[root]]), 1, "C.1"),
      (
        try plane([[1, 0], [1, 0]], [[1], [1]]),
        try plane([[(2.0).squareRoot(), 0], [0, root]], [[(2.0).squareRoot()], [root]]), 1, "C.2"
      ),
      (
        try plane(
          [[1, 0], [0, 1], [-1, -1], [-1, 0], [0, -1], [1, 1]], [[1], [1], [1], [-1], [-1], [-1]]),
        try plane([[root, -root]], [[root]]), 0.5, "C.3"
      ),
      (
        try plane([[1, 0], [-1, 0], [0, 1], [0, -1]], [[1], [-1], [1], [-1]]),
        try plane(
          [[1, 0], [-1, 0], [0, 1], [0, -1], [root, -root]], [[1], [-1], [1], [-1], [root]]), 0,
        "C.3"
      ),
    ]
    for (f, g, distance, word) in cases {
      let result = try InverseStability(f, g)
      #expect(result.distance.isExact)
      #expect(abs(result.distance.upper - 1 / k) <= 1e-14)
      #expect(result.asGiven.matching.distance >= distance)
      #expect(result.asGiven.verdict.name == "outside")
      #expect(result.asGiven.verdict.reasons.contains { $0.hasPrefix(word) })
      // Once canonical, the neurons are as close as the bound says.
      #expect(result.canonical.verdict == .pass)
    }
    // At k = 100 the parameters are farther than 2 sqrt(2) sqrt(1/k) = 0.283.
    if k == 100 {
      for (f, g, _, _) in cases.prefix(3) {
        let result = try InverseStability(f, g).asGiven
        #expect(abs(InverseStability.bound(beta: 1, distance: 1 / k) - 0.2828427) <= 1e-6)
        #expect(result.matching.distance > InverseStability.bound(beta: 1, distance: 1 / k))
        #expect(!result.holds)
      }
    }
  }

  /// A filter and its cyclic shift are one neuron: distance zero, parameters 0.8 apart, `beta` infinite.
  @Test func circularShift() throws {
    let geometry = try PatchGeometry(length: 3, filterLength: 3, padding: .circular)
    func network(_ filter: [Double]) throws -> Network {
      try Network(
        geometry: geometry, pooling: Pooling(.sum), activation: .relu, filters: Matrix([filter]),
        outputWeights: Matrix([[1]]))
    }
    let result = try InverseStability(network([1, 0.5, 0.2]), network([0.2, 1, 0.5]))
    #expect(result.distance.upper <= 1e-15)
    #expect(abs(result.asGiven.matching.distance - 0.8) <= 1e-15)
    #expect(result.asGiven.incidence.beta == .infinity)
    #expect(result.asGiven.verdict.reasons.contains { $0.contains("canonicalize") })
    #expect(result.hasOrbits)
    #expect(result.canonical.verdict == .pass)
    #expect(result.canonical.matching.distance <= 1e-15)
  }

  /// A biased network and its lift are one function; two lifts differ as functions of the larger space only.
  @Test func liftAndSlice() throws {
    var generator = SeededGenerator(seed: 5)
    let filters = generator.normalMatrix(rows: 5, columns: 3)
    let biases = (0..<5).map { _ in 2 * generator.normal() }
    let weights = generator.normalMatrix(rows: 5, columns: 2)
    let outputBias = [generator.normal(), generator.normal()]
    func lift(_ margin: Double) throws -> Network {
      try HalfSpaceLift(
        filters: filters, biases: biases, outputWeights: weights, outputBias: outputBias,
        margin: margin
      ).network
    }
    let points = generator.normalMatrix(rows: 200, columns: 3)
    let images = HalfSpaceLift.images(points)
    let (one, two) = (try lift(1), try lift(2))
    let values = try NetworkTwin.outputs(one, images)
    var error = 0.0
    for i in 0..<200 {
      for o in 0..<2 {
        var value = outputBias[o]
        for j in 0..<5 {
          let response = BLAS.dot(Array(points.row(i)), Array(filters.row(j))) + biases[j]
          value += weights[j, o] * max(0, response)
        }
        error = max(error, abs(value - values[i, o]))
      }
    }
    #expect(error <= 1e-13)
    let other = try NetworkTwin.outputs(two, images)
    #expect(zip(values.elements, other.elements).allSatisfy { abs($0 - $1) <= 1e-13 })
    #expect(abs(try NeuronMatching(one, two).distance - 1) <= 1e-14)
    // All filters of a lift are in the half-space of the last two entries; balanced, it is in the stable space.
    #expect(try StableSpace([one.balancedByLargestEntry()]).isMember)
    let result = try InverseStability(one.balancedByLargestEntry(), two.balancedByLargestEntry())
    #expect(result.distance.lower > 0.1)
    #expect(result.asGiven.verdict == .pass)
  }

  @Test func exponentIsSharp() throws {
    for s in [1, 1e-2, 1e-4] {
      let zero = try plane([[0, 0]], [[0]])
      let one = try plane([[s, 0]], [[s]])
      let result = try InverseStability(one, zero)
      #expect(result.asGiven.verdict == .pass)
      #expect(
        abs(result.asGiven.matching.distance / result.distance.upper.squareRoot() - 1) <= 1e-12)
      let turned = try InverseStability(one, plane([[s, 0]], [[-s]]))
      #expect(
        abs(
          turned.asGiven.matching.distance / turned.distance.upper.squareRoot() - (2.0).squareRoot()
        )
          <= 1e-12)
    }
  }

  @Test func halfSpacesAreFound() throws {
    // No half-space contains three filters around the origin, though no two are opposite.
    let around = try StableSpace([
      plane([[1, 0], [-0.5, 1], [-0.5, -1]], [[1], [1], [1]])
    ])
    #expect(around.isInHalfSpace == false)
    #expect(around.oppositeCount == 0)
    let narrow = try StableSpace([plane([[1, 0], [-1, 1e-6]], [[1], [1]])])
    #expect(narrow.isInHalfSpace == true)
    #expect(narrow.isMember)
    let opposite = try StableSpace([plane([[1, 1], [-1, -1]], [[1], [1]])])
    #expect(opposite.oppositeCount == 1)
    #expect(!opposite.isMember)
    let zeroFilter = try StableSpace([plane([[0, 0]], [[1]])])
    #expect(zeroFilter.unbalancedCount == 1)
  }

  @Test func differentKindsAreRefused() throws {
    let f = try plane([[1, 0]], [[1]])
    let other = try Network(
      geometry: try PatchGeometry(length: 3, filterLength: 2), pooling: Pooling(.sum),
      activation: .relu, filters: Matrix([[1, 0]]), outputWeights: Matrix([[1]]))
    #expect(throws: CertificateError.self) { try InverseStability(f, other) }
    #expect(throws: CertificateError.self) {
      try InverseStability(f, plane([[1, 0]], [[1, 2]]))
    }
    #expect(throws: CertificateError.self) {
      try InverseStability(f, plane([[.infinity, 0]], [[1]]))
    }
  }
}
