import Convolutions
public import Tensors

/// The convex program of a gated (or linear) convolutional network over fixed gates.
///
/// `minimize L(sum_g sum_q A_{g,q} Z_g[:, q]) + lambda sum_g |Z_g|_*` with masked pooled patches `A_{g,q}` and one
/// matrix `Z_g` of shape `[h, a * c]` per gate. A linear network is the case of one block that is active everywhere.
///
/// - Source: Mishkin, Sahiner & Pilanci, *Fast Convex Optimization for Two-Layer ReLU Networks*, ICML 2022 (gated
///   ReLU, dense); Sahiner et al., *Scaling Convex Neural Networks with Burer-Monteiro Factorization*, ICLR 2024
///   (nuclear norm for several outputs).
public struct GatedProgram: Sendable {
  /// The problem the program was made of.
  public let problem: TrainingProblem
  /// Gates of shape `[P, h]`; nil for a linear network.
  public let gates: Matrix?
  /// The convex program.
  public let composite: CompositeProgram
  /// How the features are kept.
  public let storage: FeatureStorage

  /// The program of a problem over gates.
  ///
  /// - Parameters:
  ///   - problem: A problem with gated or linear activation.
  ///   - gates: Gates of shape `[P, h]` for gated networks, nil for linear ones.
  /// - Throws: `ProgramError` when activation and gates do not go together, or features would take more than 4 GiB.
  public init(problem: TrainingProblem, gates: Matrix?) throws {
    try Self.check(problem, gates)
    try Self.requireModerate(problem, blocks: gates?.rows ?? 1)
    self.init(
      problem: problem, gates: gates, storage: .dense,
      composite: CompositeProgram(
        of: problem, map: problem.gatedMap(of: gates),
        regularizer: Self.regularizer(of: problem, gates)))
  }

  private init(
    problem: TrainingProblem, gates: Matrix?, storage: FeatureStorage, composite: CompositeProgram
  ) {
    self.problem = problem
    self.gates = gates
    self.storage = storage
    self.composite = composite
  }

  /// The program of a problem over gates, with features kept as asked for.
  ///
  /// - Parameters:
  ///   - problem: A problem with gated or linear activation.
  ///   - gates: Gates of shape `[P, h]` for gated networks, nil for linear ones.
  ///   - storage: How features are kept; all but `dense` work whatever their size.
  ///   - blockBytes: About the memory of a block of features that are made in passing.
  /// - Throws: `ProgramError` when activation and gates do not go together, or `gram` is asked for without squared loss.
  /// - Accuracy: Optima of `gram` and `streamed` agree with those of `dense` to 1e-10, of `float` to 1e-6
  ///   (`FeatureStorageTests`).
  public init(
    problem: TrainingProblem, gates: Matrix?, storage: FeatureStorage, blockBytes: Int = 32 << 20
  ) throws {
    guard storage != .dense else {
      try self.init(problem: problem, gates: gates)
      return
    }
    try Self.check(problem, gates)
    let squared = problem.loss as? SquaredLoss
    let isCentered = problem.hasOutputBias && squared != nil
    let map = StreamedFeatureMap(
      problem: problem, gates: gates, isCentered: isCentered, blockBytes: blockBytes)
    // As in `CompositeProgram(of:features:regularizer:)`.
    let loss: any Loss =
      if isCentered, let squared {
        SquaredLoss(
          targets: squared.targets.withoutColumnMeans, isClassification: squared.isClassification)
      } else {
        problem.reducedLoss
      }
    let kept: any FeatureMap
    switch storage {
    case .float: kept = FloatFeatureMap(map)
    case .gram:
      guard let loss = loss as? SquaredLoss else {
        throw ProgramError(
          place: "features", expected: "dense, float or streamed with \(problem.loss.name) loss",
          found: "gram", advice: "Only the squared loss is a function of A'A and A'Y.")
      }
      kept = GramFeatureMap(map, targets: loss.targets)
    case .dense, .streamed: kept = map
    }
    self.init(
      problem: problem, gates: gates, storage: storage,
      composite: CompositeProgram(
        map: kept, loss: loss, regularizer: Self.regularizer(of: problem, gates),
        lambda: problem.lambda))
  }

  private static func check(_ problem: TrainingProblem, _ gates: Matrix?) throws {
    guard problem.activation == .gated || problem.activation == .linear else {
      throw ProgramError(
        place: "activation", expected: "gated or linear", found: problem.activation.rawValue,
        advice: problem.activation == .relu
          ? "Use CellGeneration for ReLU networks." : "Use the program of that activation.")
    }
    guard (problem.activation == .gated) == (gates != nil) else {
      throw ProgramError(
        place: "gates",
        expected: gates == nil ? "gates for a gated network" : "no gates for a linear network",
        found: gates.map { "\($0.rows) gates" } ?? "none",
        advice: "A gated network needs gates, a linear one has none.")
    }
    if let gates, gates.columns != problem.geometry.patchDimension || gates.rows == 0 {
      throw ProgramError(
        place: "gates", expected: "at least one gate of \(problem.geometry.patchDimension) entries",
        found: "\(gates.rows) of \(gates.columns)", advice: "Sample gates from the same patches.")
    }
  }

