extension CertifiedOptimum {
  /// Optima of the nuclear and of the doubly nonnegative relaxation, mean loss, in the order of `withInexactRelaxation`.
  ///
  /// Printed by `Tests/Oracles/copositive_relaxations.py --inexact`, 27 November 2026:
  /// cvxpy 1.9.3, clarabel 0.11.1, numpy 2.4.6, scipy 1.17.1.
  public static let inexactRelaxations: [(nuclear: Double, relaxed: Double)] = [
    (nuclear: 0.10656606308340748, relaxed: 0.14466686434585954),
    (nuclear: 0.15574499770176106, relaxed: 0.385798959251038),
    (nuclear: 0.15928642377899882, relaxed: 0.39549738955350305),
  ]
}
