import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// Networks of three layers with one ReLU: their layers, their cost, and the optimum of the program.
struct CircularReLUNetworkTests {
  private static let sizes = [(1, 5), (1, 6), (3, 2), (4, 4), (1, 1)]

  @Test(arguments: sizes)
  func factorsGiveBackTheirProductAtTheLeastCost(rows: Int, columns: Int) throws {
    var random = SeededGenerator(seed: UInt64(rows + columns))
    let (n, d, m) = (4, rows * columns, 3)
    let spectrum = CircularSpectrum(rows: rows, columns: columns)
    let combined = random.normalMatrix(rows: m, columns: d)
    let network = CircularReLUNetwork(
      combined: combined, signs: [1, -1, 1], spectrum: spectrum)
    var product = network.combined
    for e in product.elements.indices { product.elements[e] *= abs(network.outputWeights[e / d]) }
    #expect(product.relativeDistance(to: combined) <= 1e-13)
    let targets = random.normalMatrix(rows: n, columns: 1)
    let program = try CircularReLUProgram(
      images: random.normalTensor(shape: [n, 1, rows, columns]),
      loss: SquaredLoss(targets: targets),
      lambda: 0.7)
    let norms = program.norms(of: combined)
    for j in 0..<m {
      let (u, w) = (
        BLAS.norm(Array(network.filters.row(j))), BLAS.norm(Array(network.positionWeights.row(j)))
      )
      #expect(abs(u - 1) <= 1e-13)
      #expect(abs(w - abs(network.outputWeights[j])) <= 1e-13 * w)
      #expect(abs(w * w - norms[j]) <= 1e-12 * norms[j])
    }
    // Layer by layer: responses of the convolution, weights of positions, ReLU, output weight.
    for i in 0..<n {
      var prediction = 0.0
      for j in 0..<m {
        var sum = 0.0
        for (k, t) in (0..<d * d).map({ $0.quotientAndRemainder(dividingBy: d) }) {
          let row = (k / columns + t / columns) % rows
          let column = (k % columns + t % columns) % columns
          sum +=
            network.positionWeights[j, k] * network.filters[j, t]
            * program.samples[i, row * columns + column]
        }
        prediction += network.outputWeights[j] * max(0, sum)
      }
      #expect(abs(prediction - network.predictions(of: program.samples)[i]) <= 1e-12)
    }
  }

  @Test(arguments: CircularReLUTests.cases)
  func networkOfTheOptimumHasItsObjective(test: CircularReLUTests.Case) throws {
    let program = try test.program()
    let solution = try CircularReLUSolver().solve(
      program, limits: SolveLimits(relativeGap: 1e-6, iterations: 100_000, seconds: 600))
    let network = CircularReLUNetwork(
      combined: solution.filters, signs: solution.outputSigns, spectrum: program.spectrum)
    let objective = network.objective(
      on: program.samples, loss: program.loss, lambda: program.lambda)
    #expect(abs(objective - solution.objective) <= 1e-12 * objective)
    let scale = Double(test.n)
    #expect(scale * objective >= test.optimum * (1 - 1e-8))
    #expect(scale * objective <= test.optimum * (1 + 2e-6))
  }
}
