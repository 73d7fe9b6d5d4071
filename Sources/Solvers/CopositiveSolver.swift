public import ConvexPrograms
import Convolutions
public import Tensors

/// Alternating direction method of multipliers for the relaxed copositive program.
///
/// The blocks, the products of facet pairs and the predictions are split: each iteration projects the blocks on the
/// positive semidefinite cone (an eigenvalue problem of order `h + a c` for each cone), the products on the non-negative
/// numbers, takes the proximal point of the loss, and then finds the nearest blocks to which all three belong. The last
/// step falls apart into one small inverse for each cone and one of order `n`, both computed once.
///
/// The bounds do not rest on convergence. The lower bound is the dual value at the gradient of the loss, scaled by
/// `CopositiveProgram.dualNormBound`; the upper bound is the objective at blocks that are moved inside their cones.
///
/// - Source: Boyd et al., *Distributed Optimization and Statistical Learning via the Alternating Direction Method of
///   Multipliers*, 2011; O'Donoghue et al., *Conic Optimization via Operator Splitting*, 2016 (cones by projections). That
///   the coupled step has this structure, and the bounds, are this package's.
public struct CopositiveSolver: Sendable {
  /// Iterations between two measurements of the bounds.
  public var measureInterval: Int

  /// A solver that measures the bounds at given intervals.
  public init(measureInterval: Int = 100) { self.measureInterval = measureInterval }

  /// What a solve returns.
  public struct Solution: Sendable {
    /// Feasible point of the relaxation with the objective `objective`.
    public let point: CopositivePoint
    /// Objective of the point: an upper bound on the relaxed optimum.
    public let objective: Double
    /// Proven lower bound on the relaxed optimum, and so on the optimum over all networks.
    public let lowerBound: Double
    /// Dual point `G`, `[n, c]`, with dual norm at most `lambda`, that proves the lower bound.
    public let dual: Matrix
    /// Multipliers of the facet pairs of each cone that prove the dual norm of `dual`.
    public let multipliers: [[Double]]
    /// Iterations done.
    public let iterations: Int
    /// How the solve ended; the bounds hold in every case.
    public let status: SolveStatus
    /// Where a solve of the same cones at another strength may start.
    fileprivate let state: State

    /// `(objective - lowerBound) / objective`, 0 at objective 0.
    public var relativeGap: Double {
      objective > 0 ? max(0, (objective - lowerBound) / objective) : 0
    }
  }

  /// Solves the program.
  ///
  /// - Parameters:
  ///   - program: The nuclear or the doubly nonnegative relaxation.
  ///   - start: Solution of a program of the same cones to start from.
  ///   - network: Network to start from instead; a global optimum ends the solve at once where the relaxation is exact.
  ///   - limits: Relative gap between the bounds, and limits.
  ///   - observer: Receives a line per measurement.
  /// - Returns: The best bounds found, whatever ended the solve.
  /// - Throws: `ProgramError` when the strength is not positive, `LAPACK.Failure` when a factorisation fails.
  /// - Complexity: O(`n^2 P a h + n^3 + P h^6`) once, then O(`n P a h c + P (s^3 + k^2 h^2)`) per iteration.
  /// - Accuracy: Both bounds include their rounding (`CopositiveOracleTests`).
  public func solve(
    _ program: CopositiveProgram, from start: Solution? = nil, network: Network? = nil,
    limits: SolveLimits = SolveLimits(relativeGap: 1e-6), observer: TraceObserver = { _ in }
  ) throws -> Solution {
    guard program.lambda > 0 else {
      throw ProgramError(
        place: "copositive program", expected: "a strength above 0", found: "\(program.lambda)",
        advice: "Give a positive lambda.")
    }
    let watch = Stopwatch()
    // Bounds of single cones are made better for a fifth of the limit beyond it, and not at all for a caller who waits.
    let isOver: @Sendable () -> Bool = {
      limits.isInterrupted() || watch.seconds >= 1.2 * limits.seconds
    }
    let setup = try CopositiveSetup(program)
    var state =
      start.flatMap { $0.state.fits(setup) ? $0.state : nil } ?? State(setup)
    state.iteration = 0
    var (upper, lower) = (
      (point: program.zero, objective: program.objective(at: program.zero)), DualPoint(program)
    )
    if let network {
      let point = try program.point(from: network)
      let objective = program.objective(at: point)
      if objective < upper.objective { upper = (point, objective) }
      let gradient = program.problem.loss.gradient(at: program.predictions(of: point))
      lower = try DualPoint(program, gradient, hints: [], refines: true, isOver)
      state = State(setup, at: point, lower)
    }
    while true {
      let isLast = state.iteration >= limits.iterations
      let interruption = limits.interruption(since: watch)
      if isLast || interruption != nil || state.iteration % max(1, measureInterval) == 0 {
        let found = try state.feasiblePoint(setup)
        if found.objective < upper.objective { upper = found }
        let gap = { (upper.objective - lower.value) / max(upper.objective, 1e-300) }
        let target = max(limits.relativeGap, 0)
        // Multipliers of single cones are refined where those of the iterates have come close.
        let refines = isLast || interruption != nil || gap() < 30 * target
        let dual = try state.dualPoint(setup, refines: refines, isOver)
        if dual.value > lower.value { lower = dual }
        observer(
          TraceRow(
            phase: "copositive", iteration: state.iteration, seconds: watch.seconds,
            objective: upper.objective, lowerBound: lower.value,
            neuronCount: upper.point.blocks.count { $0.elements.contains { $0 != 0 } }))
        let status: SolveStatus? =
          gap() <= target ? .solved : interruption ?? (isLast ? .iterationLimit : nil)
        if let status {
          return Solution(
            point: upper.point, objective: upper.objective, lowerBound: lower.value,
            dual: lower.dual, multipliers: lower.multipliers, iterations: state.iteration,
            status: status, state: state)
        }
      }
      try state.step(setup)
    }
  }
}

