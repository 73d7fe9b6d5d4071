public import Tensors

/// The convex program `minimize L(A V) + lambda R(V)` over weights `V` of shape `[d, c]`.
///
/// Gated networks, networks over fixed filters and linear networks all have this form.
public struct CompositeProgram: Sendable {
  /// Feature map `A`.
  public let map: any FeatureMap
  /// Loss `L` of the predictions.
  public let loss: any Loss
  /// Regularizer `R`, a block norm.
  public let regularizer: any Regularizer
  /// Regularization strength.
  public let lambda: Double

  /// A program with given parts.
  ///
  /// - Precondition: The map and the loss have equally many samples, and `lambda >= 0`.
  public init(
    map: any FeatureMap, loss: any Loss, regularizer: any Regularizer, lambda: Double
  ) {
    precondition(
      map.sampleCount == loss.sampleCount,
      "CompositeProgram: map has \(map.sampleCount) samples, loss \(loss.sampleCount)")
    precondition(lambda >= 0, "CompositeProgram: expected lambda >= 0, found \(lambda)")
    self.map = map
    self.loss = loss
    self.regularizer = regularizer
    self.lambda = lambda
  }

  /// The program of a problem over features, after the best output bias if the problem has one.
  ///
  /// With the squared loss the best bias is a mean, so features and targets without their means over the samples are the
  /// same program; with other losses `OutputBiasLoss` takes the place of the loss.
  ///
  /// - Parameters:
  ///   - problem: The problem.
  ///   - features: Features `[n, d]`.
  ///   - regularizer: Regularizer of the weights `[d, c]`.
  package init(of problem: TrainingProblem, features: Matrix, regularizer: any Regularizer) {
    self.init(
      of: problem, map: DenseFeatureMap(features: features, threads: problem.threads),
      regularizer: regularizer)
  }

  /// The program of a problem over a feature map, after the best output bias if the problem has one.
  ///
  /// - Parameters:
  ///   - problem: The problem.
  ///   - map: Feature map of its samples.
  ///   - regularizer: Regularizer of the weights `[d, c]`.
  package init(
    of problem: TrainingProblem, map: DenseFeatureMap, regularizer: any Regularizer
  ) {
    var (map, loss) = (map, problem.reducedLoss)
    if problem.hasOutputBias, let squared = problem.loss as? SquaredLoss {
      map = map.withoutColumnMeans
      loss = SquaredLoss(
        targets: squared.targets.withoutColumnMeans, isClassification: squared.isClassification)
    }
    self.init(map: map, loss: loss, regularizer: regularizer, lambda: problem.lambda)
  }

  /// The same program at another strength.
  package func with(lambda: Double) -> CompositeProgram {
    CompositeProgram(map: map, loss: loss, regularizer: regularizer, lambda: lambda)
  }

  /// The weights that are all zero, shape `[d, c]`.
  public var zero: Matrix { Matrix(rows: map.featureCount, columns: loss.outputCount) }

  /// Whether each block of a point is nonzero.
  package func nonzeroBlocks(of point: Matrix) -> [Bool] {
    let count = max(1, regularizer.blockCount)
    let size = point.elements.count / count
    return (0..<count).map { b in
      point.elements[b * size..<(b + 1) * size].contains { $0 != 0 }
    }
  }

  /// `L(A V) + lambda R(V)`.
  public func objective(at weights: Matrix) -> Double {
    loss.value(at: map.predictions(of: weights)) + lambda * regularizer.value(weights)
  }

  /// Smallest strength whose solution is zero: the dual norm of `A' grad L(0)`.
  public var lambdaMax: Double {
    if let gram = map as? GramFeatureMap, loss is SquaredLoss {
      let scale = 1 / Double(max(1, gram.sampleCount))
      return regularizer.dualNorm(gram.correlation) * scale
    }
    let start = Matrix(rows: loss.sampleCount, columns: loss.outputCount)
    return regularizer.dualNorm(map.adjoint(loss.gradient(at: start)))
  }

  /// Best value of the dual `-L*(s G)` over scales `s` that keep `s G` feasible.
  ///
  /// - Parameters:
  ///   - gradient: `G = grad L(F)` at some predictions, shape `[n, c]`.
  ///   - dualNorm: `R°(A' G)`.
  /// - Returns: A lower bound on the optimum up to rounding; at least 0, since losses are not negative.
  public func dualValue(gradient: Matrix, dualNorm: Double) -> Double {
    let feasible = dualNorm > 0 ? lambda / dualNorm : .infinity
    return max(0, bestScaledDual(loss: loss, gradient: gradient, largestScale: feasible).value)
  }
}

/// Maximizes the concave `s -> -L*(s G)` over `0...min(largestScale, loss.largestDualScale)`.
///
/// - Parameters:
///   - loss: Loss whose conjugate is taken.
///   - gradient: Direction `G` of shape `[n, c]`.
///   - largestScale: Upper end of the interval; an infinite one is replaced by the largest useful scale.
/// - Returns: Best scale found and the value there.
/// - Complexity: O(`n c`) for the squared loss, else about 35 evaluations of the conjugate, O(`n c`) each.
/// - Accuracy: The value is a true dual value at the scale returned; the scale is within `1e-7` of the best.
public func bestScaledDual(
  loss: any Loss, gradient: Matrix, largestScale: Double
) -> (scale: Double, value: Double) {
  func value(_ scale: Double) -> Double {
    var dual = gradient
    for i in dual.elements.indices { dual.elements[i] *= scale }
    return -loss.conjugate(at: dual)
  }
  var high = min(largestScale, loss.largestDualScale(gradient: gradient))
  if let squared = loss as? SquaredLoss {
    let curvature =
      Double(loss.sampleCount) * BLAS.dot(gradient.elements, gradient.elements)
    let slope = -BLAS.dot(gradient.elements, squared.targets.elements)
    let best = curvature > 0 ? max(0, min(high, slope / curvature)) : 0
    return (best, value(best))
  }
  if !high.isFinite {
    high = 1
    while high < 1e12, value(2 * high) > value(high) { high *= 2 }
    high *= 2
  }
  // Golden-section search: the function is concave.
  let ratio = 0.6180339887498949
  var low = 0.0
  let end = high
  var (x1, x2) = (high - ratio * (high - low), low + ratio * (high - low))
  var (f1, f2) = (value(x1), value(x2))
  while high - low > 1e-7 * end {
    if f1 < f2 {
      (low, x1, f1) = (x1, x2, f2)
      x2 = low + ratio * (high - low)
      f2 = value(x2)
    } else {
      (high, x2, f2) = (x2, x1, f1)
      x1 = high - ratio * (high - low)
      f1 = value(x1)
    }
  }
  let candidates = [(0, value(0)), (x1, f1), (x2, f2), (end, value(end))]
  return candidates.reduce(candidates[0]) { $1.1 > $0.1 ? $1 : $0 }
}
