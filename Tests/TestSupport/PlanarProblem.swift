public import ConvexPrograms
import Convolutions
public import Tensors

extension PlanarFixture {
  /// The fixture as a training problem on mean losses; the optimum is then `optimum / n`.
  ///
  /// - Parameters:
  ///   - lambda: Strength; that of the fixture unless told.
  ///   - threads: Threads that passes over the data use.
  /// - Returns: The problem over the signals.
  /// - Throws: `GeometryError` or `ProgramError`, which no fixture gives cause for.
  public func problem(lambda: Double? = nil, threads: Int = 1) throws -> TrainingProblem {
    let (n, length) = (signals.rows, signals.columns)
    let ownLoss: any Loss =
      switch loss {
      case "squared": SquaredLoss(targets: targets)
      case "logistic": LogisticLoss(labels: targets.elements)
      default:
        SoftmaxLoss(
          classes: (0..<n).map { i in
            (0..<targets.columns).first { targets[i, $0] == 1 } ?? 0
          }, count: targets.columns)
      }
    return try TrainingProblem(
      images: Tensor(shape: [n, 1, 1, length], elements: signals.elements),
      geometry: PatchGeometry(length: length, filterLength: 2),
      pooling: Pooling(parsing: pooling), activation: .relu, loss: ownLoss,
      lambda: lambda ?? beta / Double(n), threads: threads)
  }

  /// The exact dual norm of a dual point, by looking into every cell.
  public func exactDualNorm(of dual: Matrix) throws -> Double {
    let problem = try problem()
    let naive = NaiveConvolution(
      images: Tensor(shape: [signals.rows, 1, 1, signals.columns], elements: signals.elements),
      geometry: problem.geometry)
    return DualNormTwin(
      rows: naive.patches, weights: problem.poolingMap.matrix, dual: dual
    ).exactPlanar()
  }
}
