public import ConvexPrograms
import Convolutions
public import Tensors

/// A gated or linear problem whose optimum is known because the dual point was chosen first.
///
/// Squared loss with `Lambda = (F - Y) / n`: the network is optimal when every gate's correlation `T_g` has largest singular
/// value at most `lambda`, and each neuron is a top pair `(u, W)` of its gate with value `lambda` and opposite sign. So draw
/// `Lambda`, take the neurons at the top pair of the gate with the largest value, set `lambda` to that value and
/// `Y = F - n Lambda`.
public struct PlantedProblem {
  /// Signals, `[n, length]`.
  public let signals: Matrix
  /// Targets, `[n, c]`.
  public let targets: Matrix
  /// Regularization strength.
  public let lambda: Double
  /// All gates of the program; nil for linear networks.
  public let gates: Matrix?
  /// The optimal network, with one neuron.
  public let network: Network

  /// A problem drawn from a seed: `n` signals of length 7, filters of length 3, two sum windows.
  public init(activation: Activation, gateCount: Int, outputs c: Int, seed: UInt64) throws {
    let (n, length, h, a) = (8, 7, 3, 2)
    var generator = SeededGenerator(seed: seed)
    func draw(_ rows: Int, _ columns: Int) -> Matrix {
      Matrix(
        rows: rows, columns: columns,
        elements: (0..<rows * columns).map { _ in generator.normal() })
    }
    signals = draw(n, length)
    let dual = draw(n, c)
    let drawn = draw(gateCount, h)
    gates = activation == .gated ? drawn : nil
    var best = (value: 0.0, gate: 0, u: [Double](), w: [Double]())
    for g in 0..<gateCount {
      let t = Self.correlation(
        signals, dual: dual, gate: activation == .gated ? Array(drawn.row(g)) : nil,
        h: h, windows: a)
      let svd = try LAPACK.singularValues(t)
      if svd.values[0] > best.value {
        let w = (0..<a * c).map { -3 * svd.u[$0, 0] }
        best = (svd.values[0], g, svd.vt.row(0).map { 3 * $0 }, w)
      }
    }
    lambda = best.value
    network = try Network(
      geometry: PatchGeometry(length: length, filterLength: h),
      pooling: Pooling(parsing: "sum:1x2"), activation: activation, filters: Matrix([best.u]),
      gates: activation == .gated ? Matrix([Array(drawn.row(best.gate))]) : nil,
      outputWeights: Matrix(rows: a, columns: c, elements: best.w))
    var targets = ObjectiveTwin(signals: signals).predictions(of: network)
    BLAS.add(-Double(n), dual.elements, to: &targets.elements)
    self.targets = targets
  }

  /// `T` with its rows in the order `(q, j)`, `[a c, h]`.
  private static func correlation(
    _ signals: Matrix, dual: Matrix, gate: [Double]?, h: Int, windows a: Int
  ) -> Matrix {
    let count = signals.columns - h + 1
    var t = Matrix(rows: a * dual.columns, columns: h)
    for i in 0..<signals.rows {
      for k in 0..<count {
        let patch = Array(signals.row(i))[k..<k + h]
        if let gate, zip(patch, gate).reduce(0, { $0 + $1.0 * $1.1 }) < 0 { continue }
        let window = (0..<a).last { $0 * count / a <= k } ?? 0
        for j in 0..<dual.columns {
          for (e, x) in patch.enumerated() { t[window * dual.columns + j, e] += dual[i, j] * x }
        }
      }
    }
    return t
  }
}
