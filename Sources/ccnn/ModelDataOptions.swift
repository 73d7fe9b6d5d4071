import ArgumentParser
import ConvexCNN

/// A trained model with its training data: what commands that study a network take.
struct ModelDataOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The model.", valueName: "file.safetensors"))
  var model: String

  @OptionGroup(title: "Data") private var data: DataOptions
  @OptionGroup(title: "Run") private var run: RunOptions

  /// Where the result goes as JSON.
  var json: String? { run.json }
  /// Whether to print neither progress nor table.
  var quiet: Bool { run.quiet }
  /// Threads to use.
  var threadCount: Int { run.threadCount }
  /// Seed of everything random.
  var seed: UInt64 { run.seed }

  /// Adds what is wrong with the options to a list.
  func check(_ problems: inout OptionProblems) {
    data.check(&problems)
    run.check(&problems)
  }

  /// Limits of searches over all cells, which from now on stop when the user asks for it.
  var effort: BoundEffort {
    Interruption.watch()
    return BoundEffort(
      seconds: run.maxSeconds ?? Trainer.defaultSearchSeconds,
      isInterrupted: { Interruption.isRequested })
  }

  /// The model and its data.
  func load(_ command: String) throws -> (model: Model, data: Dataset) {
    let network = try Model(contentsOf: model)
    guard network.network.activation.isPiecewiseLinear else {
      throw InputError(
        .usage, "--model", expected: "a relu, gated or linear network with \(command)",
        found: network.network.activation.rawValue,
        advice: "Networks with this activation work with train, certify, predict and evaluate.")
    }
    let inputs = try data.load(
      isSignal: network.configuration.filter.isSignal, seed: run.seed, like: network.samples)
    Progress(isSilent: run.quiet).note("\(command): \(data.describe(inputs))")
    return (network, inputs)
  }

  /// What the data are called in tables.
  func describe(_ inputs: Dataset) -> String { data.describe(inputs) }

  /// Ends the command where the user asked for it; nothing is written then.
  func requireUninterrupted(_ command: String) throws {
    guard Interruption.isRequested else { return }
    throw Failure(code: 130, message: "interrupted during \(command); nothing was written.")
  }

  /// Does what may find the model not accurate enough, which is a claim not established.
  func established<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as CertificateError where error.place.hasPrefix("optimal set, neuron") {
      throw Failure(code: 2, message: "\(error)")
    }
  }
}
