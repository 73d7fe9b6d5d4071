import Solvers
import Tensors
import TestSupport
import Testing

/// Quasi-Newton descent on functions whose minimum is known.
struct LBFGSTests {
  private func rosenbrock(_ x: [Double]) -> (Double, [Double]) {
    var value = 0.0
    var gradient = [Double](repeating: 0, count: x.count)
    for i in 0..<x.count - 1 {
      let (bend, rest) = (x[i + 1] - x[i] * x[i], 1 - x[i])
      value += 100 * bend * bend + rest * rest
      gradient[i] += -400 * x[i] * bend - 2 * rest
      gradient[i + 1] += 200 * bend
    }
    return (value, gradient)
  }

  /// `8 |x^2 - y| + (1 - x)^2`, minimum 0 at (1, 1) on a kink.
  private func bentRidge(_ x: [Double]) -> (Double, [Double]) {
    let (bend, rest) = (x[0] * x[0] - x[1], 1 - x[0])
    let sign: Double = bend > 0 ? 8 : -8
    return (8 * abs(bend) + rest * rest, [2 * sign * x[0] - 2 * rest, -sign])
  }

  @Test(arguments: [2, 10])
  func rosenbrockIsMinimized(dimension: Int) {
    let start = (0..<dimension).map { $0 % 2 == 0 ? -1.2 : 1 }
    let result = LBFGS(iterations: 500, relativeDecrease: 1e-15).minimize(
      from: start, evaluate: rosenbrock)
    #expect(result.value <= 1e-15)
    #expect(result.point.allSatisfy { abs($0 - 1) <= 1e-6 })
    #expect(result.iterations < 120)
    #expect(result.value == rosenbrock(result.point).0)
  }

  @Test func minimumOnAKinkIsFound() {
    let result = LBFGS(iterations: 500, relativeDecrease: 1e-14).minimize(
      from: [-1.3, 2], evaluate: bentRidge)
    #expect(result.value <= 1e-8)
    #expect(abs(result.point[0] - 1) <= 1e-3)
  }

  @Test(arguments: 1...10)
  func quadraticsAreSolvedAndValuesNeverRise(seed: Int) {
    var generator = SeededGenerator(seed: UInt64(seed))
    let root = generator.normalMatrix(rows: 12, columns: 8)
    let target = generator.normalMatrix(rows: 8, columns: 1).elements
    func evaluate(_ x: [Double]) -> (Double, [Double]) {
      let move = Matrix(rows: 8, columns: 1, elements: zip(x, target).map { $0 - $1 })
      let image = BLAS.product(root, .plain, move, .plain)
      let gradient = BLAS.product(root, .transposed, image, .plain)
      return (0.5 * BLAS.dot(image.elements, image.elements), gradient.elements)
    }
    var values: [Double] = []
    let result = LBFGS(iterations: 200, relativeDecrease: 1e-15).minimize(
      from: [Double](repeating: 0, count: 8),
      shouldStop: { _, value, _ in
        values.append(value)
        return false
      }, evaluate: evaluate)
    #expect(zip(values, values.dropFirst()).allSatisfy { $0 >= $1 })
    #expect(values.count == result.iterations)
    let error = zip(result.point, target).map { abs($0 - $1) }.max() ?? 1
    #expect(error <= 1e-6)
  }

  @Test func minimumStaysPut() {
    let result = LBFGS().minimize(from: [1, 1], evaluate: rosenbrock)
    #expect(result.iterations == 0)
    #expect(result.point == [1, 1])
  }

  @Test func callerCanStop() {
    let result = LBFGS().minimize(
      from: [-1.2, 1], shouldStop: { iteration, _, _ in iteration == 3 }, evaluate: rosenbrock)
    #expect(result.iterations == 3)
  }

  @Test func stepsOutOfTheDomainAreShortened() {
    // x + 1/x has its minimum 2 at 1; there is no value for x <= 0.
    func barrier(_ x: [Double]) -> (Double, [Double]) {
      x[0] > 0 ? (x[0] + 1 / x[0], [1 - 1 / (x[0] * x[0])]) : (.nan, [.nan])
    }
    let result = LBFGS(relativeDecrease: 1e-15).minimize(from: [20], evaluate: barrier)
    #expect(abs(result.point[0] - 1) <= 1e-6)
  }
}
