public import Tensors

/// A loss after the best output bias: `L_b(F) = min_b L(F + 1 b')` over `b` in `R^c`.
///
/// An unpenalized output bias leaves every program as it is, with this loss in place of `L`. It is convex, as smooth as
/// `L`, and does not change when a constant is added to an output. Its gradient is that of `L` at `F + 1 b'`, whose sum
/// over the samples is zero for every output, and its conjugate is that of `L` where `1' G = 0` and `+infinity`
/// elsewhere.
///
/// The bias couples all samples, so `value` and `hessianProduct` take all of them or none: the precondition
/// `samples == 0..<n` is checked.
///
/// - Source: Golub & Pereyra, *The Differentiation of Pseudo-Inverses and Nonlinear Least Squares Problems Whose
///   Variables Separate*, SIAM J. Numer. Anal. 1973 (elimination of the variables that are easy).
public struct OutputBiasLoss: Loss {
  /// The loss of predictions with their bias.
  public let base: any Loss

  /// The loss after the best bias.
  ///
  /// - Parameter base: The loss `L`.
  /// - Throws: `ProgramError` when no bias is best, since a class has no sample: its bias would fall without end.
  public init(_ base: any Loss) throws {
    let absent =
      switch base {
      case let loss as LogisticLoss:
        [-1.0, 1.0].filter { !loss.labels.contains($0) }.map { "\(Int($0))" }
      case let loss as SoftmaxLoss:
        (0..<loss.outputCount).filter { !loss.classes.contains($0) }.map(String.init)
      default: [String]()
      }
    guard absent.isEmpty else {
      throw ProgramError(
        place: "targets with an output bias", expected: "a sample of every class",
        found: "none of class \(absent.joined(separator: ", "))",
        advice: "Add samples of that class, or train without the output bias.")
    }
    self.base = base
  }

  /// The name of the base.
  public var name: String { base.name }
  /// Number of samples `n`.
  public var sampleCount: Int { base.sampleCount }
  /// Number of outputs `c`.
  public var outputCount: Int { base.outputCount }
  /// That of the base: minimizing over some variables lowers curvature.
  public var smoothness: Double { base.smoothness }

  /// The bias `b` that minimizes `L(F + 1 b')`; the one of zero sum for the softmax loss, which leaves its sum open.
  ///
  /// - Parameter predictions: Predictions `F` without bias, `[n, c]`.
  /// - Returns: `c` numbers.
  /// - Complexity: O(`n c`) for the squared loss, else O(`n c^2`) per Newton step, of which 4 to 8 are usual.
  /// - Accuracy: The sums of the gradient are within rounding of zero; checked by `OutputBiasLossTests`.
  public func bestBias(at predictions: Matrix) -> [Double] { minimum(at: predictions).bias }

  /// The best bias, and the loss and its gradient there.
  private func minimum(
    at predictions: Matrix
  ) -> (bias: [Double], value: Double, gradient: Matrix) {
    var bias = [Double](repeating: 0, count: outputCount)
    var current = base.valueAndGradient(at: predictions)
    if base is SquaredLoss {
      // Twice: the second sum removes the rounding error of the first.
      for _ in 0..<2 {
        for (k, sum) in current.1.columnSums.enumerated() { bias[k] -= sum }
        current = base.valueAndGradient(at: predictions.adding(bias))
      }
      return (bias, current.0, current.1)
    }
    let bound = Double(sampleCount) * smoothness
    for _ in 0..<200 {
      let slope = current.1.columnSums
      let size = BLAS.norm(slope)
      let total = current.1.elements.reduce(0) { $0 + abs($1) }
      guard size > 1e-15 * total, size.isFinite else { break }
      let hessian = curvature(current.1, at: predictions, bias)
      let largest = (0..<outputCount).reduce(0) { max($0, hessian[$1, $1]) }
      var next = descended(
        predictions, bias, current, slope,
        step(hessian, slope, open: largest, damping: 1e-13 * largest), trials: 10)
      if next == nil, size > 1e-10 * total {
        // Where there is next to no curvature a long way has to be searched.
        next = descended(
          predictions, bias, current, slope,
          step(hessian, slope, open: bound, damping: 1e-10 * bound), trials: 60)
      }
      guard let next else { break }
      (bias, current) = next
    }
    if base is SoftmaxLoss {
      let mean = bias.reduce(0, +) / Double(max(1, outputCount))
      for k in bias.indices { bias[k] -= mean }
    }
    return (bias, current.0, current.1)
  }

