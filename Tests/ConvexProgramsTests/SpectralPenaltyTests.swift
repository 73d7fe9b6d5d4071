import ConvexPrograms
import Foundation
import Tensors
import TestSupport
import Testing

/// Laws of the penalties on symmetric matrices.
struct SpectralPenaltyTests {
  private static func weights(_ rows: Int, _ columns: Int, seed: Int) -> Matrix {
    var generator = SeededGenerator(seed: UInt64(seed))
    return generator.normalMatrix(rows: rows, columns: columns)
  }

  @Test(arguments: 1...10)
  func symmetricNuclearNormObeysTheLaws(seed: Int) {
    let norm = SymmetricNuclearNorm(blockCount: 2, order: 3)
    let input = Self.weights(12, 3, seed: seed)
    var output = input
    let step = 0.7
    let value = norm.prox(&output, step: step)
    #expect(abs(value - norm.value(output)) < 1e-12)
    // Moreau: the rest is in the dual ball, with equality in the duality.
    var rest = input
    BLAS.add(-1, output.elements, to: &rest.elements)
    #expect(norm.dualNorm(rest) <= step * (1 + 1e-12))
    #expect(abs(BLAS.dot(rest.elements, output.elements) - step * value) < 1e-11)
    let other = Self.weights(12, 3, seed: seed + 100)
    #expect(
      BLAS.dot(input.elements, other.elements)
        <= norm.value(input) * norm.dualNorm(other) * (1 + 1e-12))
    var vanishing = input
    #expect(norm.prox(&vanishing, step: norm.dualNorm(input)) == 0)
    #expect(vanishing.elements.allSatisfy { $0 == 0 })
  }

  @Test func nuclearNormOfKnownMatrix() {
    // diag(3, -4) and off-diagonal coordinates that are root two times the entry.
    let norm = SymmetricNuclearNorm(blockCount: 1, order: 2)
    #expect(abs(norm.value(Matrix(rows: 3, columns: 1, elements: [3, 0, -4])) - 7) < 1e-14)
    let offDiagonal = Matrix(rows: 3, columns: 1, elements: [0, 2.0.squareRoot(), 0])
    #expect(abs(norm.value(offDiagonal) - 2) < 1e-14)
    #expect(abs(norm.dualNorm(offDiagonal) - 1) < 1e-14)
    #expect(norm.value(Matrix(rows: 3, columns: 1, repeating: .nan)).isNaN)
  }

  /// The projection is characterized by: it is in the cone, and the rest is in the polar cone and orthogonal to it.
  @Test(arguments: 1...20)
  func proxOfTheConeIsTheProjection(seed: Int) throws {
    let order = 2 + seed % 5
    let cone = TraceLinkedCone(blockCount: 1, order: order)
    let input = Self.weights(order * (order + 1) / 2, 2, seed: seed)
    var output = input
    let value = cone.prox(&output, step: 0.3)
    #expect(abs(value - cone.value(output)) < 1e-13)
    var rest = input
    BLAS.add(-1, output.elements, to: &rest.elements)
    for t in 0..<2 {
      let z = cone.matrix(block: 0, column: t, of: output)
      #expect((try LAPACK.symmetricEigen(z).values.first ?? 0) > -1e-13)
      let trace = (0..<order - 1).reduce(0) { $0 + z[$1, $1] }
      #expect(abs(trace - z[order - 1, order - 1]) < 1e-13)
      // No atom improves: <rest, atom> is at most the step, with equality on the support.
      let dual = cone.matrix(block: 0, column: t, of: rest)
      #expect(abs(BLAS.dot(dual.elements, z.elements) - 0.3 * z[order - 1, order - 1]) < 1e-12)
    }
    #expect(cone.dualNorm(rest) <= 0.3 + 1e-12)
  }

  @Test(arguments: 1...20)
  func dualNormIsTheLargestOnTheCircle(seed: Int) {
    let cone = TraceLinkedCone(blockCount: 1, order: 3)
    let weights = Self.weights(6, 1, seed: seed)
    let form = cone.matrix(block: 0, column: 0, of: weights)
    var largest = 0.0
    for step in 0..<20_000 {
      let angle = 2 * Double.pi * Double(step) / 20_000
      let u = [cos(angle), sin(angle), 1]
      var value = 0.0
      for e in 0..<3 { for f in 0..<3 { value += u[e] * form[e, f] * u[f] } }
      largest = max(largest, value)
    }
    let norm = cone.dualNorm(weights)
    #expect(norm >= largest - 1e-13)
    #expect(norm <= largest + 1e-5)
  }

  /// Filters of one entry and forms whose linear part is orthogonal to the leading eigenvector, the hard case.
  @Test func dualNormInTheHardCase() {
    let cone = TraceLinkedCone(blockCount: 1, order: 3)
    let root = 2.0.squareRoot()
    // diag(2, 1), linear part (0, 0.25), constant 0: at u = (cos, sin), 2 - sin^2 + 0.5 sin, largest at sin = 0.25.
    let hard = Matrix(rows: 6, columns: 1, elements: [2, 0, 0, 1, 0.25 * root, 0])
    #expect(abs(cone.dualNorm(hard) - 2.0625) < 1e-13)
    let single = TraceLinkedCone(blockCount: 1, order: 2)
    let line = Matrix(rows: 3, columns: 1, elements: [1, -0.5 * root, 0.25])
    #expect(abs(single.dualNorm(line) - 2.25) < 1e-13)
    #expect(single.dualNorm(Matrix(rows: 3, columns: 1)) == 0)
  }
}
