import Convolutions
import Tensors
import TestSupport
import Testing

/// Poolings on a grid of 5 x 7 outputs.
private let poolings = [
  "average", "sum", "max", "none", "average:2x3", "sum:5x7", "max:2x3", "max:1x4", "sum:3x1",
]

@Suite struct PoolingTests {
  private func geometry() throws -> PatchGeometry {
    try PatchGeometry(imageHeight: 6, imageWidth: 8, filterHeight: 2, filterWidth: 2)
  }

  private func features(_ map: PoolingMap, _ responses: Matrix, linear: Bool = false) -> [Double] {
    var features = [Double](repeating: .nan, count: responses.columns * map.outputCount)
    if linear {
      map.pooledLinear(responses.elements, filters: responses.columns, into: &features)
    } else {
      map.pooledReLU(responses.elements, filters: responses.columns, into: &features)
    }
    return features
  }

  private func adjoint(
    _ map: PoolingMap, _ responses: Matrix, _ cotangent: [Double], linear: Bool = false
  ) -> Matrix {
    var result = responses
    if linear {
      map.pooledLinearAdjoint(
        &result.elements, filters: responses.columns, cotangent: cotangent)
    } else {
      map.pooledReLUAdjoint(&result.elements, filters: responses.columns, cotangent: cotangent)
    }
    return result
  }

  @Test(arguments: poolings)
  func textAndPoolingRoundTrip(text: String) throws {
    let pooling = try Pooling(parsing: text)
    let written = pooling.description
    #expect(written == text)
  }

  @Test func noPoolingIgnoresItsWindows() {
    let pooling = Pooling(.none, windowRows: 3, windowColumns: 4)
    #expect(pooling == Pooling(.none))
  }

  @Test(arguments: [
    "", "mean", "average:", "sum:2", "max:2x", "max:0x2", "none:1x1", "sum:2x2x2", "sum:2x2:1",
    "average:-1x2", "Average",
  ])
  func otherTextsAreRefused(text: String) {
    let error = #expect(throws: GeometryError.self) { try Pooling(parsing: text) }
    let message = error?.description
    #expect(
      message
        == "pooling: expected average, sum, max or none, the first three with windows if wanted "
        + "(average:2x2), found \"\(text)\". Use one of these forms.")
  }

  @Test func windowsSplitTheOutputsAsEvenlyAsTheyCan() throws {
    let map = try Pooling(.average, windowRows: 2, windowColumns: 3).map(for: geometry())
    // Rows 0...1 and 2...4; columns 0...1, 2...3 and 4...6.
    let first = [0, 0, 1, 1, 2, 2, 2]
    let second = [3, 3, 4, 4, 5, 5, 5]
    #expect(map.windows == first + first + second + second + second)
    #expect(map.weights[0] == 0.25)
    #expect(map.weights[34] == 1.0 / 9)
    #expect(map.outputCount == 6)
  }

  @Test func moreWindowsThanOutputsAreRefused() throws {
    let geometry = try geometry()
    let error = #expect(throws: GeometryError.self) {
      try Pooling(.max, windowRows: 6, windowColumns: 2).map(for: geometry)
    }
    let text = error?.description
    #expect(
      text
        == "pooling: expected at most 5x7 windows, one per output, found 6x2. Use fewer windows.")
    let none = #expect(throws: GeometryError.self) {
      try Pooling(.sum, windowRows: 0).map(for: geometry)
    }
    #expect(none == .nonPositive(what: "number of window rows", value: 0))
  }

  @Test(arguments: poolings.filter { !$0.hasPrefix("max") }, [1, 7, 16, 37])
  func linearPoolingIsTheMatrix(text: String, m: Int) throws {
    let map = try Pooling(parsing: text).map(for: geometry())
    var random = SeededGenerator(seed: UInt64(m))
    let responses = random.normalMatrix(rows: 35, columns: m)
    var positive = responses
    for e in positive.elements.indices { positive.elements[e] = max(0, positive.elements[e]) }
    for (linear, entries) in [(true, responses), (false, positive)] {
      let expected = BLAS.product(map.matrix, .plain, entries).transposed
      let found = Matrix(
        rows: m, columns: map.outputCount, elements: features(map, responses, linear: linear))
      let distance = found.relativeDistance(to: expected)
      #expect(distance < 1e-14)
    }
  }

  @Test(arguments: ["max", "max:2x3", "max:5x7"], [1, 16, 37])
  func maxPoolingIsTheLargestPositivePart(text: String, m: Int) throws {
    let map = try Pooling(parsing: text).map(for: geometry())
    var random = SeededGenerator(seed: UInt64(m))
    let responses = random.normalMatrix(rows: 35, columns: m)
    var expected = [Double](repeating: 0, count: m * map.outputCount)
    for k in 0..<35 {
      for j in 0..<m {
        let index = j * map.outputCount + map.windows[k]
        expected[index] = max(expected[index], responses[k, j])
      }
    }
    let found = features(map, responses)
    #expect(!map.isLinear)
    #expect(found == expected)
  }

  @Test(arguments: poolings, [1, 16, 37])
  func theAdjointIsTheDerivativeOfThePooledSum(text: String, m: Int) throws {
    let map = try Pooling(parsing: text).map(for: geometry())
    var random = SeededGenerator(seed: UInt64(m) + 50)
    let responses = random.normalMatrix(rows: 35, columns: m)
    let cotangent = (0..<m * map.outputCount).map { _ in random.normal() }
    // Pooling is positively homogeneous, so <features, z> = <responses, adjoint(z)>.
    let left = BLAS.dot(features(map, responses), cotangent)
    let right = BLAS.dot(responses.elements, adjoint(map, responses, cotangent).elements)
    #expect(abs(left - right) < 1e-12 * (1 + abs(left)))
    guard map.isLinear else { return }
    let linear = BLAS.dot(features(map, responses, linear: true), cotangent)
    let transposed = adjoint(map, responses, cotangent, linear: true)
    let back = BLAS.dot(responses.elements, transposed.elements)
    #expect(abs(linear - back) < 1e-12 * (1 + abs(linear)))
  }

  @Test func theFirstOfEqualWinnersGetsEverything() throws {
    let map = try Pooling(.max).map(for: PatchGeometry(length: 4, filterLength: 1))
    let responses = Matrix([[-1, -1], [3, -2], [3, 0], [2, -3]])
    let found = adjoint(map, responses, [5, 7])
    #expect(found == Matrix([[0, 0], [5, 0], [0, 0], [0, 0]]))
  }

  @Test func aZeroResponsePassesNothingBack() throws {
    let map = try Pooling(.sum).map(for: PatchGeometry(length: 3, filterLength: 1))
    let found = adjoint(map, Matrix([[0], [2], [-1]]), [4])
    #expect(found == Matrix([[0], [4], [0]]))
  }
}