  /// The first of ever shorter steps that lowers the value or, where values drown in rounding, the slope; there only the
  /// whole step is tried.
  private func descended(
    _ predictions: Matrix, _ bias: [Double], _ current: (Double, Matrix), _ slope: [Double],
    _ step: [Double]?, trials: Int
  ) -> (bias: [Double], value: (Double, Matrix))? {
    guard let step, step.allSatisfy(\.isFinite) else { return nil }
    var length = 1.0
    let decrease = -BLAS.dot(slope, step)
    let size = predictions.elements.reduce(0) { max($0, abs($1)) }
    let noise = 1e-15 * (current.0 + size + bias.reduce(0) { max($0, abs($1)) })
    let isDrowned = decrease <= 10 * noise
    for _ in 0..<(isDrowned ? 1 : trials) {
      var trial = bias
      BLAS.add(length, step, to: &trial)
      guard trial != bias else { return nil }
      let value = base.valueAndGradient(at: predictions.adding(trial))
      if !isDrowned, value.0 < current.0 - 1e-4 * length * decrease { return (trial, value) }
      if value.0 <= current.0 + noise, BLAS.norm(value.1.columnSums) < BLAS.norm(slope) {
        return (trial, value)
      }
      length *= 0.5
    }
    return nil
  }

  /// The Newton step of a damped Hessian; softmax leaves the sum of the bias open, so its square is added.
  private func step(
    _ hessian: Matrix, _ slope: [Double], open: Double, damping: Double
  ) -> [Double]? {
    var hessian = hessian
    for k in 0..<outputCount {
      for l in 0..<outputCount where base is SoftmaxLoss { hessian[k, l] += open }
      hessian[k, k] += damping
    }
    return try? LAPACK.solvePositiveDefinite(hessian, slope.map { -$0 })
  }

  /// Second derivative of `L(F + 1 b')` by `b`, `[c, c]`, from the gradient at `b` where that is enough.
  private func curvature(_ gradient: Matrix, at predictions: Matrix, _ bias: [Double]) -> Matrix {
    let n = Double(sampleCount)
    if base is LogisticLoss {
      // q = n |G|, and the sum over samples of q (1 - q) / n.
      return Matrix([[gradient.elements.reduce(0) { $0 + abs($1) * (1 - n * abs($1)) }]])
    }
    guard let softmax = base as? SoftmaxLoss else {
      return Matrix(hessianOfConstants(at: predictions.adding(bias)).map(\.columnSums)).transposed
    }
    // p = e_y + n G, and the sum over samples of (diag(p) - p p') / n.
    var shares = gradient
    for e in shares.elements.indices { shares.elements[e] *= n }
    for (i, label) in softmax.classes.enumerated() { shares[i, label] += 1 }
    var result = BLAS.product(shares, .transposed, shares)
    for e in result.elements.indices { result.elements[e] *= -1 / n }
    // Rows sum to zero, which costs fewer digits than sums of p - p^2.
    for k in 0..<outputCount {
      result[k, k] = 0
      result[k, k] = -(0..<outputCount).reduce(0) { $0 + result[k, $1] }
    }
    return result
  }

  /// Products of the Hessian of `L` with the constants of each output: `c` matrices of shape `[n, c]`.
  private func hessianOfConstants(at shifted: Matrix) -> [Matrix] {
    (0..<outputCount).map { l in
      var direction = Matrix(rows: sampleCount, columns: outputCount)
      for i in 0..<sampleCount { direction[i, l] = 1 }
      base.replaceByHessianProduct(&direction, at: shifted)
      return direction
    }
  }

  /// What the bias takes off the Hessian of `L` at the shifted predictions.
  ///
  /// The Hessian of `L_b` is `H - sum_k t_k t_k'` with as many corrections `t_k` as outputs, or one less for the softmax
  /// loss: `T = H E S^(-1/2)` for the constants `E` and `S = E' H E` on its range.
  ///
  /// - Parameter predictions: Predictions `F`, `[n, c]`.
  /// - Returns: The shifted predictions and the corrections, each of shape `[n, c]`.
  /// - Complexity: O(`n c^2`) beyond that of `bestBias(at:)`.
  public func curvatureParts(
    at predictions: Matrix
  ) -> (shifted: Matrix, corrections: [Matrix]) {
    let shifted = predictions.adding(bestBias(at: predictions))
    let images = hessianOfConstants(at: shifted)
    let sums = Matrix(images.map(\.columnSums))
    guard let (values, vectors) = try? LAPACK.symmetricEigen(sums), let top = values.last, top > 0
    else { return (shifted, []) }
    let corrections = values.indices.filter { values[$0] > 1e-13 * top }.map { r in
      var correction = Matrix(rows: sampleCount, columns: outputCount)
      let scale = 1 / values[r].squareRoot()
      for (l, image) in images.enumerated() {
        BLAS.add(scale * vectors[r, l], image.elements, to: &correction.elements)
      }
      return correction
    }
    return (shifted, corrections)
  }

