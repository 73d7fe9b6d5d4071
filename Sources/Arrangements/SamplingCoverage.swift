import Tensors

/// How much of an arrangement a random sample of cells has seen.
///
/// Draws are independent and identically distributed, and a cell is drawn with a probability that is
/// its own. The share of probability seen differs from the share of cells seen: random directions
/// find large cells, and most cells are small.
public struct SamplingCoverage: Sendable, Equatable {
  /// Number of draws.
  public let drawCount: Int
  /// Number of different cells drawn.
  public let distinctCount: Int
  /// Number of cells drawn exactly once.
  public let singletonCount: Int
  /// Number of cells drawn exactly twice.
  public let doubletonCount: Int

  /// The coverage of a sequence of drawn patterns, repeats included.
  ///
  /// - Parameter patterns: One pattern for each draw.
  public init(patterns: [ActivationPattern]) {
    var counts: [ActivationPattern: Int] = [:]
    for pattern in patterns { counts[pattern, default: 0] += 1 }
    self.init(counts: counts.values)
  }

  /// The coverage of draws, from how often each cell was drawn.
  init(counts: some Collection<Int>) {
    drawCount = counts.reduce(0, +)
    distinctCount = counts.count
    singletonCount = counts.count { $0 == 1 }
    doubletonCount = counts.count { $0 == 2 }
  }

  /// Good-Turing estimate of the probability that the next draw repeats a cell, `1 - f_1 / n`.
  ///
  /// Zero without draws.
  ///
  /// - Accuracy: The bias is at most `1 / n`; the standard error is about
  ///   `sqrt(f_1 + 2 f_2) / n`.
  /// - Source: Good, *The Population Frequencies of Species and the Estimation of Population
  ///   Parameters*, Biometrika 1953.
  public var coveredProbability: Double {
    drawCount == 0 ? 0 : 1 - Double(singletonCount) / Double(drawCount)
  }

  /// Estimate of a lower bound on the number of cells, `S + f_1 (f_1 - 1) / (2 (f_2 + 1))`.
  ///
  /// - Source: Chao, *Nonparametric Estimation of the Number of Classes in a Population*,
  ///   Scandinavian Journal of Statistics 1984 (the form corrected for bias).
  public var estimatedCellCount: Double {
    let singletons = Double(singletonCount)
    return Double(distinctCount) + singletons * max(0, singletons - 1)
      / (2 * Double(doubletonCount + 1))
  }

  /// The share of cells that were drawn.
  ///
  /// - Parameter cellCount: Number of cells that could be drawn, known from counting.
  /// - Returns: `distinctCount / cellCount`.
  /// - Precondition: `cellCount > 0`.
  public func coveredFraction(of cellCount: UInt128) -> Double {
    precondition(cellCount > 0, "coveredFraction: expected a positive number of cells")
    return Double(distinctCount) / Double(cellCount)
  }
}

extension CentralArrangement {
  /// How much of the arrangement uniform random directions see, opposite cells counted as one.
  ///
  /// A direction closer to a hyperplane than `certifiedMargin` is drawn again.
  ///
  /// - Parameters:
  ///   - drawCount: Number of directions.
  ///   - seed: Seed of the directions.
  /// - Returns: The coverage of the pairs of opposite cells, to be compared with
  ///   `CharacteristicPolynomial.halfCellCount`.
  /// - Precondition: `drawCount >= 0`.
  /// - Complexity: O(`drawCount * lines * patchDimension`) time, O(`drawCount * lines / 64`) memory.
  public func directionCoverage(drawCount: Int, seed: UInt64) -> SamplingCoverage {
    precondition(drawCount >= 0, "directionCoverage: found a count of \(drawCount)")
    var generator = SeededGenerator(seed: seed)
    var patterns: [ActivationPattern] = []
    while patterns.count < drawCount {
      let pattern = unitDirectionPattern(&generator)
      if let pattern { patterns.append(pattern.withFirstActive) }
    }
    return SamplingCoverage(patterns: patterns)
  }

  /// The pattern of a random direction, or `nil` when it lies too close to a hyperplane.
  private func unitDirectionPattern(_ generator: inout SeededGenerator) -> ActivationPattern? {
    let u = (0..<patchDimension).map { _ in generator.normal() }
    let length = BLAS.norm(u)
    guard length > 0 else { return nil }
    let products = BLAS.product(
      essential.rows, .plain, Matrix(rows: u.count, columns: 1, elements: u)
    ).elements
    let threshold = certifiedMargin * length
    var bits = [UInt64](repeating: 0, count: (products.count + 63) / 64)
    for r in products.indices {
      guard abs(products[r]) * inverseNorms[r] > threshold else { return nil }
      if products[r] > 0 { bits[r >> 6] |= 1 << UInt64(r & 63) }
    }
    return ActivationPattern(bits: bits, count: products.count)
  }
}
