import ConvexPrograms
import Convolutions
import Formats
import Solvers
import Synchronization
import Tensors

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A folder in which a training run keeps its state, to go on after an interruption, a crash or a time limit.
///
/// `checkpoint.safetensors` holds the solver's state, with everything that the run is of in its metadata; it is replaced
/// whole. `run.json` says the same in words. States are kept before every round and written at most every `interval`
/// seconds, and at the end.
final class TrainingCheckpoint {
  /// What a solver needs to go on: matrices by name, counters, and numbers of which every bit counts.
  struct State {
    let tensors: [(name: String, matrix: Matrix)]
    let counts: [Int]
    let numbers: [Double]
    let summary: Summary
  }

  /// Where a run stands, in words of its record.
  struct Summary {
    let method: String
    let round: Int
    let objective: Double
    let estimatedGap: Double
    let neuronCount: Int
  }

  private let folder: String
  private let interval: Double
  private let identity: Identity
  private var latest: (() -> State)?
  private var clock = Stopwatch()
  private var failure: (any Error)?
  /// Set when a state could not be written; the run is to end then.
  let hasFailed = Flag()

  /// What a run is of: two runs with equal parts take the same steps.
  struct Identity: Codable, Equatable {
    let version: String
    let configuration: TrainingConfiguration
    let lambda: Double
    let loss: String
    let samples: Int
    /// Fingerprint of images, targets and gates.
    let data: String
    /// How the features of gates are kept; nil for cell generation.
    let features: String?
    /// Fingerprint of the network to start from; empty without one.
    let start: String
  }

  /// A folder for a run, which is made if it is not there.
  ///
  /// - Throws: `InputError` of kind `access` when it cannot be made.
  init(
    folder: String, configuration: TrainingConfiguration, problem: TrainingProblem,
    images: any SampleSource, program: GatedProgram?, start: Network?, interval: Double
  ) throws {
    (self.folder, self.interval) = (folder, interval)
    let zero = Matrix(rows: problem.sampleCount, columns: problem.outputCount)
    var print = Fingerprint()
    for first in stride(from: 0, to: images.sampleCount, by: 1024) {
      print.add(images.batch(first..<min(images.sampleCount, first + 1024)).elements)
    }
    print.add(problem.loss.gradient(at: zero).elements)
    if let gates = program?.gates { print.add(gates.elements) }
    var startPrint = Fingerprint()
    if let start { startPrint.add(start.filters.elements + start.outputWeights.elements) }
    identity = Identity(
      version: Package.version, configuration: configuration, lambda: problem.lambda,
      loss: problem.loss.name, samples: problem.sampleCount, data: print.text,
      features: program?.storage.rawValue,
      start: start == nil ? "" : startPrint.text)
    try Self.requireFolder(folder)
    do {
      try FileBytes.makeFolder(folder)
    } catch let error as FormatError {
      throw InputError(
        .access, "--checkpoint \(folder)", expected: error.expected, found: error.found,
        advice: error.advice)
    }
  }

  /// Refuses a path that names something else than a folder.
  static func requireFolder(_ folder: String) throws {
    guard FileBytes.exists(folder), !FileBytes.isFolder(folder) else { return }
    throw InputError(
      .access, "--checkpoint \(folder)", expected: "a folder, or no file of this name",
      found: "a file", advice: "Choose another one.")
  }

  private var path: String { "\(folder)/checkpoint.safetensors" }

  /// The state to go on from; nil where the folder has none.
  ///
  /// - Throws: `FormatError` or `InputError` when the file is damaged or of another run.
  func kept() throws -> ModelReader? {
    guard FileBytes.exists(path) else { return nil }
    let reader = try Self.reader(path)
    let other: Identity = try reader.json("run")
    guard other == identity else {
      throw InputError(
        .data, "--checkpoint \(folder)", expected: "a run with these flags, data and start",
        found: difference(from: other),
        advice: "Repeat the command of that run, or choose another folder.")
    }
    return reader
  }

  /// A reader of the file of a state.
  ///
  /// - Throws: `FormatError` when it is not a safetensors file.
  static func reader(_ path: String) throws -> ModelReader {
    ModelReader(
      path: path, file: try Safetensors.read(path), advice: "Remove the folder to begin anew.")
  }

