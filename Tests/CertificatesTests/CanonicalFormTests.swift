import Certificates
import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Normal forms: the same function, one form for equal functions, and nothing left to do the second time.
struct CanonicalFormTests {
  static let cases: [(name: String, geometry: PatchGeometry, pooling: Pooling)] = {
    let sum = Pooling(.sum)
    let all: [(String, PatchGeometry?, Pooling)] = [
      ("dense 4", try? PatchGeometry(length: 4, filterLength: 4), sum),
      ("valid 3 of 6", try? PatchGeometry(length: 6, filterLength: 3), sum),
      ("stride 3", try? PatchGeometry(length: 9, filterLength: 3, stride: 3), sum),
      ("circular 4", try? PatchGeometry(length: 4, filterLength: 4, padding: .circular), sum),
      (
        "circular images",
        try? PatchGeometry(
          channels: 2, imageHeight: 3, imageWidth: 2, filterHeight: 3, filterWidth: 2,
          padding: .circular, hasBias: true), Pooling(.average)
      ),
      (
        "zero padding, windows, bias",
        try? PatchGeometry(
          imageHeight: 4, imageWidth: 3, filterHeight: 2, filterWidth: 2, padding: .zero,
          hasBias: true), Pooling(.average, windowRows: 2, windowColumns: 1)
      ),
      ("no pooling", try? PatchGeometry(length: 5, filterLength: 2), Pooling(.none)),
    ]
    return all.compactMap { name, geometry, pooling in geometry.map { (name, $0, pooling) } }
  }()

  private func distance(_ x: Matrix, _ y: Matrix) -> Double {
    zip(x.elements, y.elements).reduce(x.elements.count == y.elements.count ? 0 : .infinity) {
      max($0, abs($1.0 - $1.1))
    }
  }

  /// Difference of two forms entry by entry, which is small for forms of one function away from borders.
  private func difference(_ x: CanonicalForm, _ y: CanonicalForm) -> Double {
    max(
      distance(x.directions, y.directions), distance(x.coefficients, y.coefficients),
      distance(x.linear.weights, y.linear.weights))
  }

  @Test func caseListIsComplete() { #expect(Self.cases.count == 7) }

  @Test(arguments: cases.indices)
  func functionStaysAndFormIsUnique(index: Int) throws {
    let (_, geometry, pooling) = Self.cases[index]
    var networks = DegenerateNetworks(geometry, pooling, outputs: 2, seed: UInt64(index))
    var (function, exported, invariance, idempotence) = (0.0, 0.0, 0.0, 0.0)
    for _ in 0..<50 {
      let network = try networks.network()
      let images = networks.images(20)
      let outputs = try NetworkTwin.outputs(network, images)
      let form = try CanonicalForm(network)
      function = max(function, distance(try form.predictions(of: images), outputs))
      let export = try form.exported().network
      exported = max(exported, distance(try NetworkTwin.outputs(export, images), outputs))
      let scrambled = try CanonicalForm(networks.scrambled(network))
      invariance = max(invariance, difference(scrambled, form))
      idempotence = max(idempotence, difference(try CanonicalForm(export), form))
      #expect(form.neuronCount == 3)
      #expect(form.errorBound <= 1e-13)
    }
    #expect(function <= 1e-12)
    #expect(exported <= 1e-12)
    #expect(invariance <= 1e-12)
    #expect(idempotence <= 1e-12)
  }

  /// Shifted filters of circular networks have one representative.
  @Test(arguments: [3, 4])
  func shiftedNeuronsHaveOneForm(index: Int) throws {
    let (_, geometry, pooling) = Self.cases[index]
    var networks = DegenerateNetworks(geometry, pooling, outputs: 2, seed: 100)
    let orbit = try #require(FilterOrbit(geometry, pooling))
    for round in 0..<20 {
      let network = try networks.network()
      var shifted = network
      for j in 0..<network.neuronCount {
        let members = orbit.members(of: Array(network.filters.row(j)))
        #expect(members.count == orbit.count)
        let member = members[(j + round) % members.count].filter
        for (e, x) in member.enumerated() { shifted.filters[j, e] = x }
      }
      let images = networks.images(10)
      #expect(
        distance(
          try NetworkTwin.outputs(network, images), try NetworkTwin.outputs(shifted, images))
          <= 1e-12)
      #expect(difference(try CanonicalForm(network), try CanonicalForm(shifted)) <= 1e-12)
    }
  }

