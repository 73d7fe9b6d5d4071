import ConvexPrograms
import Tensors
import TestSupport
import Testing

/// The laws of regularizers, on random weights.
struct RegularizerIdentityTests {
  /// Blocks of shape `[h, a c]`.
  struct Shape: Sendable, CustomTestStringConvertible {
    let blocks: Int
    let h: Int
    let a: Int
    let c: Int
    var testDescription: String { "\(blocks) blocks, h \(h), a \(a), c \(c)" }

    static let all = [
      Shape(blocks: 3, h: 3, a: 2, c: 2), Shape(blocks: 9, h: 2, a: 1, c: 4),
      Shape(blocks: 2, h: 4, a: 3, c: 1), Shape(blocks: 1, h: 5, a: 2, c: 3),
      Shape(blocks: 4, h: 1, a: 1, c: 1),
    ]

    func weights(_ seed: Int) -> Matrix {
      var generator = SeededGenerator(seed: UInt64(seed))
      return generator.normalMatrix(rows: blocks * a * h, columns: c)
    }

    func nuclear(threads: Int = 1) -> BlockNuclearNorm {
      BlockNuclearNorm(blockCount: blocks, patchDimension: h, windowCount: a, threads: threads)
    }

    var naive: NaiveProx { NaiveProx(blockCount: blocks, patchDimension: h, windowCount: a) }

    /// Both conformers on this shape.
    var regularizers: [any Regularizer] { [nuclear(), GroupNorm(blockCount: blocks)] }
  }

  @Test(arguments: Shape.all, 1...5)
  func nuclearProxIsTheNaiveProx(shape: Shape, seed: Int) throws {
    for step in [0, 0.1, 1, 2.5] {
      let weights = shape.weights(seed)
      var result = weights
      _ = shape.nuclear().prox(&result, step: step)
      let expected = try shape.naive.prox(weights, step: step)
      let error = zip(result.elements, expected.elements).map { abs($0 - $1) }.max() ?? 1
      #expect(error <= 1e-12)
    }
  }

  @Test(arguments: Shape.all)
  func groupProxShortensEachBlock(shape: Shape) {
    let weights = shape.weights(2)
    var result = weights
    _ = GroupNorm(blockCount: shape.blocks).prox(&result, step: 1)
    let size = weights.elements.count / shape.blocks
    for b in 0..<shape.blocks {
      let block = Array(weights.elements[b * size..<(b + 1) * size])
      let factor = max(0, 1 - 1 / BLAS.norm(block))
      for (x, y) in zip(block, result.elements[b * size..<(b + 1) * size]) {
        #expect(abs(factor * x - y) <= 1e-15)
      }
    }
  }

  @Test(arguments: Shape.all, 1...5)
  func moreauSplitsIntoProxAndProjectionOnTheDualBall(shape: Shape, seed: Int) throws {
    for regularizer in shape.regularizers {
      let weights = shape.weights(seed)
      var near = weights
      let norm = regularizer.prox(&near, step: 0.8)
      var rest = weights
      BLAS.add(-1, near.elements, to: &rest.elements)
      #expect(regularizer.dualNorm(rest) <= 0.8 * (1 + 1e-12))
      #expect(abs(norm - regularizer.value(near)) <= 1e-12 * (1 + norm))
      // Equality in the duality inequality, for the pair that the prox returns.
      let inner = BLAS.dot(near.elements, rest.elements)
      #expect(abs(inner - 0.8 * norm) <= 1e-12 * (1 + norm))
      guard regularizer is BlockNuclearNorm else { continue }
      let projection = try shape.naive.projection(weights, radius: 0.8)
      let error = zip(rest.elements, projection.elements).map { abs($0 - $1) }.max() ?? 1
      #expect(error <= 1e-12)
    }
  }

  @Test(arguments: Shape.all, 1...5)
  func innerProductIsAtMostNormTimesDualNorm(shape: Shape, seed: Int) {
    for regularizer in shape.regularizers {
      let (x, g) = (shape.weights(seed), shape.weights(seed + 50))
      let bound = regularizer.value(x) * regularizer.dualNorm(g)
      #expect(BLAS.dot(x.elements, g.elements) <= bound)
    }
  }

  @Test(arguments: Shape.all, 1...5)
  func proxIsZeroExactlyFromTheDualNormOn(shape: Shape, seed: Int) {
    for regularizer in shape.regularizers {
      let weights = shape.weights(seed)
      let norm = regularizer.dualNorm(weights)
      for (factor, isZero) in [(1, true), (1.5, true), (0.999, false)] {
        var result = weights
        let value = regularizer.prox(&result, step: factor * norm)
        #expect(result.elements.allSatisfy { $0 == 0 } == isZero)
        #expect((value == 0) == isZero)
      }
    }
  }

  @Test(arguments: Shape.all)
  func blocksSurviveTheRoundTrip(shape: Shape) {
    let weights = shape.weights(7)
    var copy = Matrix(rows: weights.rows, columns: weights.columns)
    let norm = shape.nuclear()
    for b in 0..<shape.blocks {
      let block = norm.block(b, of: weights)
      #expect(block.rows == shape.h && block.columns == shape.a * shape.c)
      norm.setBlock(b, of: &copy, to: block)
    }
    #expect(copy == weights)
    let last = norm.block(shape.blocks - 1, of: weights)
    let corner = last[shape.h - 1, shape.a * shape.c - 1]
    #expect(corner == weights[weights.rows - 1, weights.columns - 1])
  }

  @Test(arguments: Shape.all)
  func notANumberIsNotHidden(shape: Shape) {
    for regularizer in shape.regularizers {
      for bad in [Double.nan, .infinity] {
        for index in [0, shape.weights(1).elements.count - 1] {
          var weights = shape.weights(1)
          weights.elements[index] = bad
          #expect(!regularizer.value(weights).isFinite)
          #expect(!regularizer.dualNorm(weights).isFinite)
          var result = weights
          let norm = regularizer.prox(&result, step: 0.5)
          #expect(!norm.isFinite)
          #expect(result.firstNonFiniteIndex != nil)
        }
      }
    }
  }

  @Test(arguments: Shape.all)
  func threadsDoNotChangeTheBits(shape: Shape) {
    let weights = shape.weights(9)
    var (one, two) = (weights, weights)
    let first = shape.nuclear(threads: 1).prox(&one, step: 0.3)
    let second = shape.nuclear(threads: 2).prox(&two, step: 0.3)
    #expect(first == second)
    #expect(one == two)
  }
}
