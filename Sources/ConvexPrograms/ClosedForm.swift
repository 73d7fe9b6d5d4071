import Convolutions
import Tensors

/// The solution of a training problem with squared loss, in closed form where there is one.
///
/// | problem | condition | solution |
/// |---|---|---|
/// | ReLU | stacked patches with `M M' = t^2 I` | `ClosedForm+Whitened` |
/// | linear, any linear pooling | orthonormal columns of the pooled patches, or rows with one window | `ClosedForm+Linear` |
/// | linear, circular, full-size filters | samples white in every frequency | `ClosedForm+Circular` |
///
/// All other problems are refused with the condition that fails.
///
/// - Source: Sahiner, Ergen, Pauly & Pilanci, *Vector-output ReLU Neural Network Problems are Copositive Programs*, ICLR
///   2021 (soft-thresholded singular values); Ergen & Pilanci, *Implicit Convex Regularizers of CNN Architectures*, ICLR
///   2021 (circular networks). Thresholds for windows and the tests of exactness are derived where they are used.
public struct ClosedForm: Sendable {
  /// Which form applied.
  public enum Family: String, Sendable, Codable {
    /// ReLU network on whitened patches, several outputs.
    case whitened
    /// ReLU network on whitened patches, one output.
    case whitenedScalar = "whitened-scalar"
    /// Linear network whose pooled patches have orthonormal columns.
    case linearColumns = "linear-columns"
    /// Linear network with one window whose pooled patches are orthonormal rows.
    case linearRows = "linear-rows"
    /// Circular linear network on samples that are white in every frequency.
    case circular
  }

  /// What the value of the form is worth.
  public enum Verdict: String, Sendable, Codable {
    /// It is the optimum.
    case exact
    /// It is below the optimum: a lower bound.
    case lowerBound = "lower-bound"
    /// It is a lower bound; whether it is the optimum is not known.
    case unknown
  }

  /// Which form applied.
  public let family: Family
  /// Value of the form: a lower bound of the optimum, and the optimum where the verdict is exact.
  public let value: Double
  /// What the value is worth.
  public let verdict: Verdict
  /// Why the verdict is what it is, as a sentence.
  public let reason: String
  /// A network with that objective; nil where none was found.
  public let network: Network?
  /// Threshold of the singular values or moduli, in the units of the targets.
  public let threshold: Double
  /// Values before the threshold, descending.
  public let spectrum: [Double]
  /// How far the data are from the condition, relative; at most `whiteningTolerance`.
  public let defect: Double

  /// Largest relative deviation from the condition of a form that is accepted.
  public static let whiteningTolerance = 1e-9

  /// Relative difference of objective and value up to which a network counts as proof that the value is attained.
  public static let attainmentTolerance = 1e-9

  /// The closed form of a problem.
  ///
  /// - Parameter problem: The problem, with squared loss.
  /// - Throws: `ProgramError` that names the condition that fails; `LAPACK.Failure` when a decomposition does not
  ///   converge.
  /// - Complexity: That of one singular value decomposition of the patches or targets.
  /// - Accuracy: The value is exact to about `1e-14` and to the defect, both relative (`ClosedFormTests`).
  public init(of problem: TrainingProblem) throws {
    guard let loss = problem.loss as? SquaredLoss else {
      throw Self.refusal(
        "loss", "squared", problem.loss.name,
        CircularProgram.isCircular(problem.geometry, problem.pooling)
          ? Self.advice("", for: problem)
          : "Use --loss squared, or ccnn train, which solves programs of other losses.")
    }
    guard !problem.hasOutputBias else {
      throw Self.refusal(
        "output bias", "none", "one",
        "Leave out --output-bias, or use ccnn train, which solves programs with it.")
    }
    switch problem.activation {
    case .relu: self = try Self.whitened(problem, loss.targets)
    case .linear where CircularProgram.isApplicable(to: problem):
      self = try Self.circular(problem, loss.targets)
    case .linear: self = try Self.linear(problem, loss.targets)
    case .gated, .quadratic, .polynomial:
      throw Self.refusal(
        "activation", "relu or linear", problem.activation.rawValue,
        "Such networks are solved by ccnn train.")
    }
  }