  /// The fixture of the notes: `U = (1,2),(2,4),(-1,-2),(0,0),(3,-1)`, `C = 1,-.5,2,7,0` is `4 relu(.5 x1 + x2) - 2 x1 - 4 x2`.
  @Test func handFixture() throws {
    let geometry = try PatchGeometry(length: 2, filterLength: 2)
    let networks = DegenerateNetworks(geometry, Pooling(.sum), outputs: 1, seed: 0)
    let filters: [[Double]] = [[1, 2], [2, 4], [-1, -2], [0, 0], [3, -1]]
    let form = try CanonicalForm(
      networks.network(filters, [[1], [-0.5], [2], [7], [0]]))
    #expect(form.neuronCount == 1)
    let largest = form.directions.elements.map(abs).max() ?? 0
    #expect(abs(form.directions[0, 0] / largest - 0.5) <= 1e-15)
    #expect(abs(form.coefficients[0, 0] * largest - 4) <= 1e-14)
    #expect(abs(form.linear.weights[0, 0] + 2) <= 1e-14)
    #expect(abs(form.linear.weights[0, 1] + 4) <= 1e-14)
    #expect(form.identifiability?.isUnique == true)
    let kinds = form.steps.map(\.kind)
    // (3, -1) has no output weight and goes with the zero filter.
    #expect(kinds == [.drop, .normalize, .flip, .merge])
  }

  /// With circular padding over all positions only the row sums of the linear part are a function of the image.
  @Test func rankOfThePooledMap() throws {
    for (geometry, rank, count) in [
      (try PatchGeometry(length: 6, filterLength: 3), 3, 3),
      (try PatchGeometry(length: 9, filterLength: 3, stride: 3), 3, 3),
      (try PatchGeometry(length: 6, filterLength: 3, padding: .circular), 1, 3),
      (try PatchGeometry(length: 6, filterLength: 3, padding: .circular, hasBias: true), 2, 4),
    ] {
      var networks = DegenerateNetworks(geometry, Pooling(.sum), outputs: 1, seed: 3)
      let form = try CanonicalForm(networks.network())
      #expect(form.identifiability?.rank == rank)
      #expect(form.identifiability?.coordinateCount == count)
      #expect(form.identifiability?.isUnique == (rank == count))
    }
  }

  /// Collinear filters of a small angle merge within the bound, and only within the tolerance.
  @Test func mergingIsBounded() throws {
    let geometry = try PatchGeometry(length: 7, filterLength: 3, hasBias: true)
    var networks = DegenerateNetworks(geometry, Pooling(.average), outputs: 2, seed: 9)
    for angle in [1e-2, 1e-5, 1e-8] {
      for _ in 0..<20 {
        let u = (0..<4).map { _ in networks.normal() }
        let w = (0..<4).map { _ in networks.normal() }
        let size = BLAS.norm(u)
        let near = zip(u, w).map { $0 + angle * size * $1 / BLAS.norm(w) }
        let outputs = (0..<2).map { _ in [networks.normal(), networks.normal()] }
        let network = try networks.network([u, near], outputs)
        let merge = try network.mergingDirections(tolerance: 2 * angle)
        #expect(merge.network.neuronCount == 1)
        #expect(merge.errorBound > 0)
        #expect(merge.network.weightDecay <= network.weightDecay)
        let images = networks.images(50)
        let before = try NetworkTwin.outputs(network, images)
        let after = try NetworkTwin.outputs(merge.network, images)
        let sizes = try CanonicalForm(network).inputSize(of: images)
        for i in 0..<50 {
          let change = BLAS.norm(zip(before.row(i), after.row(i)).map { $0 - $1 })
          #expect(change <= merge.errorBound * sizes[i] + 1e-13)
        }
        #expect(try network.mergingDirections(tolerance: angle / 10).network.neuronCount == 2)
      }
    }
  }

