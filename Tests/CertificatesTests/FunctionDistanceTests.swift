import Arrangements
import Certificates
import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Distances of networks as functions: the even and odd form, its bounds, and exact values by cells.
struct FunctionDistanceTests {
  /// Geometries of up to four pixels, with a pooling.
  static let cases: [(geometry: PatchGeometry, pooling: Pooling)] = {
    let all: [(PatchGeometry?, Pooling)] = [
      (try? PatchGeometry(length: 3, filterLength: 3), Pooling(.sum)),
      (try? PatchGeometry(length: 3, filterLength: 2), Pooling(.sum)),
      (try? PatchGeometry(length: 4, filterLength: 2, stride: 2), Pooling(.average)),
      (try? PatchGeometry(length: 3, filterLength: 2, padding: .circular), Pooling(.sum)),
      (try? PatchGeometry(length: 3, filterLength: 3, padding: .zero), Pooling(.average)),
      (try? PatchGeometry(length: 3, filterLength: 2), Pooling(.none)),
      (try? PatchGeometry(length: 2, filterLength: 2, hasBias: true), Pooling(.sum)),
      (try? PatchGeometry(length: 2, filterLength: 1, hasBias: true), Pooling(.none)),
      (
        try? PatchGeometry(
          imageHeight: 2, imageWidth: 2, filterHeight: 2, filterWidth: 1, padding: .zero),
        Pooling(.sum, windowRows: 2, windowColumns: 1)
      ),
    ]
    return all.compactMap { geometry, pooling in geometry.map { ($0, pooling) } }
  }()

  /// A network with integer filters up to 2 and normal output weights.
  static func network(
    _ geometry: PatchGeometry, _ pooling: Pooling, neurons: Int, outputs: Int,
    _ generator: inout SeededGenerator
  ) throws -> Network {
    let windows = try pooling.map(for: geometry).outputCount
    let count = neurons * geometry.patchDimension
    return try Network(
      geometry: geometry, pooling: pooling, activation: .relu,
      filters: Matrix(
        rows: neurons, columns: geometry.patchDimension,
        elements: (0..<count).map { _ in Double(generator.integer(below: 5) - 2) }),
      outputWeights: generator.normalMatrix(rows: neurons * windows, columns: outputs))
  }

