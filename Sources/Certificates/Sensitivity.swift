import ConvexPrograms
public import Tensors

/// Derivatives of an optimal network, its loss and its predictions, in the strength and in the targets.
///
/// With `theta` the filters within their faces, the output weights and the output bias, `H` the Hessian of the objective by
/// `theta` and `J` the Jacobian of the predictions,
///
///     d theta / d lambda = -H^-1 theta_penalized,      d f / d y = -J H^-1 J' d(grad L)/dy
///
/// A filter that lies on hyperplanes `x . u = 0` moves along them only. This is the implicit function theorem; `obstacles`
/// says where its conditions fail, and then the numbers describe this network alone, if anything.
///
/// - Source: Mishkin & Pilanci, *Optimal Sets and Solution Paths of ReLU Networks*, ICML 2023 (one output, in the convex
///   program). Several outputs, windows, losses and the output bias are this package's; with one output it is the same.
public struct Sensitivity: Sendable {
  /// Why derivatives may not exist or not be these, in words; empty where the conditions hold.
  public let obstacles: [String]
  /// Smallest eigenvalue of `H` over `lambda`: above 0 where the outputs of the neurons are independent.
  public let smallestCurvature: Double
  /// Least slope of the objective when a filter leaves the hyperplanes it lies on, over what their rows can change; nil where
  /// no filter lies on one, negative where it is not held or that is not known.
  public let kinkMargin: Double?
  /// Number of free coordinates of `theta`.
  public let coordinateCount: Int
  /// Derivative of the optimal objective by lambda: `sum_j |u_j| |W_j|_F`.
  public let objectiveSlope: Double
  /// Derivative of the mean loss by lambda.
  public let lossSlope: Double
  /// Derivative of `sum_j |u_j| |W_j|_F` by lambda.
  public let massSlope: Double
  /// Derivative of the filters of the balanced network by lambda, `[m, h]`.
  public let filterSlopes: Matrix
  /// Derivative of the output weights of the balanced network by lambda, `[m a, c]`.
  public let outputWeightSlopes: Matrix
  /// Derivative of the output bias by lambda, of length `c`; nil for networks without one.
  public let outputBiasSlopes: [Double]?
  /// Derivative of the predictions by lambda, `[n, c]`.
  public let predictionSlopes: Matrix
  /// Trace of `J H^-1 J' hess L`: how many numbers the network has fitted.
  ///
  /// For the squared loss that is the trace of the derivative of the predictions by the targets.
  public let degreesOfFreedom: Double
  /// Share of each sample in `degreesOfFreedom`, of length `n`: its leverage.
  public let leverages: [Double]
  /// Estimated predictions of each sample by the network trained without it, `[n, c]`.
  ///
  /// The strength of the un-normalised objective, `n lambda`, stays: without a sample that is training the others with
  /// `lambda n / (n - 1)`.
  public let leaveOneOutPredictions: Matrix
  /// Mean loss of those.
  public let leaveOneOutLoss: Double

  let system: SensitivitySystem
  let inverse: Matrix

  /// Whether the conditions of the implicit function theorem hold, to the tolerances used.
  public var isDifferentiable: Bool { obstacles.isEmpty }
}

extension Sensitivity {
  /// What changes at first order.
  public struct Derivative: Sendable {
    /// Derivative of the predictions, `[n, c]`.
    public let predictions: Matrix
    /// Derivative of the filters of the balanced network, `[m, h]`.
    public let filters: Matrix
    /// Derivative of the output weights of the balanced network, `[m a, c]`.
    public let outputWeights: Matrix
    /// Derivative of the output bias, of length `c`; nil for networks without one.
    public let outputBias: [Double]?
  }

  /// The derivative when targets of the squared loss move.
  ///
  /// - Parameter direction: How the targets move, `[n, c]`.
  /// - Returns: The derivative; nil for other losses, whose targets are classes.
  /// - Complexity: O(`n c p + p^2`) for `p` coordinates.
  public func derivative(targets direction: Matrix) -> Derivative? {
    guard system.loss is SquaredLoss else { return nil }
    let n = Double(system.loss.sampleCount)
    return derivative(gradient: direction.elements.map { -$0 / n })
  }

  /// The derivative when samples count more: the loss is `(1/n) sum_i (1 + t d_i) l_i` at `t = 0`.
  ///
  /// - Parameter direction: The weights' change `d`, of length `n`; minus one unit vector takes a sample out.
  /// - Returns: The derivative by `t`.
  /// - Complexity: O(`n c p + p^2`) for `p` coordinates.
  public func derivative(weights direction: [Double]) -> Derivative {
    let c = system.loss.outputCount
    return derivative(
      gradient: system.gradient.elements.enumerated().map { direction[$0.offset / c] * $0.element })
  }

  /// The derivative when the gradient of the loss by the predictions moves.
  private func derivative(gradient: [Double]) -> Derivative {
    let c = system.loss.outputCount
    precondition(
      gradient.count == system.loss.sampleCount * c, "derivative: one number for each prediction")
    var pulled = [Double](repeating: 0, count: system.count)
    system.forEachChunk { samples, jacobian in
      let part = Array(gradient[samples.lowerBound * c..<samples.upperBound * c])
      let image = BLAS.product(
        jacobian, .plain, Matrix(rows: part.count, columns: 1, elements: part))
      BLAS.add(-1, image.elements, to: &pulled)
    }
    let step = BLAS.product(
      inverse, .plain, Matrix(rows: pulled.count, columns: 1, elements: pulled))
    var predictions: [Double] = []
    system.forEachChunk { _, jacobian in
      predictions += BLAS.product(jacobian, .transposed, step, .plain).elements
    }
    let (filters, outputWeights, outputBias) = system.weights(of: step.elements)
    return Derivative(
      predictions: Matrix(
        rows: system.loss.sampleCount, columns: c, elements: predictions),
      filters: filters, outputWeights: outputWeights, outputBias: outputBias)
  }
}
