public import ConvexPrograms
import Tensors

/// Whether networks belong to the space where parameters are close when functions are.
///
/// The space holds networks without biases of the output that are balanced, `max |u_j| = max |W_j|` entry by entry (C.1),
/// whose filters are never positively collinear (C.2) and lie in one open half-space (C.3). Of C.3 only the consequence is
/// asked: some direction has positive product with every filter, of both networks where two are compared.
///
/// - Source: Berner, Elbraechter & Grohs, NeurIPS 2019, the conditions of the restricted space; C.3 there names two
///   coordinates that have to be positive.
public struct StableSpace: Sendable, Equatable {
  /// Number of neurons whose largest entries of filter and output weights differ.
  public let unbalancedCount: Int
  /// Number of neurons whose filter points where that of an earlier one points.
  public let collinearCount: Int
  /// Whether some direction has a positive product with every filter; nil where that was not decided.
  public let isInHalfSpace: Bool?
  /// Number of pairs of neurons of one network with opposite filters.
  public let oppositeCount: Int

  /// Whether all conditions hold.
  public var isMember: Bool {
    unbalancedCount == 0 && collinearCount == 0 && oppositeCount == 0 && isInHalfSpace == true
  }

  /// The conditions that fail, in words.
  public var reasons: [String] {
    var result: [String] = []
    if unbalancedCount > 0 {
      result.append(
        "C.1 balance: \(unbalancedCount) neurons have filters and output weights of different "
          + "largest entries")
    }
    if collinearCount > 0 {
      result.append(
        "C.2 redundant directions: \(collinearCount) filters repeat the direction of another")
    }
    if oppositeCount > 0 {
      result.append("C.3 half-space: \(oppositeCount) pairs of filters are opposite")
    } else if isInHalfSpace == false {
      result.append("C.3 half-space: no half-space contains all filters")
    } else if isInHalfSpace == nil {
      result.append("C.3 half-space: not decided for so many filters")
    }
    return result
  }

  /// Most filters for which a half-space is looked for.
  static let filterLimit = 2_000

  /// Checks networks of one kind.
  ///
  /// - Parameters:
  ///   - networks: Networks whose filters have to lie in one half-space together.
  ///   - tolerance: Largest relative difference of largest entries, and distance of unit filters, that is rounding.
  /// - Throws: `CertificateError` when a weight is not finite or a network is gated.
  /// - Complexity: O(`m h`) expected, and a nonnegative least-squares problem over all filters where none decides at once.
  public init(_ networks: [Network], tolerance: Double = CanonicalForm.defaultTolerance) throws {
    var (unbalanced, collinear, opposite) = (0, 0, 0)
    var filters: [[Double]] = []
    for network in networks {
      let size = network.windowCount * network.outputCount
      for j in 0..<network.neuronCount {
        let inner = network.filters.row(j).reduce(0) { max($0, abs($1)) }
        let outer = network.outputWeights.elements[j * size..<(j + 1) * size]
          .reduce(0) { max($0, abs($1)) }
        if !(abs(inner - outer) <= tolerance * max(inner, outer)) { unbalanced += 1 }
      }
      let nonzero = (0..<network.neuronCount).filter { network.filterNorms[$0] > 0 }
      let units = Matrix(
        rows: nonzero.count, columns: network.filters.columns,
        elements: nonzero.flatMap { j in
          network.filters.row(j).map { $0 / network.filterNorms[j] }
        })
      guard units.firstNonFiniteIndex == nil else {
        throw CertificateError(
          place: "network filters", expected: "finite numbers", found: "others",
          advice: "Train the network again.")
      }
      let masses = [Double](repeating: 1, count: units.rows)
      let groups = DirectionClusters(
        units, masses: masses, tolerance: tolerance, evenInSign: true
      ).clusters
      for group in groups {
        let positive = group.members.count { $0.side > 0 }
        let negative = group.members.count - positive
        collinear += max(0, positive - 1) + max(0, negative - 1)
        opposite += min(positive, negative)
      }
      filters += (0..<units.rows).map { Array(units.row($0)) }
    }
    unbalancedCount = unbalanced
    collinearCount = collinear
    oppositeCount = opposite
    isInHalfSpace = opposite > 0 ? false : Self.halfSpace(filters)
  }

  /// Whether some direction has a positive product with every unit vector; nil where there are too many of them.
  ///
  /// The origin is not in the convex hull of the vectors just when there is one: then the point of the hull next to the
  /// origin is one. The products with it are computed and have to be positive.
  private static func halfSpace(_ units: [[Double]]) -> Bool? {
    guard let first = units.first else { return true }
    func isPositive(_ direction: [Double]) -> Bool {
      units.allSatisfy { BLAS.dot($0, direction) > 1e-12 * BLAS.norm(direction) }
    }
    var sum = [Double](repeating: 0, count: first.count)
    for unit in units { BLAS.add(1, unit, to: &sum) }
    if isPositive(sum) { return true }
    if units.allSatisfy({ $0[0] > 1e-12 }) { return true }
    guard units.count <= filterLimit else { return nil }
    // The least |sum_i x_i u_i|^2 + (sum_i x_i - 1)^2 over x >= 0 points to that point of the hull.
    var matrix = Matrix(rows: first.count + 1, columns: units.count)
    for (i, unit) in units.enumerated() {
      for (e, value) in unit.enumerated() { matrix[e, i] = value }
      matrix[first.count, i] = 1
    }
    let target = [Double](repeating: 0, count: first.count) + [1]
    let x = NonnegativeLeastSquares.solve(matrix, target)
    var point = [Double](repeating: 0, count: first.count)
    for (i, unit) in units.enumerated() where x[i] != 0 { BLAS.add(x[i], unit, to: &point) }
    return isPositive(point)
  }
}
