/// What `closed-form` reports, in the keys of its JSON.
///
/// Every number is finite or null; every key is always present.
public struct ClosedFormResult: Sendable, Equatable, Codable {
  /// Version of these keys.
  public var schema = Package.schema
  /// Version of the package.
  public var version = Package.version
  /// `whitened`, `whitened-scalar`, `linear-columns`, `linear-rows`, `circular`, `circular-program` (solved in the Fourier
  /// domain to a proven gap, where there is no closed form), `circular-relu-program` (three layers, solved over all
  /// cells), or `none`.
  public let family: String
  /// `exact`, `lower-bound`, `unknown`, or `none` where no form applies.
  public let verdict: String
  /// Why the verdict is what it is, or why no form applies.
  public let reason: String
  /// Value of the form: the optimum where exact, else a lower bound; null where none applies.
  public let value: Finite
  /// Objective of the network on the training data, recomputed from its weights; null without one.
  public let objective: Finite
  /// Proven lower bound of the optimum; null where none is known.
  public let lowerBound: Finite
  /// `(objective - lowerBound) / objective`, at least 0; null without a network.
  public let relativeGap: Finite
  /// Regularization strength.
  public let lambda: Finite
  /// Smallest strength whose solution is zero; null where no form applies.
  public let lambdaMax: Finite
  /// Threshold of the values in `spectrum`.
  public let threshold: Finite
  /// Singular values, norms or moduli before the threshold, descending.
  public let spectrum: [Double]
  /// Relative deviation of the data from the condition of the form.
  public let defect: Finite
  /// Whether the stacked patches are spike-free: `yes`, `no` or `undecided`; null unless ReLU.
  public let spikeFree: String?
  /// Number of neurons; null without a network.
  public let neuronCount: Int?
  /// Share of training samples classified correctly; null for regression.
  public let trainAccuracy: Finite
  /// Share of held-out samples classified correctly; null without any.
  public let testAccuracy: Finite
  /// Wall-clock seconds.
  public let seconds: Finite
  /// Layers of the network: 2, or 3 where the ReLU follows the weights of the positions.
  public var layers = 2
  /// Number of cells that a program was solved over; null for other forms.
  public var cellCount: Int?
  /// The model flags.
  public let model: TrainingConfiguration

  /// Whether there is a network that is proven optimal, within the gap asked for where the program was solved.
  public var isExact: Bool { verdict == "exact" }

  /// What is proven, in a sentence.
  public var claim: String {
    let number = value.value.map { "\($0)" } ?? ""
    switch verdict {
    case "exact" where family == "circular-program":
      return
        "Proven over all linear networks of this architecture: the optimum is in "
        + "[\(lowerBound.value ?? 0), \(objective.value ?? 0)]."
    case "exact" where family == "circular-relu-program":
      return
        "Proven over all \(cellCount ?? 0) cells of circular networks of three layers with one ReLU, any "
        + "width: the optimum is in [\(lowerBound.value ?? 0), \(objective.value ?? 0)]."
    case "exact": return "Exact: the optimum over all networks of this architecture is \(number)."
    case "lower-bound": return "Not exact: the optimum is above \(number)."
    case "unknown": return "Unknown: the optimum is at least \(number)."
    default: return "No closed form."
    }
  }
}
