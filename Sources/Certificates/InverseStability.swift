public import ConvexPrograms
import Convolutions
import Tensors

/// Two networks compared as functions and as parameters, and what the one says of the other.
///
/// For networks of the stable space (`StableSpace`) with `eps = |f - g|_{W^{1,inf}}` and `beta` of `IncidenceBound` over the
/// directions of both,
///
///     min over permutations |(u, W) - (u', W')|_inf  <=  2 sqrt(2) sqrt(beta eps).
///
/// The gradient of `f - g` jumps across every hyperplane by at most `2 eps`, so that the coefficients of each direction
/// differ by at most `2 beta eps`; balance turns that into parameters. Only jumps enter, so that the bound holds for the
/// neurons of two normal forms whatever their linear parts are.
///
/// - Source: Berner, Elbraechter & Grohs, NeurIPS 2019, who prove the exponent 1/2 for dense networks. The constant
///   `2 sqrt(2)` and `beta` for shared filters are derived for this package and tested on random pairs
///   (`InverseStabilityTests`).
public struct InverseStability: Sendable {
  /// What a comparison came to.
  public enum Verdict: Sendable, Equatable {
    /// The networks are in the stable space, and their parameters are as close as the bound says.
    case pass
    /// The networks are in the stable space, and their parameters are not: one of the numbers is wrong.
    case fail
    /// The networks are outside of the stable space, where nothing is promised.
    case outside(reasons: [String])

    /// `pass`, `fail` or `outside`.
    public var name: String {
      switch self {
      case .pass: "pass"
      case .fail: "fail"
      case .outside: "outside"
      }
    }

    /// Why nothing is promised; empty inside of the stable space.
    public var reasons: [String] {
      if case .outside(let reasons) = self { reasons } else { [] }
    }
  }

  /// One comparison of parameters.
  public struct Comparison: Sendable {
    /// Pairing of the neurons and their largest difference.
    public let matching: NeuronMatching
    /// Conditions of the stable space.
    public let space: StableSpace
    /// How coefficients are determined by jumps.
    public let incidence: IncidenceBound
    /// `2 sqrt(2) sqrt(beta eps)` with the upper bound of `eps`; infinite where `beta` is.
    public let bound: Double
    /// Whether the parameters are within the bound, in the stable space or not.
    public let holds: Bool
    /// What that says.
    public let verdict: Verdict
  }

  /// `|f - g|_{W^{1,inf}}`, exact or bounded.
  public let distance: FunctionDistance
  /// Difference of the values at the image zero, the largest over outputs.
  public let differenceAtZero: Double
  /// The networks as they are.
  public let asGiven: Comparison
  /// The neurons of the normal forms, balanced by their largest entries; linear parts are left to the distance.
  public let canonical: Comparison
  /// Whether filters and their cyclic shifts are one neuron here.
  public let hasOrbits: Bool
  /// Neurons of the normal forms.
  public let canonicalNeuronCounts: (Int, Int)

  /// Compares two networks.
  ///
  /// - Parameters:
  ///   - network: A network with linear pooling that is not gated.
  ///   - other: A network of the same geometry, pooling, activation and number of outputs.
  ///   - tolerance: Largest distance of unit normals, and of unit filters, that count as one.
  ///   - maximumCells: Most cells that may be looked at for the distance as functions.
  /// - Throws: `CertificateError` when the networks cannot be compared, `ArrangementError` or `LAPACK.Failure` when a
  ///   computation fails.
  public init(
    _ network: Network, _ other: Network, tolerance: Double = CanonicalForm.defaultTolerance,
    maximumCells: Int = 1_000_000
  ) throws {
    let form = try EvenOddForm(of: network, minus: other, tolerance: tolerance)
    let distance = try form.largestGradient(maximumCells: maximumCells)
    self.distance = distance
    differenceAtZero = form.valueAtZero.reduce(0) { max($0, abs($1)) }
    let forms = (
      try CanonicalForm(network, tolerance: tolerance),
      try CanonicalForm(other, tolerance: tolerance)
    )
    hasOrbits = forms.0.shiftCount > 1
    canonicalNeuronCounts = (forms.0.neuronCount, forms.1.neuronCount)
    asGiven = try Self.compare(
      network, other, distance, tolerance: tolerance, orbits: hasOrbits)
    canonical = try Self.compare(
      forms.0.neurons(), forms.1.neurons(), distance, tolerance: tolerance, orbits: false)
  }

  /// `2 sqrt(2) sqrt(beta eps)`.
  ///
  /// - Parameters:
  ///   - beta: As of `IncidenceBound`, at least 0.
  ///   - distance: `|f - g|_{W^{1,inf}}` or an upper bound.
  /// - Returns: The bound on the difference of parameters; infinite where `beta` is.
  public static func bound(beta: Double, distance: Double) -> Double {
    beta.isFinite ? 8.0.squareRoot() * (beta * distance).squareRoot() : .infinity
  }

  private static func compare(
    _ network: Network, _ other: Network, _ distance: FunctionDistance, tolerance: Double,
    orbits: Bool
  ) throws -> Comparison {
    let matching = try NeuronMatching(network, other)
    let space = try StableSpace([network, other], tolerance: tolerance)
    let units = [
      try UnitNeurons(network, tolerance: tolerance), try UnitNeurons(other, tolerance: tolerance),
    ]
    let directions = Matrix(
      rows: units[0].masses.count + units[1].masses.count,
      columns: network.geometry.patchDimension,
      elements: units[0].directions.elements + units[1].directions.elements)
    let lines = DirectionClusters(
      directions, masses: units[0].masses + units[1].masses, tolerance: tolerance,
      evenInSign: true
    ).clusters
    let incidence = try IncidenceBound(
      Matrix(
        rows: lines.count, columns: directions.columns, elements: lines.flatMap(\.direction)),
      geometry: network.geometry, pooling: network.pooling, tolerance: tolerance)
    let bound = Self.bound(beta: incidence.beta, distance: distance.upper + distance.rounding)
    // Merged normals moved by up to the tolerance, and balanced weights by as much.
    let slack = 4 * tolerance * (1 + Self.largestParameter(network, other))
    let holds = matching.distance <= bound + slack
    var reasons = space.reasons
    if (network.outputBias ?? []) != (other.outputBias ?? []) {
      reasons.append("output biases differ, which gradients do not see")
    }
    if incidence.beta == .infinity {
      reasons.append(
        "beta is infinite: \(incidence.columnCount) coefficients of directions, of which jumps "
          + "determine \(incidence.rank)"
          + (orbits
            ? "; filters and their cyclic shifts are one neuron: canonicalize for representatives"
            : ""))
    }
    return Comparison(
      matching: matching, space: space, incidence: incidence, bound: bound, holds: holds,
      verdict: reasons.isEmpty ? (holds ? .pass : .fail) : .outside(reasons: reasons))
  }

  private static func largestParameter(_ network: Network, _ other: Network) -> Double {
    [network.filters, network.outputWeights, other.filters, other.outputWeights]
      .reduce(0) { $1.elements.reduce($0) { max($0, abs($1)) } }
  }
}

extension CanonicalForm {
  /// The neurons of the form, without its linear part, balanced by their largest entries.
  ///
  /// - Returns: A network in the stable space.
  /// - Throws: `ProgramError` when shapes do not agree.
  public func neurons() throws -> Network {
    try Network(
      geometry: geometry, pooling: pooling, activation: activation, filters: directions,
      outputWeights: Matrix(
        rows: coefficients.elements.count / outputCount, columns: outputCount,
        elements: coefficients.elements)
    ).balancedByLargestEntry()
  }
}