/// A feasible dual point with its proof and value.
private struct DualPoint {
  let value: Double
  let dual: Matrix
  let multipliers: [[Double]]

  init(value: Double, dual: Matrix, multipliers: [[Double]]) {
    (self.value, self.dual, self.multipliers) = (value, dual, multipliers)
  }

  /// The best scaling of a gradient, by the proven dual norm.
  init(
    _ program: CopositiveProgram, _ gradient: Matrix, hints: [[Double]], refines: Bool,
    _ isOver: @Sendable () -> Bool
  ) throws {
    let loss = program.problem.loss
    let bound = try program.dualNormBound(
      gradient, hints: hints, target: program.lambda * (1 - 1e-3), refines: refines,
      isStopped: isOver)
    let limit = bound.norm > 0 ? program.lambda / bound.norm * (1 - 1e-15) : .infinity
    let best = bestScaledDual(loss: loss, gradient: gradient, largestScale: limit)
    var dual = gradient
    for e in dual.elements.indices { dual.elements[e] *= best.scale }
    let square = best.scale * best.scale
    self.init(
      value: max(0, best.value * (1 - 1e-14)), dual: dual,
      multipliers: bound.multipliers.map { $0.map { square * $0 } })
  }

  /// The dual point zero.
  init(_ program: CopositiveProgram) {
    value = 0
    dual = Matrix(rows: program.problem.sampleCount, columns: program.problem.outputCount)
    multipliers = program.cones.indices.map { program.facetPairs(of: $0).map { _ in 0 } }
  }
}

/// Iterates: blocks, products of facet pairs and predictions, each with scaled multipliers.
private struct State: Sendable {
  /// Positive semidefinite blocks, in units of the scaled map.
  private var blocks: [Matrix]
  private var blockDuals: [Matrix]
  private var values: [[Double]]
  private var valueDuals: [[Double]]
  private var outputs: Matrix
  private var outputDual: Matrix
  private var penalty: Double
  fileprivate var iteration = 0

  init(_ setup: CopositiveSetup) {
    let program = setup.program
    let s = program.blockOrder
    blocks = program.cones.map { _ in Matrix(rows: s, columns: s) }
    blockDuals = blocks
    values = setup.products.map { [Double](repeating: 0, count: $0.count) }
    valueDuals = values
    outputs = Matrix(rows: program.problem.sampleCount, columns: program.problem.outputCount)
    outputDual = outputs
    penalty = program.problem.loss.smoothness
  }

