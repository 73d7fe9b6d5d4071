import Certificates
import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// The number `beta` for families of filters, and matchings against all permutations.
struct IncidenceBoundTests {
  private func beta(
    _ directions: Matrix, _ geometry: PatchGeometry, _ pooling: Pooling = Pooling(.sum)
  ) throws -> IncidenceBound {
    try IncidenceBound(directions, geometry: geometry, pooling: pooling)
  }

  /// Shifts of one pixel share hyperplanes; with enough positions `beta` is 2.
  @Test(arguments: [(3, 6, 2.0), (3, 4, 2), (6, 7, 3), (6, 6, 1)])
  func shiftsOfOnePixel(filter: Int, length: Int, expected: Double) throws {
    let geometry = try PatchGeometry(length: length, filterLength: filter)
    let bound = try beta(.identity(filter), geometry)
    #expect(abs(bound.beta - expected) <= 1e-9)
    #expect(bound.isOptimal)
    #expect(bound.rank == filter)
    #expect(bound.columnCount == filter)
    #expect(bound.largestGroup == (length == filter ? 1 : filter))
  }

  @Test func genericFiltersHaveBetaOne() throws {
    var generator = SeededGenerator(seed: 1)
    let directions = generator.normalMatrix(rows: 4, columns: 3)
    let valid = try PatchGeometry(length: 6, filterLength: 3)
    #expect(abs(try beta(directions, valid).beta - 1) <= 1e-14)
    // The mean over four positions makes jumps four times smaller.
    #expect(abs(try beta(directions, valid, Pooling(.average)).beta - 4) <= 1e-13)
    let stride = try PatchGeometry(length: 9, filterLength: 3, stride: 3)
    #expect(abs(try beta(.identity(3), stride).beta - 1) <= 1e-14)
  }

  @Test func circularShiftsAreNotDetermined() throws {
    let full = try PatchGeometry(length: 3, filterLength: 3, padding: .circular)
    let first = Matrix([[1, 0, 0], [0, 1, 0]])
    #expect(try beta(first, full).beta == .infinity)
    #expect(try beta(first, full).rank == 1)
    let partial = try PatchGeometry(length: 4, filterLength: 2, padding: .circular)
    #expect(try beta(.identity(2), partial).beta == .infinity)
    var generator = SeededGenerator(seed: 2)
    #expect(try beta(generator.normalMatrix(rows: 3, columns: 2), partial).beta.isFinite)
  }

  /// At the rim of a zero padding one tap is left, and all filters bend across the hyperplane of that pixel: in a window
  /// of only such positions coefficients are not determined.
  @Test func rimsOfZeroPaddingAreShared() throws {
    let geometry = try PatchGeometry(
      imageHeight: 2, imageWidth: 2, filterHeight: 1, filterWidth: 2, padding: .zero)
    let directions = Matrix([[1, 2], [1, -1]])
    let columns = try beta(directions, geometry, Pooling(.sum, windowRows: 1, windowColumns: 2))
    #expect(columns.beta == .infinity)
    #expect(columns.columnCount == 4)
    #expect(columns.rank == 3)
    let rows = try beta(directions, geometry, Pooling(.sum, windowRows: 2, windowColumns: 1))
    #expect(rows.beta.isFinite)
    #expect(rows.rank == 4)
  }

  /// The linear program is at most the pseudo-inverse and at least what vectors prove: `|z|_inf / |B z|_inf`.
  @Test func programIsSharp() throws {
    let geometry = try PatchGeometry(length: 7, filterLength: 6)
    let bound = try beta(.identity(6), geometry).beta
    // B has rows of one or two ones: lines p = 0...6, columns j at positions j and j + 1.
    var generator = SeededGenerator(seed: 3)
    var best = 0.0
    var vectors: [[Double]] = [[-1, 1, -1, 1, -1, 1], [1, -2, 3, -3, 2, -1]]
    for _ in 0..<200 { vectors.append((0..<6).map { _ in generator.normal() }) }
    for z in vectors {
      let padded = [0] + z + [0]
      let image = (0...6).map { padded[$0] + padded[$0 + 1] }
      let size = z.reduce(0) { max($0, abs($1)) }
      best = max(best, size / image.reduce(0) { max($0, abs($1)) })
    }
    #expect(best <= bound + 1e-12)
    #expect(abs(best - bound) <= 1e-9)
  }

  @Test func matchingIsTheBestPermutation() throws {
    var generator = SeededGenerator(seed: 4)
    let geometry = try PatchGeometry(length: 3, filterLength: 2)
    for round in 0..<40 {
      let sizes = (1 + round % 4, 1 + (round / 4) % 4)
      let f = try FunctionDistanceTests.network(
        geometry, Pooling(.sum), neurons: sizes.0, outputs: 2, &generator)
      let g = try FunctionDistanceTests.network(
        geometry, Pooling(.sum), neurons: sizes.1, outputs: 2, &generator)
      let count = max(sizes.0, sizes.1)
      let (x, y) = (rows(f, count), rows(g, count))
      var best = Double.infinity
      for order in permutations(Array(0..<count)) {
        let worst = zip(x, order).reduce(0) { largest, pair in
          zip(pair.0, y[pair.1]).reduce(largest) { max($0, abs($1.0 - $1.1)) }
        }
        best = min(best, worst)
      }
      let matching = try NeuronMatching(f, g)
      #expect(matching.distance == best)
      #expect(matching.partners.count == sizes.0)
      #expect(
        Set(matching.partners.compactMap { $0 }).count == matching.partners.compactMap { $0 }.count)
    }
  }

  /// Filters and output weights, with neurons of zeros at the end.
  private func rows(_ network: Network, _ count: Int) -> [[Double]] {
    (0..<count).map { j in
      j < network.neuronCount
        ? Array(network.filters.row(j)) + Array(network.outputWeights.row(j)) : [0, 0, 0, 0]
    }
  }

  private func permutations(_ items: [Int]) -> [[Int]] {
    guard items.count > 1 else { return [items] }
    return items.flatMap { first in permutations(items.filter { $0 != first }).map { [first] + $0 }
    }
  }
}