  @Test func caseListIsComplete() { #expect(Self.cases.count == 9) }

  /// The exact value is that of all cells of all hyperplanes, and lies between the bounds.
  @Test(arguments: cases.indices)
  func exactValueIsTheMaximumOverCells(index: Int) throws {
    let (geometry, pooling) = Self.cases[index]
    var generator = SeededGenerator(seed: UInt64(index))
    for round in 0..<8 {
      let f = try Self.network(geometry, pooling, neurons: 2, outputs: 2, &generator)
      let g = try Self.network(geometry, pooling, neurons: 1 + round % 2, outputs: 2, &generator)
      let twin = try GradientTwin.largestEntry([(f, 1), (g, -1)])
      let form = try EvenOddForm(of: f, minus: g)
      let distance = try form.largestGradient()
      #expect(distance.isExact)
      #expect(abs(distance.lower - twin) <= 1e-12)
      #expect(distance.upper == distance.lower)
      #expect(form.lowerBound <= twin + 1e-12)
      #expect(twin <= form.upperBound + 1e-12)
      #expect(distance.rounding < 1e-12)
      let images = generator.normalTensor(
        shape: [10, geometry.channels, geometry.imageHeight, geometry.imageWidth])
      let values = form.values(at: images)
      let (x, y) = (try NetworkTwin.outputs(f, images), try NetworkTwin.outputs(g, images))
      for e in values.elements.indices {
        #expect(abs(values.elements[e] - (x.elements[e] - y.elements[e])) <= 1e-12)
      }
    }
  }

  /// Cover's count of the cells of lines in general position.
  @Test(arguments: [(2, [6, 10, 14]), (3, [8, 22, 44]), (4, [8, 30, 84])])
  func coverCounts(dimension: Int, expected: [Int]) throws {
    var generator = SeededGenerator(seed: 4)
    for (lines, count) in zip([3, 5, 7], expected) {
      let rows = generator.normalMatrix(rows: lines, columns: dimension)
      let found = try CentralArrangement(normals: rows).cellCount()
      #expect(found == UInt128(count))
    }
  }

  /// Where patches do not overlap, the distance is that of the functions of one patch.
  @Test func strideOfAtLeastTheFilter() throws {
    var generator = SeededGenerator(seed: 6)
    let image = try PatchGeometry(
      channels: 2, imageHeight: 9, imageWidth: 7, filterHeight: 2, filterWidth: 1, stride: 3)
    let patch = try PatchGeometry(
      channels: 2, imageHeight: 2, imageWidth: 1, filterHeight: 2, filterWidth: 1)
    for _ in 0..<5 {
      let filters = generator.normalMatrix(rows: 5, columns: 4)
      let weights = generator.normalMatrix(rows: 5, columns: 3)
      func network(_ geometry: PatchGeometry) throws -> Network {
        try Network(
          geometry: geometry, pooling: Pooling(.sum), activation: .relu, filters: filters,
          outputWeights: weights)
      }
      let whole = try EvenOddForm(network(image)).largestGradient()
      let one = try EvenOddForm(network(patch)).largestGradient()
      #expect(whole.isExact && one.isExact)
      #expect(abs(whole.lower - one.lower) <= 1e-12)
      // All positions see the same lines, so that they are enumerated once for each pixel of the patch.
      #expect(whole.cellCount <= one.cellCount * 4)
    }
  }

  @Test func equalFunctionsHaveDistanceZero() throws {
    for (index, (_, geometry, pooling)) in CanonicalFormTests.cases.enumerated() {
      var networks = DegenerateNetworks(geometry, pooling, outputs: 2, seed: UInt64(index))
      for _ in 0..<5 {
        let network = try networks.network()
        let distance = try EvenOddForm(of: network, minus: networks.scrambled(network))
          .largestGradient(maximumCells: 10_000)
        #expect(distance.upper <= 1e-12)
      }
    }
  }

  /// Large images have bounds, and the limit says why.
  @Test func largeImagesHaveBounds() throws {
    var generator = SeededGenerator(seed: 7)
    let geometry = try PatchGeometry(
      imageHeight: 28, imageWidth: 28, filterHeight: 5, filterWidth: 5)
    let f = try Self.network(geometry, Pooling(.average), neurons: 8, outputs: 10, &generator)
    let g = try Self.network(geometry, Pooling(.average), neurons: 8, outputs: 10, &generator)
    let form = try EvenOddForm(of: f, minus: g)
    let distance = try form.largestGradient()
    #expect(!distance.isExact)
    let lines = try #require(distance.limit.lineCount)
    #expect(lines > 0 && lines <= 400)
    #expect(distance.lower >= form.lowerBound)
    #expect(distance.upper <= form.upperBound)
    #expect(distance.lower > 0)
    // Gradients at random images are below the upper bound.
    let images = generator.normalTensor(shape: [1, 1, 28, 28])
    var moved = images
    moved.elements[300] += 1e-6
    let step = 1e-6
    let slopes = zip(form.values(at: moved).elements, form.values(at: images).elements)
      .map { abs($0 - $1) / step }
    #expect((slopes.max() ?? .infinity) <= distance.upper + 1e-6)
    #expect(form.lineCount == 16 * 24 * 24)
  }

  /// Filters as large as the image meet every pixel at every position: bounds, at once.
  @Test func largeFiltersHaveBounds() throws {
    var generator = SeededGenerator(seed: 13)
    let geometry = try PatchGeometry(
      imageHeight: 28, imageWidth: 28, filterHeight: 28, filterWidth: 28, padding: .circular)
    let f = try Self.network(geometry, Pooling(.average), neurons: 2, outputs: 1, &generator)
    let distance = try EvenOddForm(f).largestGradient()
    // A fifth of the taps are zero, and with them the rows at a pixel.
    let lines = try #require(distance.limit.lineCount)
    #expect(lines > 1000 && lines <= 2 * 784)
    #expect(distance.lower > 0 && distance.lower <= distance.upper)
  }

  /// Too small a number of cells leaves the bounds.
  @Test func numberOfCellsIsGuarded() throws {
    var generator = SeededGenerator(seed: 8)
    let geometry = try PatchGeometry(length: 4, filterLength: 4)
    let network = try Network(
      geometry: geometry, pooling: Pooling(.sum), activation: .relu,
      filters: generator.normalMatrix(rows: 9, columns: 4),
      outputWeights: generator.normalMatrix(rows: 9, columns: 1))
    let form = try EvenOddForm(network)
    let guarded = try form.largestGradient(maximumCells: 10)
    let exact = try form.largestGradient()
    #expect(!guarded.isExact)
    #expect(guarded.limit == .cells(lines: 9, bound: 186))
    #expect(exact.isExact)
    #expect(guarded.lower <= exact.lower + 1e-14)
    // Gradients at points come near the largest one.
    #expect(guarded.lower >= 0.7 * exact.lower)
    #expect(exact.lower <= guarded.upper)
    #expect(guarded.upper == form.upperBound)
  }

  /// Lower bounds from points stay below exact values, with biases and without.
  @Test func sampledGradientsAreLowerBounds() throws {
    for (index, (geometry, pooling)) in Self.cases.enumerated() {
      var generator = SeededGenerator(seed: UInt64(60 + index))
      for _ in 0..<5 {
        let f = try Self.network(geometry, pooling, neurons: 4, outputs: 2, &generator)
        let form = try EvenOddForm(f)
        let (guarded, exact) = (
          try form.largestGradient(maximumCells: 1), try form.largestGradient()
        )
        #expect(exact.isExact)
        #expect(guarded.lower <= exact.lower + 1e-12)
        #expect(exact.upper <= guarded.upper + 1e-12)
      }
    }
  }

  @Test func hostileNetworksAreRefused() throws {
    let geometry = try PatchGeometry(length: 3, filterLength: 2)
    let other = try PatchGeometry(length: 4, filterLength: 2)
    func network(_ geometry: PatchGeometry, _ pooling: Pooling, _ x: Double) throws -> Network {
      try Network(
        geometry: geometry, pooling: pooling, activation: .relu, filters: Matrix([[1, x]]),
        outputWeights: Matrix([[1]]))
    }
    let plain = try network(geometry, Pooling(.sum), 1)
    for bad in [
      try network(other, Pooling(.sum), 1), try network(geometry, Pooling(.average), 1),
      try network(geometry, Pooling(.sum), .nan),
    ] {
      #expect(throws: CertificateError.self) { try EvenOddForm(of: plain, minus: bad) }
    }
    let maximum = try network(geometry, Pooling(.max), 1)
    #expect(throws: CertificateError.self) { try EvenOddForm(maximum) }
  }

  @Test func constantsDoNotCount() throws {
    let geometry = try PatchGeometry(length: 2, filterLength: 2, hasBias: true)
    func network(_ bias: Double) throws -> Network {
      try Network(
        geometry: geometry, pooling: Pooling(.sum), activation: .relu,
        filters: Matrix([[1, 2, -1], [0, 0, 1]]), outputWeights: Matrix([[1], [bias]]))
    }
    let form = try EvenOddForm(of: network(3), minus: network(1))
    #expect(try form.largestGradient().upper <= 1e-15)
    #expect(abs(form.valueAtZero[0] - 2) <= 1e-15)
  }

  @Test func linearNetworksAreExact() throws {
    let geometry = try PatchGeometry(length: 40, filterLength: 9)
    var generator = SeededGenerator(seed: 12)
    let network = try Network(
      geometry: geometry, pooling: Pooling(.sum), activation: .linear,
      filters: generator.normalMatrix(rows: 4, columns: 9),
      outputWeights: generator.normalMatrix(rows: 4, columns: 2))
    let form = try EvenOddForm(network)
    let distance = try form.largestGradient()
    var image = Tensor(shape: [40, 1, 1, 40])
    for p in 0..<40 { image.elements[p * 40 + p] = 1 }
    let twin = try NetworkTwin.outputs(network, image).elements.map(abs).max() ?? 0
    #expect(distance.isExact)
    #expect(abs(distance.lower - twin) <= 1e-12)
  }
}
