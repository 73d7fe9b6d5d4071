public import ConvexPrograms
import Tensors

/// The pairing of the neurons of two networks that makes the largest difference of a parameter smallest.
///
/// `min over permutations of max over pairs of |(u_j, W_j) - (u'_l, W'_l)|_inf`, where the network with fewer neurons gets
/// neurons of zeros. A bottleneck assignment: the smallest threshold at which the pairs below it have a perfect matching,
/// by bisection over the distances and augmenting paths.
public struct NeuronMatching: Sendable, Equatable {
  /// The largest difference of a parameter, after the best pairing.
  public let distance: Double
  /// For each neuron of the first network its partner in the second; nil for a neuron of zeros.
  public let partners: [Int?]

  /// Largest number of neurons of a network.
  public static let neuronLimit = 4_000

  /// Pairs the neurons of two networks.
  ///
  /// - Parameters:
  ///   - network: A network.
  ///   - other: A network of the same geometry, pooling, activation and number of outputs.
  /// - Throws: `CertificateError` when the networks are of different kinds or have more than 4000 neurons.
  /// - Complexity: O(`m^2 (h + a c) + m^3 log m`) at worst for `m` neurons in both.
  /// - Accuracy: Exact, as tested against all permutations (`NeuronMatchingTests`).
  public init(_ network: Network, _ other: Network) throws {
    try EvenOddForm.requireSameKind(network, other)
    let (m, l) = (network.neuronCount, other.neuronCount)
    guard max(m, l) <= Self.neuronLimit else {
      throw CertificateError(
        place: "matching of neurons", expected: "at most \(Self.neuronLimit) neurons",
        found: "\(max(m, l))", advice: "Canonicalize or prune the networks first.")
    }
    let (first, second) = (Self.parameters(network), Self.parameters(other))
    let width = max(first.columns, second.columns)
    let count = max(m, l)
    var costs = [Double](repeating: 0, count: count * count)
    for j in 0..<count {
      for i in 0..<count {
        var cost = 0.0
        for e in 0..<width {
          cost = max(cost, abs((j < m ? first[j, e] : 0) - (i < l ? second[i, e] : 0)))
        }
        costs[j * count + i] = cost
      }
    }
    let best = BottleneckAssignment(costs: costs, count: count)
    distance = best.threshold
    partners = (0..<m).map { best.columns[$0] < l ? best.columns[$0] : nil }
  }

  /// Filters and output weights side by side, `[m, h + a c]`.
  private static func parameters(_ network: Network) -> Matrix {
    let size = network.windowCount * network.outputCount
    var elements: [Double] = []
    for j in 0..<network.neuronCount {
      elements += network.filters.row(j)
      elements += network.outputWeights.elements[j * size..<(j + 1) * size]
    }
    return Matrix(
      rows: network.neuronCount,
      columns: network.neuronCount == 0 ? 0 : network.filters.columns + size,
      elements: elements)
  }
}

/// The permutation whose largest cost is smallest.
struct BottleneckAssignment {
  /// The largest cost of the permutation.
  let threshold: Double
  /// Column of each row.
  let columns: [Int]

  /// Solves the assignment of a square table of costs, row after row.
  init(costs: [Double], count: Int) {
    let values = Set(costs).sorted()
    var (low, high) = (0, values.count - 1)
    var best = values.last.flatMap { Self.matching(costs, count, $0) } ?? []
    while low < high {
      let middle = (low + high) / 2
      if let found = Self.matching(costs, count, values[middle]) {
        (best, high) = (found, middle)
      } else {
        low = middle + 1
      }
    }
    columns = best
    threshold = values.isEmpty ? 0 : values[high]
  }

  /// A perfect matching of pairs up to a cost; nil where there is none.
  private static func matching(_ costs: [Double], _ count: Int, _ limit: Double) -> [Int]? {
    var rowOf = [Int](repeating: -1, count: count)
    for row in 0..<count {
      var isSeen = [Bool](repeating: false, count: count)
      guard augment(row, costs, count, limit, &rowOf, &isSeen) else { return nil }
    }
    var result = [Int](repeating: 0, count: count)
    for (column, row) in rowOf.enumerated() { result[row] = column }
    return result
  }

  private static func augment(
    _ row: Int, _ costs: [Double], _ count: Int, _ limit: Double, _ rowOf: inout [Int],
    _ isSeen: inout [Bool]
  ) -> Bool {
    for column in 0..<count where !isSeen[column] && costs[row * count + column] <= limit {
      isSeen[column] = true
      if rowOf[column] < 0 || augment(rowOf[column], costs, count, limit, &rowOf, &isSeen) {
        rowOf[column] = row
        return true
      }
    }
    return false
  }
}
