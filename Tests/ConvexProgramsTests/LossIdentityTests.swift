import ConvexPrograms
import Tensors
import TestSupport
import Testing

/// The laws of losses, on random predictions.
struct LossIdentityTests {
  private func loss(_ kind: ProblemCase.LossKind, _ seed: Int) -> any Loss {
    ProblemCase.loss(kind, samples: 7, outputs: kind == .logistic ? 1 : 3, seed: seed)
  }

  private func random(_ loss: any Loss, _ seed: Int, size: Double = 1) -> Matrix {
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

  private func hessianProduct(_ loss: any Loss, _ f: Matrix, _ d: Matrix) -> Matrix {
    var result = d
    result.elements.withUnsafeMutableBufferPointer { d in
      f.elements.withUnsafeBufferPointer { f in
        guard let f = f.baseAddress, let d = d.baseAddress else { return }
        // In place: the product may overwrite the direction.
        loss.hessianProduct(samples: 0..<loss.sampleCount, predictions: f, direction: d, into: d)
      }
    }
    return result
  }

  @Test(arguments: ProblemCase.LossKind.allCases, 1...10)
  func fenchelYoungHoldsWithEqualityAtTheGradient(
    kind: ProblemCase.LossKind, seed: Int
  ) {
    let loss = loss(kind, seed)
    let f = random(loss, seed, size: 3)
    let own = loss.gradient(at: f)
    let equality =
      loss.value(at: f) + loss.conjugate(at: own) - BLAS.dot(f.elements, own.elements)
    #expect(abs(equality) <= 1e-13 * (1 + loss.value(at: f)))
    let other = loss.gradient(at: random(loss, seed + 100, size: 3))
    let slack =
      loss.value(at: f) + loss.conjugate(at: other) - BLAS.dot(f.elements, other.elements)
    #expect(slack > 1e-6)
  }

  @Test(arguments: ProblemCase.LossKind.allCases, 1...10)
  func gradientIsTheDerivativeOfTheValue(kind: ProblemCase.LossKind, seed: Int) {
    let loss = loss(kind, seed)
    let f = random(loss, seed, size: 2)
    let d = random(loss, seed + 1)
    let step = 1e-5
    let difference =
      (loss.value(at: moved(f, step, d)) - loss.value(at: moved(f, -step, d))) / (2 * step)
    let slope = BLAS.dot(loss.gradient(at: f).elements, d.elements)
    // Third derivative times step^2 / 6 and rounding over the step are both below 1e-9.
    #expect(abs(difference - slope) <= 1e-9)
    #expect(loss.valueAndGradient(at: f).0 == loss.value(at: f))
  }

  @Test(arguments: ProblemCase.LossKind.allCases, 1...10)
  func hessianProductIsTheDerivativeOfTheGradient(kind: ProblemCase.LossKind, seed: Int) {
    let loss = loss(kind, seed)
    let f = random(loss, seed, size: 2)
    let d = random(loss, seed + 1)
    let step = 1e-5
    var difference = loss.gradient(at: moved(f, step, d))
    BLAS.add(-1, loss.gradient(at: moved(f, -step, d)).elements, to: &difference.elements)
    for i in difference.elements.indices { difference.elements[i] /= 2 * step }
    let product = hessianProduct(loss, f, d)
    let error = zip(difference.elements, product.elements).map { abs($0 - $1) }.max() ?? 1
    #expect(error <= 1e-9)
  }

  @Test(arguments: ProblemCase.LossKind.allCases, 1...10)
  func smoothnessBoundsTheChangeOfTheGradient(kind: ProblemCase.LossKind, seed: Int) {
    let loss = loss(kind, seed)
    for size in [1e-3, 1, 30] {
      let f = random(loss, seed)
      let g = moved(f, size, random(loss, seed + 1))
      var change = loss.gradient(at: g)
      BLAS.add(-1, loss.gradient(at: f).elements, to: &change.elements)
      let distance = BLAS.norm(moved(g, -1, f).elements)
      #expect(BLAS.norm(change.elements) <= loss.smoothness * distance * (1 + 1e-10))
    }
  }

  @Test(arguments: ProblemCase.LossKind.allCases)
  func smoothnessIsReached(kind: ProblemCase.LossKind) {
    let loss = loss(kind, 1)
    // Two equal outputs share the probability; a third is far below. The margin is zero for logistic loss.
    var f = Matrix(rows: loss.sampleCount, columns: loss.outputCount)
    var d = f
    for i in 0..<f.rows {
      d[i, 0] = 1
      if kind == .softmax { (f[i, 2], d[i, 1]) = (-60, -1) }
    }
    let product = hessianProduct(loss, f, d)
    let quotient =
      BLAS.dot(product.elements, d.elements) / BLAS.dot(d.elements, d.elements)
    #expect(abs(quotient - loss.smoothness) <= 1e-14)
  }

  @Test(arguments: ProblemCase.LossKind.allCases, 1...400)
  func scaledGradientsStayInTheDomainUpToTheLargestScale(
    kind: ProblemCase.LossKind, seed: Int
  ) {
    let loss = loss(kind, seed)
    let gradient = loss.gradient(at: random(loss, seed, size: 4))
    let largest = loss.largestDualScale(gradient: gradient)
    func conjugate(_ scale: Double) -> Double {
      var dual = gradient
      for i in dual.elements.indices { dual.elements[i] *= scale }
      return loss.conjugate(at: dual)
    }
    guard kind != .squared else {
      #expect(largest == .infinity)
      #expect(conjugate(1e9).isFinite)
      return
    }
    #expect(largest >= 1)
    for share in [0, 0.3, 0.999, 1] { #expect(conjugate(share * largest).isFinite) }
    #expect(conjugate(largest * (1 + 1e-9)) == .infinity)
  }

  @Test(arguments: ProblemCase.LossKind.allCases)
  func lossIsTheMeanOverSamplesAndSelectingAveragesOverThose(kind: ProblemCase.LossKind) {
    let loss = loss(kind, 3)
    let f = random(loss, 4)
    let single = (0..<7).map { loss.selecting([$0]).value(at: f.selectingRows([$0])) }
    let mean = single.reduce(0, +) / 7
    #expect(abs(loss.value(at: f) - mean) <= 1e-14)
    let chosen = [5, 0, 5, 2]
    let part = loss.selecting(chosen)
    #expect(part.sampleCount == 4)
    #expect(part.name == loss.name)
    let partMean = chosen.map { single[$0] }.reduce(0, +) / 4
    #expect(abs(part.value(at: f.selectingRows(chosen)) - partMean) <= 1e-14)
  }

  @Test(arguments: [ProblemCase.LossKind.logistic, .softmax])
  func hugePredictionsGiveFiniteLosses(kind: ProblemCase.LossKind) {
    let loss = loss(kind, 5)
    let f = random(loss, 6, size: 1e5)
    let (value, gradient) = loss.valueAndGradient(at: f)
    #expect(value.isFinite && value >= 0)
    #expect(gradient.firstNonFiniteIndex == nil)
    #expect(hessianProduct(loss, f, f).firstNonFiniteIndex == nil)
  }

  @Test func accuracyIsTheShareOfRightClasses() {
    let outputs = Matrix([[0.1, 2, -1], [5, 4, 3], [0, 0, 1], [-3, -2, -1]])
    #expect(SoftmaxLoss(classes: [1, 1, 2, 2], count: 3).accuracy(of: outputs) == 0.75)
    #expect(SquaredLoss(classes: [1, 1, 0, 2], count: 3).accuracy(of: outputs) == 0.5)
    let margins = Matrix([[2], [-1], [0], [-0.5]])
    #expect(LogisticLoss(labels: [1, -1, 1, 1]).accuracy(of: margins) == 0.75)
    let signs = Matrix([[1], [-1], [-1], [1]])
    #expect(SquaredLoss(targets: signs, isClassification: true).accuracy(of: margins) == 0.5)
    #expect(SquaredLoss(targets: signs).accuracy(of: margins) == nil)
  }

  @Test func valuesAgreeWithTheFormulasByHand() {
    let half = SquaredLoss(targets: Matrix([[1, 2], [3, 5]])).value(at: Matrix([[0, 0], [3, 3]]))
    #expect(half == 2.25)
    let logistic = LogisticLoss(labels: [1, -1]).value(at: Matrix([[0], [0]]))
    #expect(abs(logistic - 0.6931471805599453) <= 1e-16)
    let softmax = SoftmaxLoss(classes: [2], count: 4).value(at: Matrix([[7, 7, 7, 7]]))
    #expect(abs(softmax - 1.3862943611198906) <= 1e-15)
  }
}
