public import ConvexPrograms
public import Tensors

/// Alternating direction method of multipliers for the circular ReLU program, with a proven lower bound.
///
/// Copies `s = v` carry the spectral norm and `t = (2 D - I) X v >= 0` the cones; `v` solves one linear system whose matrix
/// is factorised once. From the residuals `r` of the loss and the multipliers `mu >= 0` of the cones, every `s r` is
/// feasible in the dual where `dualNorm(A' r + G' mu) <= lambda`, so it bounds the optimum from below. Points leave the cones
/// by what is left of the residual; the network that is returned does not, since ReLU is applied to every sample anew.
///
/// - Complexity: O(`B^3 d^3`) once for `B` blocks of `d` pixels, O(`B^2 d^2`) per iteration: for small data.
/// - Source: Boyd et al., *Distributed Optimization and Statistical Learning via the Alternating Direction Method of
///   Multipliers*, 2011.
public struct CircularReLUSolver: Sendable {
  /// Largest number of unknowns, blocks times pixels.
  public static let maximumOrder = 4096

  /// What a solve returns.
  public struct Solution: Sendable {
    /// Combined filters `u * w` of each neuron, `[m, d]`.
    public let filters: Matrix
    /// Signs of the output weights, length `m`.
    public let outputSigns: [Double]
    /// Objective of the network of these filters, recomputed with ReLU: an upper bound of the optimum.
    public let objective: Double
    /// Lower bound of the optimum, in double precision without a margin for rounding.
    public let lowerBound: Double
    /// What proves that bound, for a verifier.
    public let evidence: CircularReLUDual
    /// Iterations taken.
    public let iterations: Int
    /// How the solve ended.
    public let status: SolveStatus
    /// `(objective - lowerBound) / objective`.
    public var relativeGap: Double {
      objective > lowerBound ? (objective - lowerBound) / objective : 0
    }
  }

  /// A solver.
  public init() {}

  /// Minimizes the program.
  ///
  /// - Parameters:
  ///   - program: The program.
  ///   - limits: Gap to reach and limits.
  /// - Returns: The network of lowest objective, and the best bound.
  /// - Throws: `ProgramError` when the program has too many unknowns, `LAPACK.Failure` when its matrix is not
  ///   factorised.
  public func solve(
    _ program: CircularReLUProgram, limits: SolveLimits = SolveLimits()
  ) throws -> Solution {
    let order = program.blockCount * program.samples.columns
    guard order <= Self.maximumOrder else {
      throw ProgramError(
        place: "circular ReLU solver", expected: "at most \(Self.maximumOrder) unknowns",
        found: "\(order)", advice: "Use fewer samples or smaller images.")
    }
    let watch = Stopwatch()
    var state = try State(program)
    var best: Solution?
    while true {
      let isLast = state.iteration >= limits.iterations
      let interruption = limits.interruption(since: watch)
      if isLast || interruption != nil || state.iteration % 50 == 0 {
        let measured = state.measure(program, after: best)
        if measured.objective <= best?.objective ?? .infinity { best = measured }
        let current = best ?? measured
        let gap = (current.objective - measured.lowerBound) / current.objective
        let isDone = !(gap > limits.relativeGap)
        if isDone || isLast || interruption != nil {
          return Solution(
            filters: current.filters, outputSigns: current.outputSigns,
            objective: current.objective, lowerBound: measured.lowerBound,
            evidence: measured.evidence, iterations: state.iteration,
            status: isDone ? .solved : interruption ?? .iterationLimit)
        }
        best = Solution(
          filters: current.filters, outputSigns: current.outputSigns,
          objective: current.objective, lowerBound: measured.lowerBound,
          evidence: measured.evidence, iterations: state.iteration, status: .iterationLimit)
      }
      state.step(program)
    }
  }

  private struct State {
    /// Inverse of `A'A / (n rho) + I + G'G`, shape `[B d, B d]`.
    private let inverse: Matrix
    private let target: Matrix
    private let rho: Double
    private var v: Matrix
    private var s: Matrix
    private var t: Matrix
    private var spectralMultipliers: Matrix
    private var coneMultipliers: Matrix
    private(set) var iteration = 0