  private static func regularizer(
    of problem: TrainingProblem, _ gates: Matrix?
  ) -> any Regularizer {
    let blocks = gates?.rows ?? 1
    return problem.windowCount * problem.outputCount == 1
      ? GroupNorm(blockCount: blocks)
      : BlockNuclearNorm(
        blockCount: blocks, patchDimension: problem.geometry.patchDimension,
        windowCount: problem.windowCount, threads: problem.threads)
  }

  /// Refuses features of which a rank would hold more than `ConeProgram.largestFeatureBytes`.
  private static func requireModerate(_ problem: TrainingProblem, blocks: Int) throws {
    let perSample = blocks * problem.windowCount * problem.geometry.patchDimension
    let bytes = problem.largestShare * perSample * MemoryLayout<Double>.stride
    guard bytes > ConeProgram.largestFeatureBytes else { return }
    throw ProgramError(
      place: "program of gated and linear networks", expected: "features of at most 4 GiB",
      found: "\(problem.largestShare) samples x \(blocks) gates x \(problem.windowCount) windows x "
        + "\(problem.geometry.patchDimension)",
      advice: CircularProgram.isApplicable(to: problem)
        ? "Use ccnn closed-form (CircularProgram), which solves this network in the Fourier domain."
        : "Keep features in another way (--features), use fewer gates or windows, or smaller filters."
    )
  }

  private var blocks: BlockNuclearNorm {
    BlockNuclearNorm(
      blockCount: gates?.rows ?? 1, patchDimension: problem.geometry.patchDimension,
      windowCount: problem.windowCount)
  }

  /// The network of a point: one neuron per singular value of each block, balanced, and the best output bias if there is
  /// one.
  ///
  /// Its objective equals the program's at the point. Singular values below `1e-13` of the block's largest are
  /// rounding errors and are dropped.
  ///
  /// - Parameter point: Weights of shape `[P * a * h, c]`.
  /// - Returns: The network, without neurons for blocks that are zero.
  /// - Throws: `LAPACK.Failure` when a block has non-finite entries.
  public func network(from point: Matrix) throws -> Network {
    var filters: [Double] = []
    var neuronGates: [Double] = []
    var weights: [Double] = []
    var count = 0
    for b in 0..<blocks.blockCount {
      let block = blocks.block(b, of: point)
      guard block.elements.contains(where: { $0 != 0 }) else { continue }
      let (u, values, vt) = try LAPACK.singularValues(block)
      for (r, value) in values.enumerated() where value > 1e-13 * values[0] {
        let root = value.squareRoot()
        for e in 0..<block.rows { filters.append(root * u[e, r]) }
        weights.append(contentsOf: vt.row(r).map { root * $0 })
        if let gates { neuronGates.append(contentsOf: gates.row(b)) }
        count += 1
      }
    }
    let h = problem.geometry.patchDimension
    let network = try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: problem.activation,
      filters: Matrix(rows: count, columns: h, elements: filters),
      gates: gates == nil ? nil : Matrix(rows: count, columns: h, elements: neuronGates),
      outputWeights: Matrix(
        rows: count * problem.windowCount, columns: problem.outputCount, elements: weights))
    return problem.withBestOutputBias(network)
  }

  /// The point of a network whose gates are among the program's.
  ///
  /// - Parameter network: A network with the program's architecture.
  /// - Returns: Weights of shape `[P * a * h, c]`; their objective is at most the network's.
  /// - Throws: `ProgramError` when a neuron's gate is not one of the program's gates.
  public func point(from network: Network) throws -> Matrix {
    var point = composite.zero
    let (h, a, c) = (problem.geometry.patchDimension, problem.windowCount, problem.outputCount)
    for j in 0..<network.neuronCount {
      var b = 0
      if let gates, let own = network.gates {
        guard let index = (0..<gates.rows).first(where: { gates.row($0) == own.row(j) }) else {
          throw ProgramError(
            place: "network gate \(j)", expected: "one of the \(gates.rows) gates of the program",
            found: "another vector", advice: "Build the program over the network's gates.")
        }
        b = index
      }
      for q in 0..<a {
        for e in 0..<h {
          for k in 0..<c {
            point[(b * a + q) * h + e, k] +=
              network.filters[j, e] * network.outputWeights[j * a + q, k]
          }
        }
      }
    }
    return point
  }
}
