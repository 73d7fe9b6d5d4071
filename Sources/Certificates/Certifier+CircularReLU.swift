import Arrangements
public import ConvexPrograms
import Tensors

/// What is proven about a network of three layers with one ReLU, over all cells of the samples.
public struct CircularReLUCertificate: Sendable, Equatable {
  /// `(1/n) sum_i loss + (lambda/2) sum_j (|w_j|^2 + a_j^2)` of the network, recomputed through its layers.
  public let objective: Double
  /// Proven lower bound on that of every network of the architecture, of any width, at least 0.
  public let lowerBound: Double
  /// Number of cells that the bound was checked over: all there are.
  public let cellCount: Int
  /// `(objective - lowerBound) / objective`, not negative.
  public var relativeGap: Double {
    objective > lowerBound ? (objective - lowerBound) / objective : 0
  }
}

extension Certifier {
  /// Measures a circular network of three layers with one ReLU against the best of its class.
  ///
  /// Evidence is not trusted: the cells are enumerated here, blocks that it leaves out have multipliers of zero, and the dual
  /// norms are those of `CircularDualNorm`, whose rounding margin also covers the sum of dual point and multiplier of a
  /// sample. Whatever the evidence, the bound holds; only with good evidence it is close.
  ///
  /// - Parameters:
  ///   - network: The network, with filters of length one; shorter ones have the same neurons at a higher cost.
  ///   - evidence: A dual point, and multipliers of some or all blocks.
  ///   - maximumCells: Most cells, both of each pair.
  /// - Returns: Objective and lower bound.
  /// - Throws: `CertificateError` when data, network or evidence do not go together, a filter is longer than one or a multiplier
  ///   negative; `ArrangementError` when there may be too many cells.
  /// - Complexity: O(`P (n d + d (height + width))` for `P` cells, and O(`m d^2`).
  public func certify(
    _ network: CircularReLUNetwork, evidence: CircularReLUDual, maximumCells: Int = 2000
  ) throws -> CircularReLUCertificate {
    let n = loss.sampleCount
    let rows = try samples(of: network)
    try check(network, evidence)
    let predictions = network.forward(rows)
    let value = loss.value(at: Matrix(rows: n, columns: 1, elements: predictions))
    let weights = network.positionWeights.elements + network.outputWeights
    let objective = value + 0.5 * lambda * weights.reduce(0) { $0 + $1 * $1 }
    guard objective.isFinite else {
      throw CertificateError(
        place: "objective", expected: "a finite number", found: "\(objective)",
        advice: "The weights are too large for this data.")
    }
    let largest = evidence.point.reduce(0) { max($0, abs($1)) }
    let cells = try allSigns(rows, maximumCells)
    guard largest > 0, lambda > 0 else {
      return CircularReLUCertificate(objective: objective, lowerBound: 0, cellCount: cells.count)
    }
    let size = Double(sign: .plus, exponent: Int(largest.exponent), significand: 1)
    let multipliers = Dictionary(
      (0..<evidence.signs.rows).map {
        (
          Block(signs: Array(evidence.signs.row($0)), outputSign: evidence.outputSigns[$0]),
          Array(evidence.multipliers.row($0))
        )
      }, uniquingKeysWith: { first, _ in first })
    let shape = CircularImages(height: network.height, width: network.width)
    var norm = 0.0
    for signs in cells {
      for outputSign in [1.0, -1] {
        let mu = multipliers[Block(signs: signs, outputSign: outputSign)]
        let weights = (0..<n).map { i in
          (signs[i] > 0 ? outputSign * evidence.point[i] / size : 0)
            - signs[i] * ((mu?[i] ?? 0) / size)
        }
        let bound = try CircularDualNorm.upperBound(
          rows, shape: shape, dual: Matrix(rows: n, columns: 1, elements: weights))
        norm = bound.isNaN ? .infinity : max(norm, bound)
      }
    }
    let limit = norm > 0 ? lambda / (norm * size) * (1 - 1e-12) : .infinity
    let point = Matrix(rows: n, columns: 1, elements: evidence.point)
    return CircularReLUCertificate(
      objective: objective,
      lowerBound: DualScale.best(loss: loss, gradient: point, limit: limit).lowerBound,
      cellCount: cells.count)
  }

