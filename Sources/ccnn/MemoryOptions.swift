import ArgumentParser
import ConvexCNN

/// A limit of memory.
struct MemoryOption: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Most resident memory: bytes, or a number with KiB, MiB, GiB, KB, MB or GB. Samples of NPY (row-major) and plain IDX files "
        + "are then read from disk in every pass. Gated and linear networks, and ReLU ones by cell generation. (default: no limit; everything is kept in memory)",
      valueName: "size"))
  var memory: String?

  /// Bytes of the limit; nil for none.
  var bytes: Int? { memory.flatMap { ByteCount($0)?.value } }

  /// Adds what is wrong with the option to a list.
  func check(_ problems: inout OptionProblems) {
    guard let memory, ByteCount(memory) == nil else { return }
    problems.add(
      "--memory", value: memory,
      expected: "a positive number of bytes, or a size such as 512MiB or 2GiB",
      advice: "For example 2GiB.")
  }

  /// Refuses the limit for activations whose programs keep everything in memory.
  func check(_ activation: Activation, _ problems: inout OptionProblems) {
    guard let memory, ![.gated, .linear, .relu].contains(activation) else { return }
    problems.add(
      "--memory", value: memory, expected: "no value with --activation \(activation.rawValue)",
      advice: "Leave it out: only gated, linear and ReLU networks are trained within a limit.")
  }
}

/// A limit of memory, and how features are kept.
struct MemoryOptions: ParsableArguments {
  @OptionGroup private var limit: MemoryOption

  @Option(
    help: ArgumentHelp(
      "How features of gated and linear networks are kept: dense (double precision), float (single precision, sums in double), "
        + "gram (squared loss: products of features only, after two passes over the data), streamed (made anew in every product), or "
        + "auto (the fastest that fits in --memory). Certificates are in double precision whatever it is. (default: dense, up to "
        + "4 GiB, without --memory; auto with it)", valueName: "kind"))
  var features: String?

  /// Whether training goes within a limit, or by another kind of features than the default.
  var isGiven: Bool { limit.memory != nil || features != nil }

  /// The settings of the options.
  var settings: MemorySettings {
    MemorySettings(limit: limit.bytes, features: features.flatMap { FeatureStorage(rawValue: $0) })
  }

  /// Adds what is wrong with the options to a list.
  func check(_ configuration: TrainingConfiguration, _ problems: inout OptionProblems) {
    limit.check(&problems)
    limit.check(configuration.activation, &problems)
    guard let features else { return }
    let name = problems.choice(
      "--features", features, among: ["auto"] + FeatureStorage.allCases.map(\.rawValue))
    if configuration.activation != .gated, configuration.activation != .linear {
      problems.add(
        "--features", value: name,
        expected: "no value with --activation \(configuration.activation.rawValue)",
        advice: "Leave it out: only gated and linear networks have features that are fixed.")
    }
    if name == FeatureStorage.gram.rawValue, let loss = configuration.loss, loss != "squared" {
      problems.add(
        "--features", value: name, expected: "auto, dense, float or streamed with --loss \(loss)",
        advice: "Only the squared loss is a function of products of features.")
    }
  }
}
