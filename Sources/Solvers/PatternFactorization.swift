public import Arrangements
public import ConvexPrograms
import Convolutions
public import Tensors

/// The neurons of a ReLU network with one activation pattern, as a semi-nonnegative matrix factorisation.
///
/// With `V = sum_j u_j vec(W_j)'` over these neurons, `D X V = sum_j (X u_j)_+ vec(W_j)'`: a factor `D X U'` without
/// negative entries times a free one. The whole network is a sum of such factorisations, one per pattern.
///
/// - Source: Sahiner, Ergen, Pauly & Pilanci, *Vector-output ReLU Neural Network Problems are Copositive Programs*, ICLR
///   2021 (training as semi-NMF); Ding, Li & Jordan, *Convex and Semi-Nonnegative Matrix Factorizations*, 2010.
public struct PatternFactorization: Sendable, Equatable {
  /// Which rows of the stacked patches `[n K, h]` are active.
  ///
  /// A patch orthogonal to a filter counts as active together
  /// with the patches on the same side of its hyperplane, so opposite patches are never both active.
  public let pattern: ActivationPattern
  /// Filters `U`, shape `[r, h]`.
  public var filters: Matrix
  /// Output weights, shape `[r, a c]`: row `j` is `W_j`, window after window.
  public var weights: Matrix

  /// `V = U' G` of shape `[h, a c]`; its rank is at most `r`.
  public var product: Matrix { BLAS.product(filters, .transposed, weights, .plain) }

  /// The left factor `D X U'`, shape `[n K, r]`, which has no negative entry up to rounding.
  ///
  /// - Parameter patches: Stacked patches `X` of shape `[n K, h]`.
  /// - Returns: The responses of the filters, zero on inactive rows.
  /// - Precondition: There are as many patches as the pattern has rows.
  public func leftFactor(_ patches: Matrix) -> Matrix {
    precondition(
      patches.rows == pattern.count,
      "leftFactor: \(patches.rows) patches, pattern of \(pattern.count)")
    var result = BLAS.product(patches, .plain, filters, .transposed)
    for row in 0..<result.rows where !pattern[row] {
      for j in 0..<result.columns { result[row, j] = 0 }
    }
    return result
  }

  /// The factorisations of a network, one per pattern, in the order of their first neurons.
  ///
  /// - Parameters:
  ///   - network: A ReLU network with the problem's architecture.
  ///   - problem: Data and architecture, with linear pooling.
  /// - Returns: One factorisation per pattern.
  /// - Throws: `ProgramError` when the network is no ReLU network of the architecture, or pools maxima.
  /// - Complexity: O(`n K h m`).
  public static func factorizations(
    of network: Network, on problem: TrainingProblem
  ) throws -> [PatternFactorization] {
    try PatternGroups(network, problem).factorizations
  }

  /// The network of some factorisations: their neurons one after the other, balanced, without output bias.
  ///
  /// - Throws: `ProgramError` when shapes do not fit the problem.
  public static func network(
    of parts: [PatternFactorization], for problem: TrainingProblem
  ) throws -> Network {
    let (h, size) = (
      problem.geometry.patchDimension, problem.windowCount * problem.outputCount
    )
    let count = parts.reduce(0) { $0 + $1.filters.rows }
    guard parts.allSatisfy({ $0.filters.columns == h && $0.weights.columns == size }) else {
      throw ProgramError(
        place: "pattern factorisations", expected: "filters of \(h) and weights of \(size) entries",
        found: parts.map { "\($0.filters.columns) and \($0.weights.columns)" }
          .joined(separator: ", "), advice: "Use factorisations of the same architecture.")
    }
    return try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: .relu,
      filters: Matrix(rows: count, columns: h, elements: parts.flatMap(\.filters.elements)),
      outputWeights: Matrix(
        rows: count * problem.windowCount, columns: problem.outputCount,
        elements: parts.flatMap(\.weights.elements))
    ).balanced()
  }
}

/// The neurons of a network by activation pattern, with what is linear on each pattern.
struct PatternGroups {
  /// One per pattern.
  let factorizations: [PatternFactorization]
  /// Cone of each pattern, by one normal per line of patches.
  let cones: [ActivationCone]
  /// Features `[n, P a h]`: column `(b a + q) h + e` is coordinate `e` of the pooled active patches of pattern `b`.
  let features: Matrix

  init(_ network: Network, _ problem: TrainingProblem) throws {
    guard network.activation == .relu, problem.activation == .relu,
      network.geometry == problem.geometry, network.pooling == problem.pooling,
      problem.poolingMap.isLinear
    else {
      throw ProgramError(
        place: "pattern factorisation",
        expected: "a ReLU network of the problem's architecture with linear pooling",
        found: "\(network.activation.rawValue), pooling \(network.pooling)",
        advice: "Use average, sum or no pooling.")
    }
    let lines = PatchLines(problem)
    let (h, size) = (problem.geometry.patchDimension, problem.windowCount * problem.outputCount)
    let responses = BLAS.product(lines.normals, .plain, network.filters, .transposed)
    var groups: [[Bool]: [Int]] = [:]
    var order: [[Bool]] = []
    for j in 0..<network.neuronCount {
      let sides = (0..<lines.count).map { responses[$0, j] >= 0 }
      if groups[sides] == nil { order.append(sides) }
      groups[sides, default: []].append(j)
    }
    factorizations = order.map { sides in
      let neurons = groups[sides] ?? []
      return PatternFactorization(
        pattern: Self.pattern(sides, lines), filters: network.filters.selectingRows(neurons),
        weights: Matrix(
          rows: neurons.count, columns: size,
          elements: neurons.flatMap { j in
            network.outputWeights.elements[j * size..<(j + 1) * size]
          }))
    }
    cones = order.map { sides in
      var normals = lines.normals
      for (l, isActive) in sides.enumerated() where !isActive {
        for e in 0..<h { normals[l, e] *= -1 }
      }
      return ActivationCone(normals: normals)
    }
    features = Self.features(factorizations.map(\.pattern), lines.patches, problem)
  }

  private static func pattern(_ sides: [Bool], _ lines: PatchLines) -> ActivationPattern {
    var bits = [UInt64](repeating: 0, count: (lines.lineOfRow.count + 63) / 64)
    for (row, line) in lines.lineOfRow.enumerated() {
      // A patch that is zero is active and adds nothing.
      let isActive = line < 0 || (lines.signOfRow[row] > 0) == sides[line]
      if isActive { bits[row >> 6] |= 1 << UInt64(row & 63) }
    }
    return ActivationPattern(bits: bits, count: lines.lineOfRow.count)
  }

  private static func features(
    _ patterns: [ActivationPattern], _ patches: Matrix, _ problem: TrainingProblem
  ) -> Matrix {
    let (h, a, count) = (
      problem.geometry.patchDimension, problem.windowCount, problem.geometry.patchesPerSample
    )
    var result = Matrix(rows: problem.sampleCount, columns: patterns.count * a * h)
    for (b, pattern) in patterns.enumerated() {
      for row in 0..<patches.rows where pattern[row] {
        let (i, k) = (row / count, row % count)
        let (weight, window) = (problem.poolingMap.weights[k], problem.poolingMap.windows[k])
        for e in 0..<h { result[i, (b * a + window) * h + e] += weight * patches[row, e] }
      }
    }
    return result
  }
}
