/// One task that ccnn and its peers solve in turn.
struct Contest {
  /// A program to compare with.
  struct Peer {
    /// What the table calls it.
    let label: String
    /// Script in `Benchmarks/Peers` and its arguments.
    let command: [String]
    let pace: Pace

    init(_ label: String, _ command: String, _ pace: Pace = .repeated) {
      self.label = label
      self.command = command.split(separator: " ").map(String.init)
      self.pace = pace
    }
  }

  /// How often a peer runs.
  enum Pace {
    /// Once in every round.
    case repeated
    /// In the first round only: it repeats by itself, over seeds.
    case once
    /// In the first round only, and not in the quick version: it takes minutes.
    case slow
  }

  /// How ccnn's own network is certified by the routine that certifies the peers.
  enum Kind: String {
    case exact, relu, gated
    /// Not a network over cells: ccnn's own gap stands alone.
    case other
  }

  /// The group, as the command line names it.
  let group: String
  /// What the table calls the task.
  let title: String
  /// A name that `problems.py` knows.
  let problem: String
  /// Arguments of ccnn but for data, threads and output.
  let arguments: [String]
  let kind: Kind
  /// Processor seconds to beat, of `PEERS.md`.
  let targetSeconds: Double?
  /// Peak memory to stay under.
  let targetMegabytes: Double?
  let peers: [Peer]
  /// ccnn itself takes minutes here, or every peer does.
  let isSlow: Bool

  init(
    _ group: String, _ title: String, problem: String, _ arguments: String, kind: Kind,
    targetSeconds: Double? = nil, targetMegabytes: Double? = nil, isSlow: Bool = false,
    peers: [Peer]
  ) {
    self.group = group
    self.title = title
    self.problem = problem
    self.arguments = arguments.split(separator: " ").map(String.init)
    self.kind = kind
    self.targetSeconds = targetSeconds
    self.targetMegabytes = targetMegabytes
    self.isSlow = isSlow
    self.peers = peers
  }
}
