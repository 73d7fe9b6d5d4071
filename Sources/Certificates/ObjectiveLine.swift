public import ConvexPrograms
import Tensors

/// The objective along a straight line in the weights of a ReLU network, as long as no response changes its sign.
///
/// Predictions are quadratic along the line, `f + t f' + (t^2 / 2) f''`, where each neuron adds `dW phi + W dphi` to `f'` and
/// `2 dW dphi` to `f''` for the pooled responses `phi` of its filter and `dphi` of the change of it. So
///
///     slope      = <G, f'> + lambda <w, dw>
///     curvature  = <f', H_L f'> + <G, f''> + lambda |dw|^2
///
/// and for the squared loss the objective is the quartic
/// `value + t slope + (t^2 / 2) curvature + (t^3 / 2) <f', f''> / n + (t^4 / 8) <f'', f''> / n`.
///
/// An output bias has no penalty: `w` and `dw` are without it, and `squaredLength` with it.
///
/// - Complexity: Four forward passes.
/// - Accuracy: Exact up to rounding (`ObjectiveLineTests`, to `1e-12`).
/// - Source: Derived here; second differences along training are the experiment of Milne, *Piecewise strong convexity of
///   neural networks*, NeurIPS 2019.
public struct ObjectiveLine: Sendable, Equatable {
  /// Objective with weight decay at the start.
  public let value: Double
  /// First derivative at the start.
  public let slope: Double
  /// The part `<f', H_L f'>` of the second derivative, not negative.
  public let lossCurvature: Double
  /// The part `<G, f''>`.
  public let residualCurvature: Double
  /// The part `lambda |dw|^2`.
  public let penaltyCurvature: Double
  /// Squared length of the change of all weights.
  public let squaredLength: Double
  /// Coefficients of `t^3` and `t^4`; nil for other losses than the squared.
  public let higher: Higher?

  /// Coefficients of the third and fourth power.
  public struct Higher: Sendable, Equatable {
    /// `<f', f''> / (2 n)`.
    public let cubic: Double
    /// `<f'', f''> / (8 n)`.
    public let quartic: Double
  }

  /// Second derivative at the start.
  public var curvature: Double { lossCurvature + residualCurvature + penaltyCurvature }
  /// Second derivative over the squared length; nil for a line of length 0.
  public var normalizedCurvature: Double? { squaredLength > 0 ? curvature / squaredLength : nil }

  /// The objective at a parameter of the line, on the same piece; nil for other losses than the squared.
  public func value(at t: Double) -> Double? {
    higher.map {
      value + t * (slope + t * (0.5 * curvature + t * ($0.cubic + t * $0.quartic)))
    }
  }
}

/// The data of a problem, to look at lines in the weights of its networks.
public struct ObjectiveLines: Sendable {
  private let view: ProblemView
  private let loss: any Loss
  private let lambda: Double

  fileprivate init(_ view: ProblemView, loss: any Loss, lambda: Double) {
    (self.view, self.loss, self.lambda) = (view, loss, lambda)
  }

  /// The line from one ReLU network to another.
  ///
  /// - Parameters:
  ///   - start: A network of the architecture.
  ///   - end: A network with weights of the same shapes.
  /// - Returns: The objective along the line, which is at the end for `t = 1`.
  /// - Precondition: The shapes of all weights agree.
  public func line(from start: Network, to end: Network) -> ObjectiveLine {
    precondition(
      start.filters.rows == end.filters.rows && start.outputWeights.rows == end.outputWeights.rows,
      "line: \(start.neuronCount) neurons at the start, \(end.neuronCount) at the end")
    let masks = view.allPatches.patterns(of: start.filters)
    let filters = Self.difference(end.filters, start.filters)
    let weights = Self.difference(end.outputWeights, start.outputWeights)
    let bias = zip(end.outputBias ?? [], start.outputBias ?? []).map { $0 - $1 }
    func pass(_ filters: Matrix, _ weights: Matrix, bias: [Double]? = nil) -> Matrix {
      CertifiedPredictions(
        patches: view.allPatches, windows: view.windows, activation: .gated, filters: filters,
        masks: masks, outputWeights: weights, outputBias: bias
      ).values()
    }
    let predictions = pass(start.filters, start.outputWeights, bias: start.outputBias)
    var first = pass(start.filters, weights, bias: bias.isEmpty ? nil : bias)
    BLAS.add(1, pass(filters, start.outputWeights).elements, to: &first.elements)
    var second = pass(filters, weights)
    for e in second.elements.indices { second.elements[e] *= 2 }
    let (value, gradient) = loss.valueAndGradient(at: predictions)
    let square =
      BLAS.dot(filters.elements, filters.elements) + BLAS.dot(weights.elements, weights.elements)
    let along =
      BLAS.dot(start.filters.elements, filters.elements)
      + BLAS.dot(start.outputWeights.elements, weights.elements)
    let n = Double(loss.sampleCount)
    return ObjectiveLine(
      value: value + lambda * start.weightDecay,
      slope: BLAS.dot(gradient.elements, first.elements) + lambda * along,
      lossCurvature: BLAS.dot(
        first.elements,
        loss.hessianProduct(at: predictions, direction: first).elements),
      residualCurvature: BLAS.dot(gradient.elements, second.elements),
      penaltyCurvature: lambda * square, squaredLength: square + BLAS.dot(bias, bias),
      higher: loss is SquaredLoss
        ? ObjectiveLine.Higher(
          cubic: BLAS.dot(first.elements, second.elements) / (2 * n),
          quartic: BLAS.dot(second.elements, second.elements) / (8 * n)) : nil)
  }

  private static func difference(_ a: Matrix, _ b: Matrix) -> Matrix {
    var result = a
    BLAS.add(-1, b.elements, to: &result.elements)
    return result
  }
}

extension Certifier {
  /// Lines in the weights of ReLU networks of one architecture, with linear pooling.
  ///
  /// - Parameter network: A network of the architecture, whose weights do not matter.
  /// - Returns: The data, read once.
  /// - Throws: `CertificateError` for other activations, max pooling, and data that are not finite or do not fit.
  public func objectiveLines(like network: Network) throws -> ObjectiveLines {
    let view = try landscapeView(of: network.selecting(neurons: [])).view
    guard case .linear = view.windows else {
      throw CertificateError(
        place: "curvature", expected: "a linear pooling", found: "\(network.pooling)",
        advice: "Second derivatives under max pooling are not available.")
    }
    return ObjectiveLines(view, loss: loss, lambda: lambda)
  }
}