    init(_ program: CircularReLUProgram) throws {
      let (blocks, d, n) = (program.blockCount, program.samples.columns, program.samples.rows)
      let zero = Matrix(rows: blocks, columns: d)
      rho = program.loss.smoothness
      (v, s, spectralMultipliers) = (zero, zero, zero)
      t = Matrix(rows: blocks, columns: n)
      coneMultipliers = t
      target = program.adjoint(program.loss.targets.elements)
      // Columns of A, one per coordinate of a block, and G'G, which is X'X in every block.
      var system = Matrix.identity(blocks * d)
      let gram = BLAS.product(program.samples, .transposed, program.samples, .plain)
      for b in 0..<blocks {
        for c in 0..<blocks {
          let sign = program.outputSigns[b] * program.outputSigns[c]
          for e in 0..<d {
            for g in 0..<d {
              var sum = 0.0
              for i in 0..<n where program.signs[b, i] > 0 && program.signs[c, i] > 0 {
                sum += program.samples[i, e] * program.samples[i, g]
              }
              system[b * d + e, c * d + g] += sign * sum + (b == c ? gram[e, g] : 0)
            }
          }
        }
      }
      inverse = try LAPACK.solvePositiveDefinite(system, .identity(blocks * d))
    }

    mutating func step(_ program: CircularReLUProgram) {
      iteration += 1
      // With rho = 1/n the system above is that of the loss and both copies.
      var right = target
      var copies = s
      BLAS.add(-1, spectralMultipliers.elements, to: &copies.elements)
      BLAS.add(1, copies.elements, to: &right.elements)
      var cones = t
      BLAS.add(-1, coneMultipliers.elements, to: &cones.elements)
      BLAS.add(1, program.coneAdjoint(cones).elements, to: &right.elements)
      let column = Matrix(rows: right.elements.count, columns: 1, elements: right.elements)
      v.elements = BLAS.product(inverse, .plain, column).elements
      s = v
      BLAS.add(1, spectralMultipliers.elements, to: &s.elements)
      spectralMultipliers = s
      program.shrink(&s, step: program.lambda / rho)
      BLAS.add(-1, s.elements, to: &spectralMultipliers.elements)
      let responses = program.coneResponses(of: v)
      for e in t.elements.indices {
        let value = responses.elements[e] + coneMultipliers.elements[e]
        t.elements[e] = max(0, value)
        coneMultipliers.elements[e] = min(0, value)
      }
    }

    /// The network of the point, and the better of its bound and an earlier one.
    func measure(_ program: CircularReLUProgram, after earlier: Solution?) -> Solution {
      // Blocks without weight are no neurons.
      let norms = program.norms(of: s)
      let floor = 1e-12 * (norms.max() ?? 0)
      let kept = norms.indices.filter { norms[$0] > floor }
      let filters = s.selectingRows(kept)
      let signs = kept.map { program.outputSigns[$0] }
      let responses = BLAS.product(filters, .plain, program.samples, .transposed)
      let predictions = (0..<program.samples.rows).map { i in
        signs.indices.reduce(0) { $0 + signs[$1] * max(0, responses[$1, i]) }
      }
      let (loss, gradient) = program.loss.valueAndGradient(
        at: Matrix(rows: predictions.count, columns: 1, elements: predictions))
      let penalty = kept.reduce(0) { $0 + norms[$1] }
      var slope = program.adjoint(gradient.elements)
      // The multipliers of t >= 0 are -rho times the scaled ones, which are at most 0.
      BLAS.add(rho, program.coneAdjoint(coneMultipliers).elements, to: &slope.elements)
      let norm = program.dualNorms(of: slope).max() ?? 0
      let value = bestScaledDual(
        loss: program.loss, gradient: gradient,
        largestScale: norm > 0 ? program.lambda / norm : .infinity
      ).value
      var multipliers = coneMultipliers
      for e in multipliers.elements.indices { multipliers.elements[e] *= -rho }
      let evidence = CircularReLUDual(
        point: gradient.elements, signs: program.signs, outputSigns: program.outputSigns,
        multipliers: multipliers)
      let isBetter = value > earlier?.lowerBound ?? -.infinity
      return Solution(
        filters: filters, outputSigns: signs, objective: loss + program.lambda * penalty,
        lowerBound: max(0, earlier?.lowerBound ?? 0, value),
        evidence: isBetter ? evidence : earlier?.evidence ?? evidence, iterations: iteration,
        status: .iterationLimit)
    }
  }
}

extension CircularReLUProgram {
  /// `(2 D_b - I) X v_b` for every block, shape `[blocks, n]`.
  fileprivate func coneResponses(of point: Matrix) -> Matrix {
    var result = BLAS.product(point, .plain, samples, .transposed)
    for e in result.elements.indices { result.elements[e] *= signs.elements[e] }
    return result
  }

  /// The adjoint of `coneResponses(of:)`, shape `[blocks, d]`.
  fileprivate func coneAdjoint(_ responses: Matrix) -> Matrix {
    var signed = responses
    for e in signed.elements.indices { signed.elements[e] *= signs.elements[e] }
    return BLAS.product(signed, .plain, samples)
  }
}
