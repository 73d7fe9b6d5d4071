package import Tensors

/// Branch and bound over simplicial cones: a bound on the dual norm over all cells, at any time.
///
/// The filters are covered by simplicial cones. On a cone with unit rays `w_j` every term that keeps its
/// sign on all rays is linear; the others have linear majorants in the coordinates of `u = sum_j tau_j w_j`
/// (`PairConeBound`, `TermConeBound`), whose maximum over the unit ball is bounded by a projection
/// (`ConeProjection`). The cone of largest bound is halved first, at the edge where that takes most off
/// the majorant at its maximiser. Halves inherit what is undecided.
///
/// **Rounding.** A computed value of `F` is off by at most `roundingError`. Decisions err by
/// `(h + 2) 2^-52` per row and unit of `sum tau <= sqrt(h) * h`. Midpoints are rounded, so halves cover
/// their parent up to `2^-52 sum tau` in each level; `F` changes by at most `mass` times that. All of it
/// is in `margin`, which is added to every bound that is reported.
///
/// - Complexity: Exponential in `patchDimension` only: about `(mass / (bound - value))^((h - 1) / 2)` nodes
///   of O(`undecided * h^2`) each.
/// - Accuracy: `upperBound` is rigorous (`PricingIdentityTests`, `PricingHostileTests`).
/// - Source: Branch and bound with concave majorants: Horst & Tuy, *Global Optimization*, 1996. The bounds
///   are this package's.
public struct ConeSearch: PricingOracle {
  /// Largest patch dimension for which cones are covered.
  public static let largestDimension = 16
  /// Bytes of undecided terms kept; beyond them cones of small bound recompute theirs.
  public var memory: Int
  /// The ranks that bound cones together; nil for this process alone.
  ///
  /// Results do not depend on it.
  package var team: RankTeam?

  /// A search that keeps at most about `memory` bytes of lists.
  public init(memory: Int = 1 << 30) { self.memory = memory }

  /// Largest patch dimension the search takes.
  public var maximumDimension: Int { Self.largestDimension }

  /// Searches the cones until the request is met.
  ///
  /// - Parameters:
  ///   - correlation: The function to bound.
  ///   - request: Targets and limits.
  /// - Returns: Local maxima and the bound over all filters.
  /// - Precondition: `correlation.patchDimension <= maximumDimension`.
  public func price(_ correlation: PooledCorrelation, _ request: PricingRequest) -> Pricing {
    precondition(
      correlation.patchDimension <= Self.largestDimension,
      "ConeSearch: patch dimension \(correlation.patchDimension), at most \(Self.largestDimension)")
    guard correlation.mass.isFinite, correlation.mass > 0 else { return .trivial(correlation) }
    // The squares of tiny values would vanish, and those of huge ones overflow.
    let (normalized, unit) = correlation.normalized()
    var run = ConeSearchRun(normalized, request.divided(by: unit), memory: memory, team: team)
    return run.solve().multiplied(by: unit)
  }
}

extension ConeSearch {
  /// What rounding may hide in the bound of a cone; see `ConeSearch`.
  ///
  /// - Parameters:
  ///   - correlation: The function bounded.
  ///   - depth: Largest depth of a cone.
  /// - Returns: An absolute margin.
  static func roundingMargin(of correlation: PooledCorrelation, depth: Int) -> Double {
    let h = Double(correlation.patchDimension)
    let spread = h * h.squareRoot()
    let terms = 4 * spread * (h + 4) + 4 * spread * Double(depth + 8)
    return 2 * spread * correlation.roundingError + correlation.mass * terms * 0x1p-52
  }

  /// Cones that cover the space: orthants up to dimension 6, then those of a regular simplex.
  ///
  /// - Parameter h: Patch dimension.
  /// - Returns: The rays of every cone, `[h, h]`, one a row.
  package static func rootCones(dimension h: Int) -> [[Double]] {
    guard h > 6 else {
      return (0..<1 << h).map { signs in
        (0..<h * h).map { $0 / h != $0 % h ? 0 : (signs >> ($0 / h)) & 1 == 1 ? -1 : 1 }
      }
    }
    // h + 1 unit vectors of sum zero; the cones leave out one each.
    let scale = (1 + 1 / Double(h)).squareRoot()
    let shift = ((Double(h) + 1).squareRoot() + 1) / (Double(h) * Double(h).squareRoot())
    var vertices = (0..<h).map { i in (0..<h).map { $0 == i ? scale - shift : -shift } }
    vertices.append([Double](repeating: 1 / Double(h).squareRoot(), count: h))
    return (0...h).map { left in
      vertices.indices.filter { $0 != left }.flatMap { i -> [Double] in
        let length = vertices[i].reduce(0) { $0 + $1 * $1 }.squareRoot()
        return vertices[i].map { $0 / length }
      }
    }
  }
}
