/// All rounds of a contest and what they say.
struct Standing {
  /// One line of the table.
  struct Comparison {
    let label: String
    let outcome: Outcome
    /// Median over the rounds of the peer's seconds over ccnn's of the same round.
    let ratio: Double?
  }

  let contest: Contest
  /// Outcomes of ccnn, one per round.
  var ccnn: [Outcome] = []
  /// Outcomes of the peers by label, one per round that they ran in.
  var peers: [String: [Outcome]] = [:]
  /// ccnn's gap by the routine that certifies the peers.
  var commonGap: Double?

  init(contest: Contest) { self.contest = contest }

  /// ccnn with the median of its seconds and the largest of its memory.
  var tool: Outcome { Self.typical(ccnn) }

  /// The peers that ran, in the order of the contest.
  var comparisons: [Comparison] {
    contest.peers.compactMap { peer in
      guard let outcomes = peers[peer.label] else { return nil }
      let ratios = zip(outcomes, ccnn).compactMap { other, own -> Double? in
        guard let seconds = other.seconds, let base = own.seconds, base > 0 else { return nil }
        return seconds / base
      }
      return Comparison(
        label: peer.label, outcome: Self.typical(outcomes), ratio: Self.median(ratios))
    }
  }

  /// Whether ccnn met the targets, in words; nil where there are none.
  var verdict: String? {
    guard let target = contest.targetSeconds, let seconds = tool.seconds else { return nil }
    var missed: [String] = []
    if seconds >= target {
      missed.append("\(Report.short(seconds)) s, not \(Report.short(target))")
    }
    if let limit = contest.targetMegabytes, let used = tool.megabytes, used >= limit {
      missed.append("\(Int(used)) MB, not \(Int(limit))")
    }
    return missed.isEmpty ? "met" : "missed: " + missed.joined(separator: ", ")
  }

  private static func typical(_ outcomes: [Outcome]) -> Outcome {
    guard var typical = outcomes.last else { preconditionFailure("a contest has a round") }
    typical.seconds = median(outcomes.compactMap(\.seconds))
    typical.megabytes = outcomes.compactMap(\.megabytes).max()
    return typical
  }

  private static func median(_ values: [Double]) -> Double? {
    guard !values.isEmpty else { return nil }
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}
