import Certificates
import ConvexPrograms
import Tensors
import TestSupport
import Testing

/// Dual points whose sums over the samples are zero in exact arithmetic.
struct BalancedDualTests {
  private func loss(_ kind: ProblemCase.LossKind, _ seed: Int) -> any Loss {
    ProblemCase.loss(kind, samples: 21, outputs: kind == .logistic ? 1 : 4, seed: seed)
  }

  private func predictions(_ loss: any Loss, _ seed: Int, size: Double) -> Matrix {
    var generator = SeededGenerator(seed: UInt64(seed))
    var result = generator.normalMatrix(rows: loss.sampleCount, columns: loss.outputCount)
    for i in result.elements.indices { result.elements[i] *= size }
    return result
  }

  /// Exact sum: all entries are integers in units of the least bit of any.
  private func isZeroSum(_ entries: [Double]) -> Bool {
    let nonzero = entries.filter { $0 != 0 }
    guard let unit = nonzero.map(\.ulp).min() else { return true }
    var (low, high) = (0 as Int128, 0 as Int128)
    for entry in nonzero {
      let units = Int128(exactly: entry / unit)
      guard let units else { return false }
      if units < 0 { low += units } else { high += units }
    }
    return low + high == 0
  }

  @Test(arguments: ProblemCase.LossKind.allCases, [0, 1, 10, 700])
  func sumsAreExactlyZeroAndTheDomainIsKept(kind: ProblemCase.LossKind, size: Double) {
    for seed in 1...20 {
      let loss = loss(kind, seed)
      let gradient = loss.gradient(at: predictions(loss, seed, size: size))
      let dual = DualDirection(balancing: gradient, of: loss)
      for k in 0..<gradient.columns {
        #expect(isZeroSum((0..<gradient.rows).map { dual.point[$0, k] }))
      }
      if kind == .softmax {
        for i in 0..<gradient.rows { #expect(isZeroSum(Array(dual.point.row(i)))) }
      }
      var scaled = dual.point
      let scale = min(1, dual.end)
      for e in scaled.elements.indices { scaled.elements[e] *= scale }
      #expect(dual.loss.conjugate(at: scaled) < .infinity)
    }
  }

  @Test(arguments: ProblemCase.LossKind.allCases, 1...20)
  func pointOfTheBestBiasIsTheGradient(kind: ProblemCase.LossKind, seed: Int) throws {
    let loss = loss(kind, seed)
    let gradient = try OutputBiasLoss(loss).gradient(
      at: predictions(loss, seed, size: 3))
    let dual = DualDirection(balancing: gradient, of: loss)
    let largest = gradient.elements.reduce(0) { max($0, abs($1)) }
    for (entry, expected) in zip(dual.point.elements, gradient.elements) {
      #expect(abs(entry / dual.factor - expected) <= 1e-12 * largest)
    }
  }

  /// Flows that shrink keep their signs; a class that nothing enters keeps nothing that leaves.
  @Test func flowsOnlyShrink() {
    let loss = SoftmaxLoss(classes: [0, 0, 1, 2], count: 4)
    let gradient = loss.gradient(
      at: Matrix([[1, 0, 0, 3], [0, 2, 1, 0], [0, 0, 1, 2], [1, 1, 1, 1]]))
    let dual = DualDirection(balancing: gradient, of: loss)
    for i in 0..<4 {
      #expect(dual.point[i, 3] == 0)
      for k in 0..<3 where k != loss.classes[i] {
        #expect(dual.point[i, k] >= 0)
        #expect(dual.point[i, k] <= gradient[i, k] * (1 + 1e-12))
      }
    }
    #expect(dual.point.elements.contains { $0 != 0 })
    let oneClass = LogisticLoss(labels: [1, 1, 1])
    let nothing = DualDirection(
      balancing: oneClass.gradient(at: Matrix([[0], [1], [2]])), of: oneClass)
    #expect(nothing.point.elements.allSatisfy { $0 == 0 })
    #expect(nothing.lowerBound(limit: .infinity) == 0)
  }
}