  /// Iterates at a point and a dual point, which stay where they are if these are optimal.
  init(_ setup: CopositiveSetup, at point: CopositivePoint, _ dual: DualPoint) {
    self.init(setup)
    let (program, unit) = (setup.program, Self.unit(setup))
    outputs = program.predictions(of: point)
    outputDual = dual.dual
    for e in outputDual.elements.indices { outputDual.elements[e] /= penalty }
    let multipliers = dual.multipliers.enumerated().map { b, values in
      setup.turnedMultipliers(of: b, values).map { $0 / unit }
    }
    let slacks = setup.slacks(dual.dual, multipliers)
    for b in blocks.indices {
      blocks[b] = setup.turned(of: b, point.blocks[b])
      blockDuals[b] = slacks[b]
      for e in blocks[b].elements.indices {
        blocks[b].elements[e] *= setup.scale
        blockDuals[b].elements[e] /= -penalty
      }
      values[b] = setup.products[b].values(setup.gram(of: blocks[b])).map { max(0, $0) }
      valueDuals[b] = multipliers[b].map { -$0 / penalty }
    }
  }

  /// Whether the iterates are those of a program of the same shape.
  func fits(_ setup: CopositiveSetup) -> Bool {
    blocks.count == setup.program.cones.count
      && blocks.allSatisfy { $0.rows == setup.program.blockOrder }
      && outputs.rows == setup.program.problem.sampleCount
      && outputs.columns == setup.program.problem.outputCount
      && zip(values, setup.products).allSatisfy { $0.count == $1.count }
  }

