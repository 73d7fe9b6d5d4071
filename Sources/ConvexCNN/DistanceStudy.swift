public import Certificates
import ConvexPrograms
import Tensors

/// What `ccnn distance` reports.
///
/// Every number is finite or null; every key is always present.
public struct DistanceResult: Sendable, Equatable, Codable {
  /// One comparison of parameters.
  public struct Comparison: Sendable, Equatable, Codable {
    /// Neurons of both networks.
    public var neuronCounts: [Int]
    /// Largest difference of a parameter after the best pairing of neurons.
    public var parameterDistance: Finite
    /// Number `beta` of inverse stability; null where coefficients are not determined.
    public var beta: Finite
    /// Whether no smaller `beta` is possible.
    public var betaIsLeast: Bool
    /// Rank of the incidence matrix of directions and hyperplanes.
    public var incidenceRank: Int
    /// Number of its columns.
    public var incidenceColumns: Int
    /// `2 sqrt(2) sqrt(beta eps)` with the upper bound of `eps`; null where it is infinite.
    public var bound: Finite
    /// Whether the parameters are within the bound.
    public var isWithinBound: Bool
    /// `pass`, `fail` or `outside`.
    public var verdict: String
    /// Why the networks are outside of the stable space.
    public var reasons: [String]
  }

  /// Version of these keys.
  public var schema = Package.schema
  /// Version of the package.
  public var version = Package.version
  /// Proven lower bound of the distance `eps` as functions, the largest entry of the gradient of the difference.
  public var lowerBound: Finite
  /// Proven upper bound.
  public var upperBound: Finite
  /// Whether both are the distance, up to `rounding`.
  public var isExact: Bool
  /// Why not, in words; null where it is exact.
  public var limit: String?
  /// Bound on the rounding of the bounds.
  public var rounding: Finite
  /// Half the largest jump of the gradient, a lower bound by itself.
  public var jumpBound: Finite
  /// Number of hyperplanes across which the difference bends.
  public var hyperplaneCount: Int
  /// Number of cells looked at.
  public var cellCount: Int
  /// Largest difference of an output at the image zero, which the distance does not count.
  public var differenceAtZero: Finite
  /// The networks as they are.
  public var asGiven: Comparison
  /// The neurons of their normal forms.
  public var canonical: Comparison
  /// Largest distance of unit normals that counted as one line.
  public var tolerance: Double
  /// The result in one sentence.
  public var claim: String
  /// Wall-clock seconds.
  public var seconds: Finite
}

extension Model {
  /// Compares this model with another one, as functions of the standardized images and as parameters.
  ///
  /// - Parameters:
  ///   - other: A model of the same kind of samples, standardization, geometry, pooling and activation.
  ///   - tolerance: Largest distance of unit normals, and of unit filters, that count as one.
  ///   - maximumCells: Most cells that may be looked at for the distance as functions.
  /// - Returns: What to report.
  /// - Throws: `InputError` or `CertificateError` when the models are of different kinds; `ArrangementError` or
  ///   `LAPACK.Failure` when a computation fails.
  public func distance(
    to other: Model, tolerance: Double = CanonicalForm.defaultTolerance,
    maximumCells: Int = 1_000_000
  ) throws -> DistanceResult {
    guard samples.shape == other.samples.shape else {
      throw InputError(
        .data, "second model", expected: "samples of shape \(samples.shape)",
        found: "\(other.samples.shape)", advice: "Compare models of the same data.")
    }
    guard standardization == other.standardization else {
      throw InputError(
        .data, "second model", expected: "the same standardization",
        found: "another one (--standardize \(other.configuration.standardize.rawValue))",
        advice: "Distances are in standardized images, so that both models need the same.")
    }
    guard standardization.whitening == nil else {
      throw InputError(
        .data, "models", expected: "--standardize none, global or pixel",
        found: "--standardize patch-whiten",
        advice: "Whitened patches are not free of each other, so that a gradient over all of them "
          + "is none over images.")
    }
    var phases = PhaseClock()
    let comparison = try phases.time("compare") {
      try InverseStability(
        network, other.network, tolerance: tolerance, maximumCells: maximumCells)
    }
    let distance = comparison.distance
    let counts = comparison.canonicalNeuronCounts
    var result = DistanceResult(
      lowerBound: Finite(distance.lower), upperBound: Finite(distance.upper),
      isExact: distance.isExact, limit: distance.limit.words, rounding: Finite(distance.rounding),
      jumpBound: Finite(0.5 * distance.largestJump), hyperplaneCount: distance.lineCount,
      cellCount: distance.cellCount, differenceAtZero: Finite(comparison.differenceAtZero),
      asGiven: .init(
        comparison.asGiven, [network.neuronCount, other.network.neuronCount]),
      canonical: .init(comparison.canonical, [counts.0, counts.1]), tolerance: tolerance,
      claim: "", seconds: Finite(phases.total))
    result.claim = result.sentence
    return result
  }
}

extension FunctionDistance.Limit {
  /// Why a distance is not exact.
  var words: String? {
    switch self {
    case .none: nil
    case .cells(let lines, let bound):
      "\(lines) hyperplanes through one pixel may have "
        + (bound.map { "\($0)" } ?? "too many") + " cells; raise --max-cells"
    case .merged(let lines):
      "\(lines) hyperplanes stand for several that nearly coincide; lower --tolerance"
    case .rank(let lines):
      "\(lines) hyperplanes through one pixel are of too many dimensions to enumerate cells"
    }
  }
}

extension DistanceResult.Comparison {
  init(_ comparison: InverseStability.Comparison, _ counts: [Int]) {
    self.init(
      neuronCounts: counts, parameterDistance: Finite(comparison.matching.distance),
      beta: Finite(comparison.incidence.beta), betaIsLeast: comparison.incidence.isOptimal,
      incidenceRank: comparison.incidence.rank, incidenceColumns: comparison.incidence.columnCount,
      bound: Finite(comparison.bound), isWithinBound: comparison.holds,
      verdict: comparison.verdict.name, reasons: comparison.verdict.reasons)
  }
}

extension DistanceResult {
  fileprivate var sentence: String {
    let low = "\(Float(lowerBound.value ?? 0))"
    let error = rounding.value ?? 0
    let isRounded = error > 1e-6 * (lowerBound.value ?? 0) && error > 0
    let function =
      (isExact
        ? "As functions \(low) apart"
        : "As functions \(low) to \(Float(upperBound.value ?? 0)) apart")
      + (isRounded ? " up to rounding of \(Float(error))" : "")
    switch asGiven.verdict {
    case "pass": return "\(function); PASS: parameters are as close as inverse stability says."
    case "fail":
      return "\(function); FAIL: parameters are farther apart than inverse stability allows."
    default:
      let rest =
        switch canonical.verdict {
        case "pass": "their normal forms PASS"
        case "fail": "their normal forms FAIL"
        default: "so are their normal forms"
        }
      return "\(function); as given the networks are outside of the stable space, \(rest)."
    }
  }
}
