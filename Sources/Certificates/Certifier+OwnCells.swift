import Arrangements
public import ConvexPrograms
import Convolutions
import Tensors

/// How far a ReLU network is from the best network over its own cells.
///
/// A network that is the optimum of the convex program over the activation patterns it uses is a stationary point in the
/// sense of Mishkin & Pilanci; that says nothing about other cells.
public struct OwnCells: Sendable, Equatable {
  /// Number of different activation patterns of the neurons.
  public let cellCount: Int
  /// Objective of the network, each neuron balanced.
  public let objective: Double
  /// Proven lower bound of the objective over all networks with those patterns.
  public let lowerBound: Double
  /// Upper bound of the dual norm of the gradient over those cells, over lambda: at most 1 for an optimum over them.
  public let dualNormOverLambda: Double

  /// What training within the cells could gain at most, relative to the objective.
  public var relativeGap: Double {
    objective > lowerBound ? (objective - lowerBound) / objective : 0
  }
}

extension Certifier {
  /// Measures a network against the best one over the cells its own filters lie in.
  ///
  /// With `g = Z_b' Lambda` the largest correlation over unit filters of a cone `{u : C u >= 0}` is at most
  /// `|g + C' rho|` for every `rho >= 0`; `rho` comes from the projection of `g` on the cone and is not trusted. With several
  /// outputs or windows the entries are bounded one by one, and together by the largest singular value.
  ///
  /// - Parameter network: A ReLU network with linear pooling, whoever trained it.
  /// - Returns: Bounds over its cells; zero counts as active.
  /// - Throws: `CertificateError` for other networks and for data that do not go with it.
  /// - Complexity: O(`n K h`) for each cell and pivot of a projection.
  /// - Accuracy: With one output and window the bound is the dual norm over the cells up to `1e-9` (`OwnCellsTests`).
  /// - Source: Mishkin & Pilanci, *Optimal Sets and Solution Paths of ReLU Networks*, ICML 2023 (stationary points and the
  ///   program of their patterns).
  public func ownCells(of network: Network) throws -> OwnCells {
    try check(network, targetGap: 0)
    let view = try view(of: network, gates: nil)
    guard view.subject == .relu, case .linear(let weights) = view.windows else {
      throw CertificateError(
        place: "own cells", expected: "a ReLU network with linear pooling",
        found: "\(network.activation.rawValue), \(network.pooling)",
        advice: "Gated and linear networks are certified over their cells by ccnn certify.")
    }
    let (value, gradient, penalty, _) = try measure(network, view)
    let dual =
      network.outputBias == nil
      ? DualDirection(gradient: gradient, of: loss)
      : DualDirection(balancing: gradient, of: loss)
    let balanced = network.balanced()
    let lines = EssentialRows(view.allPatches.rows)
    var seen: Set<[UInt64]> = []
    var norm = 0.0
    for j in 0..<balanced.neuronCount {
      let (pattern, cone) = Self.cell(
        of: Array(balanced.filters.row(j)), view.allPatches, lines)
      guard seen.insert(pattern).inserted else { continue }
      let map = MaskedDualNorm.correlation(
        view.allPatches, weights: weights, mask: pattern, dual: dual.point)
      norm = max(norm, try Self.bound(map, cone))
    }
    let margin = view.allPatches.roundingMargin(
      mass: view.allPatches.massBound(weights: weights, dual: dual.point),
      size: weights.rows * loss.outputCount)
    let upper = norm * (1 + 1e-9) + margin
    let limit = upper > 0 ? lambda / upper * (1 - 1e-12) : .infinity
    return OwnCells(
      cellCount: seen.count, objective: value + penalty,
      lowerBound: lambda > 0 ? max(0, dual.lowerBound(limit: limit)) : 0,
      dualNormOverLambda: lambda > 0 ? upper / dual.factor / lambda : .infinity)
  }

  /// Products below this share of both lengths are zero.
  private static let kinkTolerance = 1e-9

  /// The pattern of a filter, where rows with a product of zero are active, and the cone of all filters with it.
  ///
  /// A hyperplane through the filter with rows on both of its sides has both active: filters of the pattern lie on it.
  private static func cell(
    of filter: [Double], _ patches: PooledPatches, _ lines: EssentialRows
  ) -> (pattern: [UInt64], cone: ActivationCone) {
    let products = BLAS.product(
      lines.rows, .plain, Matrix(rows: filter.count, columns: 1, elements: filter)
    ).elements
    let length = BLAS.norm(filter)
    let isZero = products.indices.map {
      abs(products[$0]) <= kinkTolerance * length * BLAS.norm(Array(lines.rows.row($0)))
    }
    var pattern = [UInt64](repeating: 0, count: (patches.rows.rows + 63) / 64)
    var hasSide = [(above: Bool, below: Bool)](repeating: (false, false), count: lines.lineCount)
    for row in 0..<patches.rows.rows {
      let line = lines.lineOfRow[row]
      guard line >= 0 else { continue }
      let isAbove = lines.signOfRow[row] > 0
      guard isZero[line] || (products[line] > 0) == isAbove else { continue }
      pattern[row >> 6] |= 1 << UInt64(row & 63)
      if isAbove { hasSide[line].above = true } else { hasSide[line].below = true }
    }
    var normals: [Double] = []
    for line in 0..<lines.lineCount {
      let normal = Array(lines.rows.row(line))
      let isAbove = isZero[line] ? hasSide[line].above : products[line] > 0
      let isBelow = isZero[line] ? hasSide[line].below : products[line] < 0
      if isAbove { normals += normal }
      if isBelow { normals += normal.map { -$0 } }
    }
    let cone = ActivationCone(
      normals: Matrix(
        rows: normals.count / filter.count, columns: filter.count, elements: normals))
    return (pattern, cone)
  }

  /// An upper bound of `|M u|_F` over unit vectors of a cone.
  private static func bound(_ map: Matrix, _ cone: ActivationCone) throws -> Double {
    var squares = 0.0
    for entry in 0..<map.rows {
      let row = Array(map.row(entry))
      let ends = [row, row.map { -$0 }].map { bound($0, cone) }
      squares += (ends.max() ?? 0) * (ends.max() ?? 0)
    }
    return map.rows == 1
      ? squares.squareRoot()
      : min(squares.squareRoot(), try MaskedDualNorm.spectralNorm(map) * (1 + 1e-9))
  }

  /// An upper bound of `g . u` over unit vectors of a cone, by multipliers of the facets near its projection.
  private static func bound(_ g: [Double], _ cone: ActivationCone) -> Double {
    let nearest = cone.projection(of: g)
    let size = BLAS.norm(g)
    let products = BLAS.product(
      cone.facets, .plain, Matrix(rows: g.count, columns: 1, elements: nearest)
    ).elements
    let near = products.indices.filter { products[$0] <= 1e-9 * size }
      .sorted { products[$0] < products[$1] }.prefix(64)
    let normals = cone.facets.selectingRows(Array(near))
    let multipliers = NonnegativeLeastSquares.solve(normals.transposed, g.map { -$0 })
    var rest = g
    for (k, rho) in multipliers.enumerated() where rho > 0 {
      BLAS.add(rho, Array(normals.row(k)), to: &rest)
    }
    return min(BLAS.norm(rest), size)
  }
}