  /// One iteration, and now and then a penalty that balances the residuals.
  mutating func step(_ setup: CopositiveSetup) throws {
    iteration += 1
    let relaxation = 1.6
    let program = setup.program
    let targets = zip(blocks, blockDuals).map { setup.difference($0, $1) }
    var goal = outputs
    BLAS.add(-1, outputDual.elements, to: &goal.elements)
    let (weights, predictions) = setup.nearestWeights(to: targets, outputs: goal)
    let count = program.cones.count
    var movement = [(primal: Double, dual: Double)](repeating: (0, 0), count: count)
    var failures = [(any Error)?](repeating: nil, count: count)
    let (penalty, threads) = (penalty, program.problem.threads)
    blocks.withUnsafeMutableBufferPointer { blocks in
      blockDuals.withUnsafeMutableBufferPointer { blockDuals in
        values.withUnsafeMutableBufferPointer { values in
          valueDuals.withUnsafeMutableBufferPointer { valueDuals in
            movement.withUnsafeMutableBufferPointer { movement in
              failures.withUnsafeMutableBufferPointer { failures in
                nonisolated(unsafe) let (blocks, blockDuals) = (blocks, blockDuals)
                nonisolated(unsafe) let (values, valueDuals) = (values, valueDuals)
                nonisolated(unsafe) let (movement, failures) = (movement, failures)
                Parallel.forEachChunk(of: count, chunk: 8, threads: threads) { _, range in
                  for b in range {
                    let free = setup.nearestBlock(
                      b, to: targets[b], weights: weights,
                      values: zip(values[b], valueDuals[b]).map { $0 - $1 }, penalty: penalty)
                    let products = setup.products[b].values(setup.gram(of: free))
                    do {
                      movement[b] = try Self.advance(
                        &blocks[b], &blockDuals[b], to: free, relaxation)
                    } catch { failures[b] = error }
                    for p in products.indices {
                      let mixed =
                        relaxation * products[p] + (1 - relaxation) * values[b][p]
                      let sum = mixed + valueDuals[b][p]
                      values[b][p] = max(0, sum)
                      valueDuals[b][p] = sum - values[b][p]
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
    if let failure = failures.compactMap({ $0 }).first { throw failure }
    let old = outputs
    var mixed = outputs
    for e in mixed.elements.indices {
      mixed.elements[e] =
        relaxation * predictions.elements[e] + (1 - relaxation) * old.elements[e]
    }
    BLAS.add(1, outputDual.elements, to: &mixed.elements)
    outputs = program.problem.loss.proximalPoint(of: mixed, penalty: penalty, from: outputs)
    outputDual = setup.difference(mixed, outputs)
    if iteration % 20 == 0, iteration < 4000 {
      balance(
        primal: movement.reduce(0) { $0 + $1.primal }
          + Self.square(setup.difference(predictions, outputs)),
        dual: movement.reduce(0) { $0 + $1.dual } + Self.square(setup.difference(old, outputs)))
    }
  }

  /// Projects one block; returns the squares of its residuals.
  private static func advance(
    _ block: inout Matrix, _ dual: inout Matrix, to free: Matrix, _ relaxation: Double
  ) throws -> (primal: Double, dual: Double) {
    var sum = dual
    for e in sum.elements.indices {
      sum.elements[e] +=
        relaxation * free.elements[e] + (1 - relaxation) * block.elements[e]
    }
    let (eigenvalues, vectors) = try LAPACK.symmetricEigen(sum)
    let projected = SymmetricProducts.assembled(eigenvalues.map { max(0, $0) }, vectors)
    var (primal, change) = (0.0, 0.0)
    for e in sum.elements.indices {
      let (gap, move) = (
        free.elements[e] - projected.elements[e], projected.elements[e] - block.elements[e]
      )
      primal += gap * gap
      change += move * move
      dual.elements[e] = sum.elements[e] - projected.elements[e]
    }
    block = projected
    return (primal, change)
  }

  private static func square(_ matrix: Matrix) -> Double {
    BLAS.dot(matrix.elements, matrix.elements)
  }

  /// Residuals relative to what they are residuals of, as in Wohlberg 2017.
  private mutating func balance(primal: Double, dual: Double) {
    let point = blocks.reduce(Self.square(outputs)) { $0 + Self.square($1) }
    let multipliers = blockDuals.reduce(Self.square(outputDual)) { $0 + Self.square($1) }
    guard point > 0, multipliers > 0 else { return }
    let ratio = ((primal / point) / max(dual / multipliers, 1e-300)).squareRoot()
    let factor: Double = ratio > 3 ? 1.5 : ratio < 1.0 / 3 ? 1 / 1.5 : 1
    guard factor != 1 else { return }
    penalty *= factor
    for b in blocks.indices {
      for e in blockDuals[b].elements.indices { blockDuals[b].elements[e] /= factor }
      for p in valueDuals[b].indices { valueDuals[b][p] /= factor }
    }
    for e in outputDual.elements.indices { outputDual.elements[e] /= factor }
  }

  /// The best scaling of the gradient as a dual point, by proven norms.
  func dualPoint(
    _ setup: CopositiveSetup, refines: Bool, _ isOver: @Sendable () -> Bool
  ) throws -> DualPoint {
    let program = setup.program
    let gradient = program.problem.loss.gradient(at: outputs)
    // Multipliers of the scaled program are those of `lambda^2 I - T'T` over `2 lambda` and the scale.
    let unit = Self.unit(setup) * penalty
    let hints = valueDuals.enumerated().map { b, duals in
      setup.multipliers(of: b, duals.map { max(0, -unit * $0) })
    }
    return try DualPoint(program, gradient, hints: hints, refines: refines, isOver)
  }

  private static func unit(_ setup: CopositiveSetup) -> Double {
    2 * setup.program.lambda * setup.scale
  }

  /// The blocks moved inside their cones and balanced, with their objective.
  func feasiblePoint(
    _ setup: CopositiveSetup
  ) throws -> (point: CopositivePoint, objective: Double) {
    let program = setup.program
    let h = program.patchDimension
    var point = program.zero
    for (b, block) in blocks.enumerated() {
      let shift = setup.shift(of: b, setup.gram(of: block))
      guard let shift, block.elements.contains(where: { $0 != 0 }) else { continue }
      var moved = setup.filters(of: b, block)
      if let inside = program.interiors[b], shift > 0 {
        for e in 0..<h {
          for f in 0..<h { moved[e, f] += shift * inside[e] * inside[f] }
        }
      }
      let filters = (0..<h).reduce(0) { $0 + moved[$1, $1] }
      let outputs = (h..<moved.rows).reduce(0) { $0 + moved[$1, $1] }
      guard filters > 0, outputs > 0 else { continue }
      // U and V are scaled against each other until their traces agree.
      let ratio = (outputs / filters).squareRoot()
      for e in 0..<moved.rows {
        for f in 0..<moved.rows {
          let factor = e < h ? (f < h ? ratio : 1) : (f < h ? 1 : 1 / ratio)
          moved[e, f] *= factor / setup.scale
        }
      }
      point.blocks[b] = moved
    }
    return (point, program.objective(at: point))
  }
}