  @Test func mergingNeverIncreasesWeightDecay() throws {
    for (_, geometry, pooling) in Self.cases {
      var networks = DegenerateNetworks(geometry, pooling, outputs: 2, seed: 40)
      for _ in 0..<10 {
        let network = try networks.network()
        let merge = try network.mergingDirections()
        #expect(merge.network.weightDecay <= network.balanced().weightDecay * (1 + 1e-14))
        #expect(merge.network.neuronCount <= 6)
        let images = networks.images(10)
        #expect(
          distance(
            try NetworkTwin.outputs(network, images),
            try NetworkTwin.outputs(merge.network, images)) <= 1e-12)
        let again = try merge.network.mergingDirections()
        #expect(again.network.neuronCount == merge.network.neuronCount)
        #expect(distance(again.network.filters, merge.network.filters) <= 1e-14)
      }
    }
  }

  @Test func maximumPoolingMergesButDoesNotTurn() throws {
    let geometry = try PatchGeometry(length: 6, filterLength: 2)
    let networks = DegenerateNetworks(geometry, Pooling(.max), outputs: 1, seed: 0)
    let network = try networks.network([[1, 2], [-2, -4], [2, 4]], [[1], [1], [3]])
    let form = try CanonicalForm(network)
    #expect(form.neuronCount == 2)
    #expect(form.linear.isZero)
    #expect(!form.isOriented)
    #expect(form.steps.contains { $0.kind == .refused })
    let problem = try TrainingProblem(
      images: Tensor(shape: [2, 1, 1, 6], elements: (0..<12).map { Double(($0 * 7) % 5) - 2 }),
      geometry: geometry, pooling: Pooling(.max), activation: .relu,
      loss: SquaredLoss(targets: Matrix(rows: 2, columns: 1)), lambda: 0)
    let images = Tensor(
      shape: [2, 1, 1, 6], elements: (0..<12).map { Double(($0 * 7) % 5) - 2 })
    #expect(
      distance(try form.predictions(of: images), problem.predictions(of: network)) <= 1e-13)
    #expect(
      distance(
        problem.predictions(of: try form.exported().network), problem.predictions(of: network))
        <= 1e-13)
  }

  @Test func linearNetworksAreTheirLinearPart() throws {
    let geometry = try PatchGeometry(length: 6, filterLength: 3)
    var generator = SeededGenerator(seed: 5)
    let network = try Network(
      geometry: geometry, pooling: Pooling(.sum), activation: .linear,
      filters: generator.normalMatrix(rows: 7, columns: 3),
      outputWeights: generator.normalMatrix(rows: 7, columns: 2))
    let form = try CanonicalForm(network)
    let export = try form.exported()
    let images = generator.normalTensor(shape: [10, 1, 1, 6])
    let outputs = try NetworkTwin.outputs(network, images)
    #expect(form.neuronCount == 0)
    #expect(export.network.neuronCount == 2)
    #expect(distance(try form.predictions(of: images), outputs) <= 1e-12)
    #expect(distance(try NetworkTwin.outputs(export.network, images), outputs) <= 1e-12)
    #expect(export.network.weightDecay <= network.weightDecay)
    #expect(abs(export.network.weightDecay - (try form.linear.nuclearNorm())) <= 1e-12)
  }

  /// A filter that sees only the constant moves to the output bias, which no penalty counts.
  @Test func constantsJoinTheOutputBias() throws {
    let geometry = try PatchGeometry(length: 4, filterLength: 2, hasBias: true)
    let filters = Matrix([[0, 0, 2], [0, 0, -3], [1, -1, 0.5]])
    let network = try Network(
      geometry: geometry, pooling: Pooling(.sum), activation: .relu, filters: filters,
      outputWeights: Matrix([[5], [7], [1]]), outputBias: [0.25])
    let form = try CanonicalForm(network)
    #expect(form.neuronCount == 1)
    #expect(form.outputBias == [30.25])
    #expect(form.linear.isZero)
    #expect(try form.exported().network.neuronCount == 1)
  }

  /// Neurons on both sides of the border of the half-space are one line, whichever side is taken.
  @Test func borderOfTheHalfSpace() throws {
    let geometry = try PatchGeometry(length: 3, filterLength: 3)
    var networks = DegenerateNetworks(geometry, Pooling(.sum), outputs: 1, seed: 8)
    let images = networks.images(50)
    for border in [1e-7, 1e-8, 2e-9, 1e-9, 5e-10, 1e-12, 1e-300] {
      let network = try networks.network([[border, 1, 2], [-border, -1, -2]], [[2], [3]])
      let form = try CanonicalForm(network)
      #expect(form.neuronCount == 1)
      let near = try CanonicalForm(
        networks.network([[border, 1, 2], [-border, 1, 2]], [[2], [3]]))
      #expect(near.neuronCount == (border <= 1e-9 ? 1 : 2))
      let outputs = try NetworkTwin.outputs(network, images)
      #expect(distance(try form.predictions(of: images), outputs) <= 1e-12)
    }
    // A tiny turn across the border jumps in the form, not in the function.
    let left = try CanonicalForm(networks.network([[1e-6, 1, 2]], [[1]]))
    let right = try CanonicalForm(networks.network([[-1e-6, 1, 2]], [[1]]))
    #expect(difference(left, right) > 1)
    #expect(
      distance(try left.predictions(of: images), try right.predictions(of: images)) <= 1e-5)
  }

  @Test func hostileNetworksAreRefused() throws {
    let geometry = try PatchGeometry(length: 3, filterLength: 2)
    let networks = DegenerateNetworks(geometry, Pooling(.sum), outputs: 1, seed: 0)
    let broken = try networks.network([[1, .nan]], [[1]])
    #expect(throws: CertificateError.self) { try CanonicalForm(broken) }
    let infinite = try networks.network([[1, 1]], [[.infinity]])
    #expect(throws: CertificateError.self) { try infinite.mergingDirections() }
    let huge = try networks.network([[1e300, 1]], [[1e300]])
    #expect(throws: CertificateError.self) { try CanonicalForm(huge) }
    let plain = try networks.network([[1, 1]], [[1]])
    for tolerance in [-1, 0.5, Double.nan] {
      #expect(throws: CertificateError.self) { try CanonicalForm(plain, tolerance: tolerance) }
    }
    let gated = try Network(
      geometry: geometry, pooling: Pooling(.sum), activation: .gated, filters: Matrix([[1, 1]]),
      gates: Matrix([[1, 0]]), outputWeights: Matrix([[1]]))
    #expect(throws: CertificateError.self) { try CanonicalForm(gated) }
  }

  @Test func zeroNetworkIsEmpty() throws {
    let geometry = try PatchGeometry(length: 3, filterLength: 2)
    let networks = DegenerateNetworks(geometry, Pooling(.sum), outputs: 2, seed: 0)
    for network in [
      try networks.network([[0, 0], [1, 2]], [[1, 2], [0, 0]]), try networks.network([], []),
    ] {
      let form = try CanonicalForm(network)
      #expect(form.neuronCount == 0)
      #expect(form.linear.isZero)
      #expect(try form.exported().network.neuronCount == 0)
      #expect(try network.mergingDirections().network.neuronCount == 0)
    }
  }
}
