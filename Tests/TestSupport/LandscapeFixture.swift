public import ConvexPrograms
import Convolutions
public import Tensors

/// Stationary points of two small ReLU problems with known objective, multipliers and dual norm.
///
/// Signals of length 4, filters of length 2 at stride 2 (two patches each), sum pooling, one output, squared loss. Points:
/// numpy 2.4 and scipy, L-BFGS from random starts, neurons merged, then Newton's method on the face (2026-11-27); global
/// optima: the convex program over all patterns, Clarabel (`Tests/Oracles/critical_points.py`).
public struct LandscapeFixture: Sendable, CustomStringConvertible {
  /// Signals, `[n, 4]`.
  public let signals: Matrix
  /// Targets, `[n, 1]`.
  public let targets: Matrix
  /// Regularization strength.
  public let lambda: Double
  /// Filters, `[m, 2]`.
  public let filters: Matrix
  /// Output weights, `[m, 1]`.
  public let outputWeights: Matrix
  /// Objective, to `1e-10` (first problem) or `1e-7` (second).
  public let objective: Double
  /// Multipliers of the kinks, in the order of neurons.
  public let multipliers: [Double]
  /// Smallest eigenvalue of the Hessian on the face, to `1e-6`.
  public let curvature: Double
  /// Dual norm over lambda, to `1e-7` (first problem) or `1e-5` (second).
  public let dualNormOverLambda: Double
  /// Objective and kinks.
  public var description: String { "objective \(objective), \(multipliers.count) kinks" }

  /// The signals as a batch `[n, 1, 1, 4]`.
  public var images: Tensor {
    Tensor(shape: [signals.rows, 1, 1, 4], elements: signals.elements)
  }

  /// The network of the point.
  public func network() throws -> Network {
    try network(filters: filters, outputWeights: outputWeights)
  }

  /// Another network on the same signals.
  public func network(filters: Matrix, outputWeights: Matrix) throws -> Network {
    try Network(
      geometry: PatchGeometry(channels: 1, length: 4, filterLength: 2, stride: 2),
      pooling: Pooling(.sum), activation: .relu, filters: filters, outputWeights: outputWeights)
  }

  private static func small(
    _ filters: [[Double]], _ outputWeights: [Double], _ objective: Double, _ multipliers: [Double],
    curvature: Double, dual: Double
  ) -> LandscapeFixture {
    LandscapeFixture(
      signals: Matrix([[1, 2, -1, 1], [2, -1, 0, 1], [-1, -3, 1, 0], [3, 1, -3, 2]]),
      targets: Matrix([[1], [-2], [1.5], [0.5]]), lambda: 0.1, filters: Matrix(filters),
      outputWeights: Matrix(rows: outputWeights.count, columns: 1, elements: outputWeights),
      objective: objective, multipliers: multipliers, curvature: curvature,
      dualNormOverLambda: dual)
  }

  /// The global optimum of the first problem.
  public static let smallOptimum = 0.2181526835
  /// The global optimum of the second problem.
  public static let randomOptimum = 1.0184274

  /// One neuron, differentiable.
  public static let oneNeuron = small(
    [[-0.6049398118833351, -0.3977987419071753]], [0.7240138224263238], 0.6547137243, [],
    curvature: 0.2, dual: 11.8463688)
  /// One neuron on a hyperplane.
  public static let oneKink = small(
    [[0.18043556142822434, 0.3608711228564487]], [0.4034661809118487], 0.8864895349,
    [0.0629566064], curvature: 0.2, dual: 11.1696095)
  /// Two neurons, one on a hyperplane.
  public static let twoNeurons = small(
    [[0.7989293431700165, -0.39946467158500826], [-0.9971815740933021, -0.4163846065239528]],
    [-0.8932301602737072, 1.0806235386392906], 0.2225752775, [0.0492064189], curvature: 0.2,
    dual: 1.9209056)
  /// Three neurons, one on a hyperplane.
  public static let threeNeurons = small(
    [
      [0.10139810395898557, 0.2915317645719116], [0.8079608262582125, -0.40398041312910626],
      [-0.9502761868954495, -0.45325091156184233],
    ],
    [0.3086621862828191, -0.9033276653351302, 1.0528348494480015], 0.2182841964, [0.0338883446],
    curvature: 0.090407, dual: 1.0283938)
  /// Four neurons, two on hyperplanes: the global optimum.
  public static let fourNeurons = small(
    [
      [-0.1338967861679805, -0.267793572335961], [0.805485121171981, -0.4027425605859905],
      [0.09376369180706887, 0.27814805972963524], [-0.9368366335292245, -0.39367760384472844],
    ],
    [0.299402315840358, -0.9005597429026022, 0.29352678418272454, 1.0161913863496863], smallOptimum,
    [0.0019128112, 0.0316784903], curvature: 0.005547, dual: 1)

  /// All points of the first problem.
  public static let all = [oneNeuron, oneKink, twoNeurons, threeNeurons, fourNeurons]

  /// Points of the second problem, whose data are random (numpy `default_rng(1)`, targets doubled).
  public static let random: [LandscapeFixture] = {
    func point(
      _ filters: [[Double]], _ outputWeights: [Double], _ objective: Double,
      _ multipliers: [Double], curvature: Double, dual: Double
    ) -> LandscapeFixture {
      LandscapeFixture(
        signals: Matrix([
          [0.345584192064786, 0.8216181435011584, 0.33043707618338714, -1.303157231604361],
          [0.9053558666731177, 0.4463745723640113, -0.5369532353602852, 0.5811181041963531],
          [0.36457239618607573, 0.294132496655526, 0.02842224131579679, 0.5467129866124469],
          [-0.7364540870016669, -0.16290994799305278, -0.48211931267997826, 0.5988462126346276],
          [0.03972210748165899, -0.2924567509650886, -0.7819084623568421, -0.2571922406188707],
        ]),
        targets: Matrix([
          [0.016284361036687015], [-0.5512058105987409], [2.5881276287964146],
          [2.0134486306115886], [-5.422324957931937],
        ]), lambda: 0.05, filters: Matrix(filters),
        outputWeights: Matrix(rows: outputWeights.count, columns: 1, elements: outputWeights),
        objective: objective, multipliers: multipliers, curvature: curvature,
        dualNormOverLambda: dual)
    }
    return [
      point(
        [
          [-1.16606987540234, 2.4824258519410667], [2.219813700907657, 0.021120591097689115],
          [-2.1913169243868413, -0.9961114366081908],
        ], [2.7426551122418146, -2.219914175391847, -2.4070953153636934], 1.023384, [],
        curvature: 0.022715, dual: 1.07271),
      point(
        [[-1.7017506818313726, -1.20815542590316], [-0.8085402770799064, 1.6399157313532042]],
        [-2.0870062089636403, 1.8284039448656215], 1.9038629, [0.2595512], curvature: 0.1,
        dual: 8.54771),
      point(
        [
          [1.3568474064162113, 0.34405110828507063], [-2.0685859720306787, -1.0041034211178193],
          [-0.9774347883466351, 2.552503896876451], [1.8839413373591354, -0.0979414000150389],
        ], [-1.3997878587166646, -2.29940679393243, 2.733249880460932, -1.886485483762712],
        randomOptimum, [0.0326348, 0.03194008], curvature: 0.010604, dual: 1),
    ]
  }()
}
