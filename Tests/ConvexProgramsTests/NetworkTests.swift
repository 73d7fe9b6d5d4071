import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Networks: balancing, selecting, and refusal of shapes that do not agree.
struct NetworkTests {
  private func network(
    _ pooling: String = "sum:1x2", activation: Activation = .relu, filters: [Int] = [3, 2],
    gates: [Int]? = nil, weights: [Int] = [6, 2]
  ) throws -> Network {
    var generator = SeededGenerator(seed: 1)
    func matrix(_ shape: [Int]) -> Matrix {
      generator.normalMatrix(rows: shape[0], columns: shape[1])
    }
    return try Network(
      geometry: PatchGeometry(length: 5, filterLength: 2), pooling: Pooling(parsing: pooling),
      activation: activation, filters: matrix(filters), gates: gates.map(matrix),
      outputWeights: matrix(weights))
  }

  private func message(_ body: () throws -> Network) -> String {
    do { return "no error: \(try body().neuronCount) neurons" } catch { return "\(error)" }
  }

  @Test func balancingKeepsTheFunctionAndEvensTheNorms() throws {
    var network = try network()
    for e in 0..<2 { network.filters[1, e] = 0 }
    for e in network.outputWeights.elements.indices { network.outputWeights.elements[e] *= 9 }
    let balanced = network.balanced()
    #expect(balanced.neuronCount == 2)
    for (inner, outer) in zip(balanced.filterNorms, balanced.outputNorms) {
      #expect(abs(inner - outer) <= 1e-14 * inner)
    }
    #expect(abs(balanced.regularization - network.regularization) <= 1e-13)
    #expect(abs(balanced.weightDecay - balanced.regularization) <= 1e-13)
    #expect(network.weightDecay > network.regularization)
    var generator = SeededGenerator(seed: 2)
    let twin = ObjectiveTwin(signals: generator.normalMatrix(rows: 4, columns: 5))
    let expected = twin.predictions(of: network)
    #expect(twin.predictions(of: balanced).relativeDistance(to: expected) <= 1e-13)
  }

  @Test func selectingTakesNeuronsInOrder() throws {
    let network = try network(activation: .gated, gates: [3, 2])
    let part = network.selecting(neurons: [2, 0])
    let gates = try #require(network.gates)
    #expect(part.filters == network.filters.selectingRows([2, 0]))
    #expect(part.gates == gates.selectingRows([2, 0]))
    #expect(part.outputWeights == network.outputWeights.selectingRows([4, 5, 0, 1]))
    #expect(network.selecting(neurons: []).balanced().neuronCount == 0)
  }

  @Test func regularizationByHand() throws {
    var network = try network("sum", filters: [2, 2], weights: [2, 1])
    network.filters = Matrix([[3, 4], [0, 2]])
    network.outputWeights = Matrix([[-2], [0.5]])
    #expect(network.regularization == 11)
    #expect(network.weightDecay == 0.5 * (25 + 4 + 4 + 0.25))
  }

  @Test func shapesThatDoNotAgreeAreRefused() {
    let filters = message { try network(filters: [3, 4]) }
    #expect(
      filters
        == "network filters: expected patch dimension 2, found 4 columns. Use the geometry the filters were made for."
    )
    let weights = message { try network(weights: [3, 2]) }
    #expect(
      weights
        == "network output weights: expected 6 rows (3 neurons x 2 windows), found 3 rows. Use the pooling the weights were made for."
    )
    let missing = message { try network(activation: .gated) }
    #expect(
      missing
        == "network gates: expected 3 gates, found none. A gated network has one gate per filter, any other network has none."
    )
    let needless = message { try network(gates: [3, 2]) }
    #expect(
      needless
        == "network gates: expected no gates, found 3 gates. A gated network has one gate per filter, any other network has none."
    )
    let narrow = message { try network(activation: .gated, gates: [3, 1]) }
    #expect(
      narrow
        == "network gates: expected patch dimension 2, found 1 columns. Use the geometry the gates were made for."
    )
  }
}
