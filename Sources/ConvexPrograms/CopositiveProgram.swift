import Convolutions
import Tensors

/// The copositive program of a ReLU network over all cells, relaxed to doubly nonnegative matrices.
///
/// On the cone `K_b = {u : G_b u >= 0}` of a cell the features are linear, `phi(u)_q = A_bq u`. With `U_b = sum_j u_j u_j'`,
/// `Z_b = sum_j u_j W_j'` and `V_b = sum_j W_j W_j'` over the neurons of the cell, training is
///
///     minimize L(sum_bq A_bq Z_bq) + (lambda / 2) sum_b (tr U_b + tr V_b)
///     subject to [[U_b, Z_b], [Z_b', V_b]] positive semidefinite, U_b in conv {u u' : u in K_b}
///
/// The last condition is copositive; relaxed it asks `f' U_b g >= 0` for all pairs of facets `f`, `g` of `K_b`, which is
/// enough where `K_b` lies in two dimensions or has at most four facets. Dropped, it leaves the nuclear norm.
///
/// A program always has all cells of the arrangement, so that bounds on it are bounds over all cells.
///
/// Symbols: `n` samples, `h` patch dimension, `a` windows, `c` outputs, `P` cones, block order `s = h + a c`.
///
/// - Source: Sahiner, Ergen, Pauly & Pilanci, *Vector-output ReLU Neural Network Problems are Copositive Programs*, ICLR
///   2021. The block form, facets instead of all rows, and the count of facets are this package's.
public struct CopositiveProgram: Sendable {
  /// Which conditions bind the matrices `U_b`.
  public enum Relaxation: Sendable {
    /// None but being positive semidefinite: the nuclear norm, as in gated networks with all cells as gates.
    case nuclear
    /// `f' U_b g >= 0` for all pairs of facets.
    case doublyNonnegative
  }

  /// The problem the program was made of.
  public let problem: TrainingProblem
  /// Which conditions bind.
  public let relaxation: Relaxation
  /// Cones, `P` of them; together they cover all filters.
  public let cones: [ActivationCone]
  /// Number of cells of the arrangement, both of each pair.
  public let cellCount: Int
  /// Features of shape `[n, P a h]`; column `(b a + q) h + e` is coordinate `e` of `A_bq`.
  public let map: DenseFeatureMap
  /// A unit vector strictly inside each cone, nil where floating point has none.
  package let interiors: [[Double]?]
  /// `sum_k P_k |x_ik|` of each sample, which scales rounding errors.
  package let patchMasses: [Double]

  private init(
    problem: TrainingProblem, relaxation: Relaxation, cones: [ActivationCone], cellCount: Int,
    map: DenseFeatureMap, interiors: [[Double]?], patchMasses: [Double]
  ) {
    self.problem = problem
    self.relaxation = relaxation
    self.cones = cones
    self.cellCount = cellCount
    self.map = map
    self.interiors = interiors
    self.patchMasses = patchMasses
  }

  /// The program over all cells.
  ///
  /// - Parameters:
  ///   - problem: A ReLU problem without an output bias; under max pooling with one window.
  ///   - maximumCells: Most cells, both of each pair.
  /// - Throws: `ProgramError` when the problem has another form or there are more cells or features than allowed,
  ///   `ArrangementError` when all patches are zero or span too many dimensions.
  /// - Complexity: O(`cells (lines + n K h)`) time, O(`n P a h`) memory.
  public init(problem: TrainingProblem, maximumCells: Int = 20_000) throws {
    guard problem.activation == .relu, !problem.hasOutputBias,
      problem.poolingMap.isLinear || problem.windowCount == 1
    else {
      throw ProgramError(
        place: "copositive program",
        expected: "a ReLU network without an output bias, with linear pooling or one maximum",
        found: "\(problem.activation.rawValue), pooling \(problem.pooling)"
          + (problem.hasOutputBias ? ", an output bias" : ""),
        advice: "Use cell generation, --cells generate.")
    }
    let all = try AllCells(problem: problem, maximumCells: maximumCells)
    self.init(
      problem: problem, relaxation: .doublyNonnegative, cones: all.cones,
      cellCount: all.cellCount,
      map: DenseFeatureMap(features: all.features, threads: problem.threads),
      interiors: all.cones.indices.map { all.interior(of: $0) },
      patchMasses: (0..<problem.sampleCount).map { i in
        let patches = problem.patches(ofSample: i)
        return (0..<patches.rows).reduce(0) { sum, k in
          sum + problem.poolingMap.weights[k] * BLAS.norm(Array(patches.row(k)))
        }
      })
  }

