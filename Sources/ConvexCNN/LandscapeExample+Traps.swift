import Certificates
import ConvexPrograms
import Convolutions
import Tensors

extension LandscapeExample {
  /// A neuron of zeros beside a certified minimum: its block of the Hessian looks positive definite.
  ///
  /// - Returns: The example.
  /// - Throws: What the certificates throw.
  @Sendable static func zeroNeuron() throws -> LandscapeExample {
    let lambda = 0.1
    let certifier = Certifier(
      images: Tensor(
        shape: [4, 1, 1, 4], elements: [1, 2, -1, 1, 2, -1, 0, 1, -1, -3, 1, 0, 3, 1, -3, 2]),
      loss: SquaredLoss(targets: Matrix([[1], [-2], [1.5], [0.5]])), lambda: lambda)
    func network(_ filters: [[Double]], _ weights: [[Double]]) throws -> Network {
      try Network(
        geometry: PatchGeometry(channels: 1, length: 4, filterLength: 2, stride: 2),
        pooling: Pooling(.sum), activation: .relu, filters: Matrix(filters),
        outputWeights: Matrix(weights))
    }
    let (u, w) = ([-0.6049398118833351, -0.3977987419071753], [0.7240138224263238])
    let alone = try certifier.landscape(of: network([u], [w]))
    let padded = try certifier.landscape(of: network([u, [0, 0]], [w, [0]]))
    return LandscapeExample(
      name: "zero-neuron",
      setting: "Four signals, filters of two entries, sum pooling, lambda 0.1: a certified strict "
        + "minimum of one neuron, and the same network with a second neuron of zeros.",
      values: [
        Value("objective", alone.certificate.objective),
        Value("smallest Hessian eigenvalue, one neuron", alone.point.curvature?.smallestEigenvalue),
        Value("apparent eigenvalue of the zero neuron", lambda),
        Value("dual norm over lambda", padded.dualNorm.largest / lambda),
        Value("decrease when the zero neuron grows", padded.escape?.decrease),
      ],
      claim: "One neuron: \(alone.verdict.rawValue). With the zero neuron: "
        + "\(padded.verdict.rawValue), since \(padded.reasons). Its Hessian with all responses "
        + "inactive is lambda I, which proves nothing."
    )
  }

  /// Quadratic activation with one neuron: a strict minimum that is not global.
  ///
  /// With `f(x) = (u . x)^2` the objective `(1/8) sum_i (f(x_i) - y_i)^2` of four points has strict minima on both axes; with
  /// two neurons zero is reached.
  ///
  /// - Returns: The example.
  @Sendable static func fewNeurons() -> LandscapeExample {
    let points = [(1.0, 0.0), (0.0, 1.0), (3.0, 3.0), (3.0, -3.0)]
    let targets = [1, 1.1, 18.9, 18.9]
    func loss(_ filters: [(Double, Double)]) -> Double {
      zip(points, targets).reduce(0) { sum, pair in
        let value = filters.reduce(0.0) {
          let product = $1.0 * pair.0.0 + $1.1 * pair.0.1
          return $0 + product * product
        }
        return sum + (value - pair.1) * (value - pair.1) / 8
      }
    }
    // The second derivatives of (1/8) sum_i ((u . x)^2 - y)^2.
    func smallestEigenvalue(_ u: (Double, Double)) -> Double {
      var (a, b, c) = (0.0, 0.0, 0.0)
      for (x, y) in zip(points, targets) {
        let product = u.0 * x.0 + u.1 * x.1
        let weight = (3 * product * product - y) / 2
        a += weight * x.0 * x.0
        b += weight * x.0 * x.1
        c += weight * x.1 * x.1
      }
      return 0.5 * (a + c) - (0.25 * (a - c) * (a - c) + b * b).squareRoot()
    }
    // Along an axis the objective is a parabola in the square of the entry, s or t.
    let (s, t) = (341.3 / 163, 341.2 / 163)
    let (high, low) = ((t.squareRoot(), 0.0), (0.0, s.squareRoot()))
    return LandscapeExample(
      name: "few-neurons",
      setting: "f(x) = (u . x)^2 at the points (1, 0), (0, 1), (3, 3), (3, -3) with targets "
        + "1, 1.1, 18.9, 18.9.",
      values: [
        Value("entry of the better minimum (0, u)", low.1), Value("its objective", loss([low])),
        Value("its smallest Hessian eigenvalue", smallestEigenvalue(low)),
        Value("entry of the other minimum (u, 0)", high.0), Value("its objective", loss([high])),
        Value("its smallest Hessian eigenvalue", smallestEigenvalue(high)),
        Value("objective of (1, 0) and (0, sqrt 1.1)", loss([(1, 0), (0, 1.1.squareRoot())])),
      ],
      claim: "With one neuron both minima are strict and the worse one is spurious; two neurons "
        + "reach zero.")
  }
}