  /// A cell and the sign of the output weights of its neurons.
  private struct Block: Hashable {
    let signs: [Double]
    let outputSign: Double
  }

  /// Signs of the samples in every cell.
  private func allSigns(_ rows: Matrix, _ maximumCells: Int) throws -> [[Double]] {
    let arrangement = try CentralArrangement(normals: rows)
    let isZero = (0..<rows.rows).map { rows.row($0).allSatisfy { $0 == 0 } }
    return try CellEnumeration(arrangement, maximumCells: UInt64(maximumCells)).cells.flatMap {
      [$0, $0.complement].map { pattern in
        let active = arrangement.essential.expand(pattern)
        return (0..<rows.rows).map { isZero[$0] ? 0 : active[$0] ? 1 : -1 }
      }
    }
  }

  private func samples(of network: CircularReLUNetwork) throws -> Matrix {
    try checkData()
    let expected = [loss.sampleCount, 1, network.height, network.width]
    guard images.shape == expected, loss.outputCount == 1 else {
      throw CertificateError(
        place: "images", expected: "shape \(expected) and one output",
        found: "\(images.shape) and \(loss.outputCount)",
        advice: "Use the images the network was made for.")
    }
    let largest = images.elements.reduce(0) { max($0, abs($1)) }
    guard 1e-100...1e100 ~= largest else {
      throw CertificateError(
        place: "images", expected: "a largest magnitude in 1e-100...1e100", found: "\(largest)",
        advice: "Scale the images to moderate units.")
    }
    return Matrix(
      rows: expected[0], columns: network.height * network.width, elements: images.elements)
  }

  private func check(_ network: CircularReLUNetwork, _ evidence: CircularReLUDual) throws {
    let n = loss.sampleCount
    let shape = (evidence.signs.rows, n)
    guard evidence.point.count == n, evidence.outputSigns.count == shape.0,
      (evidence.signs.rows, evidence.signs.columns) == shape,
      (evidence.multipliers.rows, evidence.multipliers.columns) == shape
    else {
      throw CertificateError(
        place: "evidence",
        expected: "a number per sample, and a sign and a multiplier per block and sample",
        found: "\(evidence.point.count) numbers and \(evidence.multipliers.rows) blocks",
        advice: "Use the evidence of this data.")
    }
    let all = evidence.point + evidence.multipliers.elements
    guard all.allSatisfy(\.isFinite), evidence.multipliers.elements.allSatisfy({ $0 >= 0 }) else {
      throw CertificateError(
        place: "evidence", expected: "finite numbers and no negative multiplier",
        found: "\(evidence.multipliers.elements.min() ?? 0) as the least multiplier",
        advice: "The evidence is damaged; solve the program again.")
    }
    for j in 0..<network.neuronCount {
      let square = network.filters.row(j).reduce(0) { $0 + $1 * $1 }
      guard square <= 1 + 1e-12 else {
        throw CertificateError(
          place: "filter \(j)", expected: "a length of at most 1",
          found: "\(square.squareRoot())",
          advice: "Lengths of filters are not penalized; move them to the weights of positions.")
      }
    }
  }
}

extension CircularReLUNetwork {
  /// Predictions, layer by layer, by loops of the certifier's own.
  fileprivate func forward(_ rows: Matrix) -> [Double] {
    let d = height * width
    var result = [Double](repeating: 0, count: rows.rows)
    for j in 0..<neuronCount {
      var combined = [Double](repeating: 0, count: d)
      for (k, t) in (0..<d * d).map({ $0.quotientAndRemainder(dividingBy: d) }) {
        let pixel = (k / width + t / width) % height * width + (k % width + t % width) % width
        combined[pixel] += positionWeights[j, k] * filters[j, t]
      }
      for i in result.indices {
        let response = zip(rows.row(i), combined).reduce(0) { $0 + $1.0 * $1.1 }
        result[i] += outputWeights[j] * max(0, response)
      }
    }
    return result
  }
}