  /// The program without cones: `L(A Z) + lambda sum_b |Z_b|_*`.
  public var nuclear: CopositiveProgram {
    CopositiveProgram(
      problem: problem, relaxation: .nuclear, cones: cones, cellCount: cellCount, map: map,
      interiors: interiors, patchMasses: patchMasses)
  }

  /// The same program at another strength.
  public func with(lambda: Double) -> CopositiveProgram {
    var changed = problem
    changed.lambda = lambda
    return CopositiveProgram(
      problem: changed, relaxation: relaxation, cones: cones, cellCount: cellCount, map: map,
      interiors: interiors, patchMasses: patchMasses)
  }

  /// The program with cones of more than four facets cut into pieces of at most four, where filters have up to four
  /// entries.
  ///
  /// A cone is cut by planes through its rays. Both sides of every cut are kept, so the pieces cover the cone whatever the
  /// rounding of the rays; bounds on the result are bounds on the optimum. Cones that no such cut makes simpler stay.
  ///
  /// - Complexity: O(`C(r, h - 1) k^h`) per cut of a cone with `r` rays and `k` facets.
  public func splittingCones() -> CopositiveProgram {
    var (pieces, inside, origins): ([ActivationCone], [[Double]?], [Int]) = ([], [], [])
    for (b, cone) in cones.enumerated() {
      let parts = cone.pieces()
      for piece in parts {
        pieces.append(piece.cone)
        inside.append(parts.count > 1 ? piece.interior : interiors[b])
        origins.append(b)
      }
    }
    let size = problem.windowCount * patchDimension
    var features = Matrix(rows: problem.sampleCount, columns: pieces.count * size)
    for i in 0..<features.rows {
      for (piece, b) in origins.enumerated() {
        for e in 0..<size { features[i, piece * size + e] = map.features[i, b * size + e] }
      }
    }
    return CopositiveProgram(
      problem: problem, relaxation: relaxation, cones: pieces, cellCount: cellCount,
      map: DenseFeatureMap(features: features, threads: problem.threads), interiors: inside,
      patchMasses: patchMasses)
  }

  /// Patch dimension `h`.
  public var patchDimension: Int { problem.geometry.patchDimension }
  /// Output weights per neuron, `a c`.
  public var weightCount: Int { problem.windowCount * problem.outputCount }
  /// Order `s = h + a c` of the blocks.
  public var blockOrder: Int { patchDimension + weightCount }
  /// Regularization strength.
  public var lambda: Double { problem.lambda }

  /// Pairs of facets of a cone, the first before the second; none for the nuclear norm.
  public func facetPairs(of cone: Int) -> [(first: Int, second: Int)] {
    guard relaxation == .doublyNonnegative else { return [] }
    let count = cones[cone].facets.rows
    return (0..<count).flatMap { f in (f + 1..<max(count, f + 1)).map { (f, $0) } }
  }

  /// Why the doubly nonnegative relaxation of a cone is, or may not be, exact.
  public func exactness(of cone: Int) -> Exactness {
    if patchDimension <= 2 { return .plane }
    return cones[cone].facets.rows <= 4 ? .fewFacets : .unknown
  }

  /// Why a relaxation is exact.
  public enum Exactness: String, Sendable, Codable, CaseIterable {
    /// Filters have at most two entries: a cone of the plane has two facets.
    case plane = "two entries"
    /// At most four facets: doubly nonnegative matrices of order four are completely positive.
    case fewFacets = "at most four facets"
    /// More facets, where it can fail.
    case unknown = "not shown exact"
  }

  /// Number of cones for each reason.
  public var exactnessCounts: [Exactness: Int] {
    Dictionary(cones.indices.map { (exactness(of: $0), 1) }, uniquingKeysWith: +)
  }

  /// Whether the relaxed optimum is the optimum over all networks.
  public var isExact: Bool {
    relaxation == .doublyNonnegative && cones.indices.allSatisfy { exactness(of: $0) != .unknown }
  }
}