  /// A form with all its parts.
  init(
    family: Family, value: Double, verdict: Verdict, reason: String, network: Network?,
    threshold: Double, spectrum: [Double], defect: Double
  ) {
    self.family = family
    self.value = value
    self.verdict = verdict
    self.reason = reason
    self.network = network
    self.threshold = threshold
    self.spectrum = spectrum
    self.defect = defect
  }

  static func refusal(
    _ what: String, _ expected: String, _ found: String, _ advice: String
  ) -> ProgramError {
    ProgramError(
      place: "closed form, \(what)", expected: expected, found: found, advice: advice)
  }

  /// What to do about data that do not meet a condition, where the architecture is what to change first.
  ///
  /// - Parameters:
  ///   - usual: Advice for architectures that can meet the condition.
  ///   - problem: The problem.
  /// - Returns: The advice.
  static func advice(_ usual: String, for problem: TrainingProblem) -> String {
    let geometry = problem.geometry
    if geometry.hasBias {
      return
        "Leave out --bias: its constant 1 is part of every patch, so patches are not orthogonal "
        + "even where pixels are. Or use ccnn train."
    }
    let isFull = CircularProgram.isCircular(geometry, problem.pooling)
    guard geometry.padding == .circular, isFull || problem.activation == .linear else {
      return usual
    }
    let size =
      geometry.isSignal
      ? "\(geometry.imageWidth)" : "\(geometry.imageHeight)x\(geometry.imageWidth)"
    let form = "--filter \(size) --stride 1 --pooling none"
    switch problem.activation {
    case .linear where isFull:
      return
        "The Fourier domain takes one channel or one output, found \(geometry.channels) channels "
        + "and \(problem.outputCount) outputs. Use ccnn train."
    case .linear:
      return "The Fourier domain takes filters as large as the images and one weight per position: "
        + "\(form). Or use ccnn train."
    default:
      return
        "Circular networks have closed forms with --activation linear \(form), and are solved over "
        + "all cells with the ReLU after the weights of the positions: --layers 3. Or use ccnn train."
    }
  }

  /// The least of `(1/2) (z - s)^2 + b z` over `z >= 0`.
  static func shrunkValue(_ s: Double, threshold b: Double) -> Double {
    s > b ? b * s - 0.5 * b * b : 0.5 * s * s
  }

  /// The scale `t` with `G = t^2 I`, and the largest deviation from it over `t^2`.
  static func scale(ofGram gram: Matrix) -> (scale: Double, defect: Double) {
    let d = gram.rows
    let square = (0..<d).reduce(0) { $0 + gram[$1, $1] } / Double(max(1, d))
    guard square > 0 else { return (0, .infinity) }
    var worst = 0.0
    for i in 0..<d {
      for j in 0..<d { worst = max(worst, abs(gram[i, j] - (i == j ? square : 0))) }
    }
    return (square.squareRoot(), worst / square)
  }

  /// The form of a network, whose objective decides whether the value is attained.
  static func attained(
    _ family: Family, value: Double, by network: Network, of problem: TrainingProblem,
    threshold: Double, spectrum: [Double], defect: Double, reason: String
  ) -> ClosedForm {
    let objective = problem.objective(of: network).total
    let isAttained = abs(objective - value) <= attainmentTolerance * max(value, objective)
    return ClosedForm(
      family: family, value: value, verdict: isAttained ? .exact : .unknown,
      reason: isAttained
        ? reason
        : "The network of the form has objective \(objective), not the value: rounding is too large.",
      network: isAttained ? network : nil, threshold: threshold, spectrum: spectrum, defect: defect)
  }
}
