import ConvexPrograms
import Tensors
import TestSupport
import Testing

/// The loss after the best output bias: its laws, and that the bias is best.
struct OutputBiasLossTests {
  private func loss(_ kind: ProblemCase.LossKind, _ seed: Int) throws -> OutputBiasLoss {
    try OutputBiasLoss(
      ProblemCase.loss(kind, samples: 14, outputs: kind == .logistic ? 1 : 3, seed: seed))
  }

  private func random(_ loss: any Loss, _ seed: Int, size: Double) -> Matrix {
    var generator = SeededGenerator(seed: UInt64(seed))
    var result = generator.normalMatrix(rows: loss.sampleCount, columns: loss.outputCount)
    for i in result.elements.indices { result.elements[i] *= size }
    return result
  }

  private func moved(_ x: Matrix, _ step: Double, _ direction: Matrix) -> Matrix {
    var result = x
    BLAS.add(step, direction.elements, to: &result.elements)
    return result
  }

  @Test(arguments: ProblemCase.LossKind.allCases, [0, 1, 30, 1000])
  func gradientSumsToZero(kind: ProblemCase.LossKind, size: Double) throws {
    for seed in 1...8 {
      let loss = try loss(kind, seed)
      let gradient = loss.gradient(at: random(loss, seed, size: size))
      // Rounding of predictions, relative to their size, times slopes whose sizes sum to at most 2.
      let scale = 1 + size
      for sum in gradient.columnSums { #expect(abs(sum) <= 4e-15 * scale) }
    }
  }

  @Test(arguments: ProblemCase.LossKind.allCases, 1...8)
  func noOtherBiasIsBetterAndAConstantChangesNothing(
    kind: ProblemCase.LossKind, seed: Int
  ) throws {
    let loss = try loss(kind, seed)
    let f = random(loss, seed, size: 2)
    let best = loss.bestBias(at: f)
    let value = loss.value(at: f)
    #expect(abs(value - loss.base.value(at: f.adding(best))) <= 1e-15 * value)
    var generator = SeededGenerator(seed: UInt64(seed))
    for size in [1e-2, 1, 10] {
      let other = best.map { $0 + size * generator.normal() }
      let base = loss.base.value(at: f.adding(other))
      #expect(base >= value * (1 - 1e-14))
      #expect(abs(loss.value(at: f.adding(other)) - value) <= 1e-13 * value)
    }
  }

  @Test(arguments: ProblemCase.LossKind.allCases, 1...8)
  func derivativesAreDifferences(kind: ProblemCase.LossKind, seed: Int) throws {
    let loss = try loss(kind, seed)
    let (f, d) = (random(loss, seed, size: 2), random(loss, seed + 1, size: 1))
    let step = 1e-5
    let (ahead, behind) = (moved(f, step, d), moved(f, -step, d))
    let slope = (loss.value(at: ahead) - loss.value(at: behind)) / (2 * step)
    #expect(abs(slope - BLAS.dot(loss.gradient(at: f).elements, d.elements)) <= 1e-9)
    let change = moved(loss.gradient(at: ahead), -1, loss.gradient(at: behind))
    var product = d
    loss.replaceByHessianProduct(&product, at: f)
    for (difference, entry) in zip(change.elements, product.elements) {
      #expect(abs(difference / (2 * step) - entry) <= 1e-9)
    }
  }

  @Test(arguments: ProblemCase.LossKind.allCases, 1...8)
  func fenchelYoungHoldsWithEqualityAtTheGradient(
    kind: ProblemCase.LossKind, seed: Int
  ) throws {
    let loss = try loss(kind, seed)
    let f = random(loss, seed, size: 3)
    let own = loss.gradient(at: f)
    let sum = loss.value(at: f) + loss.conjugate(at: own)
    #expect(abs(sum - BLAS.dot(f.elements, own.elements)) <= 1e-13 * (1 + loss.value(at: f)))
    let other = loss.gradient(at: random(loss, seed + 100, size: 3))
    let slack = loss.value(at: f) + loss.conjugate(at: other)
    #expect(slack - BLAS.dot(f.elements, other.elements) > 1e-6)
    // The base's own gradient does not sum to zero, so predictions with a large constant exceed any bound.
    #expect(loss.conjugate(at: loss.base.gradient(at: f)) == .infinity)
  }

  /// Predictions far on the right side leave gradients of `1e-13` and less, which still sum to zero relative to their size.
  @Test(arguments: [ProblemCase.LossKind.logistic, .softmax], [10, 30, 200])
  func saturatedPredictionsKeepADualPoint(kind: ProblemCase.LossKind, size: Double) throws {
    for seed in 1...5 {
      let loss = try loss(kind, seed)
      var f = random(loss, seed, size: 0.1)
      for i in 0..<f.rows {
        if let logistic = loss.base as? LogisticLoss { f[i, 0] += size * logistic.labels[i] }
        if let softmax = loss.base as? SoftmaxLoss { f[i, softmax.classes[i]] += size }
      }
      let (value, gradient) = loss.valueAndGradient(at: f.adding(f.row(0).map { 3 * $0 }))
      let shifted = loss.valueAndGradient(at: f)
      // Values of the softmax loss cancel down to the rounding of the predictions.
      #expect(abs(value - shifted.0) <= 1e-15 * (1 + size))
      #expect(loss.conjugate(at: gradient) <= 0)
      #expect(gradient.elements.contains { $0 != 0 })
    }
  }

  @Test func classWithoutSamplesIsRefused() throws {
    for base in [
      SoftmaxLoss(classes: [0, 2, 2], count: 3), LogisticLoss(labels: [1, 1]),
    ] as [any Loss] {
      let error = #expect(throws: ProgramError.self) { try OutputBiasLoss(base) }
      #expect(error?.description.contains("a sample of every class") == true)
    }
    _ = try OutputBiasLoss(SoftmaxLoss(classes: [0, 1, 2], count: 3))
  }
}