  /// The loss after the best bias, and its gradient.
  ///
  /// - Precondition: `samples` are all samples.
  public func value(
    samples: Range<Int>, predictions: UnsafePointer<Double>,
    gradient: UnsafeMutablePointer<Double>?
  ) -> Double {
    let best = minimum(at: allPredictions(samples, predictions))
    if let gradient {
      for (e, element) in best.gradient.elements.enumerated() { gradient[e] = element }
    }
    return best.value
  }

  /// `H d - H E (E' H E)^+ E' H d` with the Hessian `H` of the base at the shifted predictions and the constants `E`.
  ///
  /// - Precondition: `samples` are all samples.
  public func hessianProduct(
    samples: Range<Int>, predictions: UnsafePointer<Double>, direction: UnsafePointer<Double>,
    into product: UnsafeMutablePointer<Double>
  ) {
    let (shifted, corrections) = curvatureParts(at: allPredictions(samples, predictions))
    let d = allPredictions(samples, direction)
    var image = d
    base.replaceByHessianProduct(&image, at: shifted)
    for correction in corrections {
      BLAS.add(
        -BLAS.dot(correction.elements, d.elements), correction.elements, to: &image.elements)
    }
    for (e, element) in image.elements.enumerated() { product[e] = element }
  }

  private func allPredictions(_ samples: Range<Int>, _ start: UnsafePointer<Double>) -> Matrix {
    precondition(
      samples == 0..<sampleCount,
      "OutputBiasLoss: expected all \(sampleCount) samples, found \(samples)")
    let elements = Array(UnsafeBufferPointer(start: start, count: sampleCount * outputCount))
    return Matrix(rows: sampleCount, columns: outputCount, elements: elements)
  }

  /// That of the base where every output of `G` sums to zero, up to `1e-9` of the sum of sizes; else `+infinity`.
  public func conjugate(at dual: Matrix) -> Double {
    var sizes = [Double](repeating: 0, count: outputCount)
    for (e, element) in dual.elements.enumerated() { sizes[e % outputCount] += abs(element) }
    for (sum, size) in zip(dual.columnSums, sizes) where abs(sum) > 1e-9 * size + 1e-17 {
      return .infinity
    }
    return base.conjugate(at: dual)
  }

  /// That of the base: sums stay zero under scaling.
  public func largestDualScale(gradient: Matrix) -> Double {
    base.largestDualScale(gradient: gradient)
  }

  /// Share of samples that the predictions with the best bias name correctly.
  public func accuracy(of predictions: Matrix) -> Double? {
    base.accuracy(of: predictions.adding(bestBias(at: predictions)))
  }

  /// The loss of some of the samples with a bias fixed at zero, since a class may have none among them.
  public func selecting(_ samples: [Int]) -> any Loss { base.selecting(samples) }
}

extension Loss {
  /// Replaces a direction by its product with the Hessian at some predictions.
  package func replaceByHessianProduct(_ direction: inout Matrix, at predictions: Matrix) {
    direction.elements.withUnsafeMutableBufferPointer { d in
      predictions.elements.withUnsafeBufferPointer { f in
        guard let d = d.baseAddress, let f = f.baseAddress else { return }
        hessianProduct(samples: 0..<sampleCount, predictions: f, direction: d, into: d)
      }
    }
  }

  /// The product of the Hessian at some predictions with a direction.
  package func hessianProduct(at predictions: Matrix, direction: Matrix) -> Matrix {
    var product = direction
    replaceByHessianProduct(&product, at: predictions)
    return product
  }
}

extension Matrix {
  /// Sum of each column.
  package var columnSums: [Double] {
    var sums = [Double](repeating: 0, count: columns)
    elements.withUnsafeBufferPointer { elements in
      for i in 0..<rows { for j in 0..<columns { sums[j] += elements[i * columns + j] } }
    }
    return sums
  }

  /// The matrix with the mean of each column taken off.
  package var withoutColumnMeans: Matrix {
    adding(columnSums.map { -$0 / Double(max(1, rows)) })
  }

  /// The matrix with one number added to each column.
  package func adding(_ constants: [Double]) -> Matrix {
    var result = self
    result.elements.withUnsafeMutableBufferPointer { elements in
      for i in 0..<rows { for j in 0..<columns { elements[i * columns + j] += constants[j] } }
    }
    return result
  }
}