  /// The counters of a state, and the numbers of which every bit counts.
  ///
  /// - Parameters:
  ///   - reader: The file.
  ///   - countCount: How many counters the solver keeps.
  ///   - numberCount: How many numbers it keeps.
  /// - Returns: Both.
  /// - Throws: `InputError` when there are others, or counters that no run reaches.
  static func counters(
    in reader: ModelReader, counts countCount: Int, numbers numberCount: Int
  ) throws -> (counts: [Int], numbers: [Double]) {
    let counts: [Int] = try reader.json("counts")
    let numbers: [UInt64] = try reader.json("numbers")
    // Solvers add to counters and take multiples of them.
    guard counts.count == countCount, numbers.count == numberCount,
      counts.allSatisfy({ (0..<1 << 48).contains($0) })
    else {
      throw reader.error(
        "metadata ccnn.counts", "\(countCount) counts and \(numberCount) numbers", "others")
    }
    return (counts, numbers.map(Double.init(bitPattern:)))
  }

  /// Remembers a state, and writes it when the last one is old enough.
  ///
  /// - Parameter state: Makes the state; called only when it is written.
  func keep(_ state: @escaping () -> State) {
    latest = state
    guard clock.seconds >= interval, failure == nil else { return }
    do {
      try write("running")
    } catch {
      failure = error
      hasFailed.set()
    }
  }

  /// Writes the last state, however old the one before is.
  ///
  /// - Parameter status: How the run ended, in a word.
  /// - Throws: `FormatError` when a file cannot be written.
  func finish(_ status: String) throws {
    if let failure { throw failure }
    try write(status)
  }

  private func write(_ status: String) throws {
    guard let state = latest?() else { return }
    let tensors = state.tensors.map {
      (
        name: $0.name,
        tensor: Tensor(shape: [$0.matrix.rows, $0.matrix.columns], elements: $0.matrix.elements)
      )
    }
    let metadata = [
      "ccnn.run": try JSON.line(of: identity), "ccnn.counts": try JSON.line(of: state.counts),
      "ccnn.numbers": try JSON.line(of: state.numbers.map(\.bitPattern)),
    ]
    try Safetensors(tensors: tensors, metadata: metadata).write(to: path)
    let summary = RunSummary(
      what: "ccnn train, \(state.summary.method); repeat the command with this folder to go on",
      status: status, run: identity, round: state.summary.round,
      objective: Finite(state.summary.objective),
      estimatedGap: Finite(state.summary.estimatedGap), neuronCount: state.summary.neuronCount,
      written: Date.now.formatted(.iso8601))
    try AtomicFile.write(
      Array(try JSON.text(of: summary).utf8), to: "\(folder)/run.json")
    clock = Stopwatch()
  }

  /// What a run says of itself.
  private struct RunSummary: Encodable {
    let what: String
    let status: String
    let run: Identity
    let round: Int
    let objective: Finite
    let estimatedGap: Finite
    let neuronCount: Int
    let written: String
  }

  private func difference(from other: Identity) -> String {
    let parts: [(String, Bool)] = [
      ("version \(other.version)", other.version != identity.version),
      ("other model flags or gap", other.configuration != identity.configuration),
      ("lambda \(other.lambda)", other.lambda != identity.lambda),
      ("\(other.loss) loss", other.loss != identity.loss),
      (
        "other images, targets or gates",
        other.data != identity.data || other.samples != identity.samples
      ), ("other --features", other.features != identity.features),
      ("another start", other.start != identity.start),
    ]
    return "a run of " + parts.filter(\.1).map(\.0).joined(separator: ", ")
  }
}

/// A flag that one thread sets and others read.
final class Flag: Sendable {
  private let value = Atomic<Bool>(false)

  /// Whether the flag was set.
  var isSet: Bool { value.load(ordering: .relaxed) }

  /// Sets the flag.
  func set() { value.store(true, ordering: .relaxed) }
}

/// A hash of numbers, by their bits: FNV-1a in words of 64 bits, after Fowler, Noll and Vo.
struct Fingerprint {
  private var state: UInt64 = 0xCBF2_9CE4_8422_2325

  /// Takes in numbers.
  mutating func add(_ numbers: [Double]) {
    for number in numbers {
      state = (state ^ number.bitPattern) &* 0x0000_0100_0000_01B3
      // The product moves bits upwards only.
      state ^= state >> 29
    }
    state = (state ^ UInt64(numbers.count)) &* 0x0000_0100_0000_01B3
  }

  /// The hash in hexadecimal digits.
  var text: String { String(state, radix: 16) }
}
