public import ConvexPrograms

extension CellGeneration {
  /// Where a run stands between two rounds.
  ///
  /// With the same problem, settings, start and limits a run goes on from here to the bits that it would have reached
  /// without a break, unless a limit of time comes in between.
  public struct Checkpoint: Sendable {
    /// The network, balanced or as the round left it.
    public let network: Network
    /// Rounds run; it also seeds the next one.
    public let round: Int
    /// Rounds of little progress, one after the other.
    public let slowRounds: Int
    /// Rounds without anything to add, one after the other.
    public let quietRounds: Int
    /// Largest dual norm found in the last round, over lambda.
    public let dualNormRatio: Double
    /// Relative gap that it suggests.
    public let estimatedGap: Double
    /// Cones, arcs or faces that pricing over all cells looked at.
    public let pricedNodeCount: Int

    /// A state with all its parts.
    public init(
      network: Network, round: Int, slowRounds: Int, quietRounds: Int, dualNormRatio: Double,
      estimatedGap: Double, pricedNodeCount: Int
    ) {
      self.network = network
      (self.round, self.slowRounds, self.quietRounds) = (round, slowRounds, quietRounds)
      (self.dualNormRatio, self.estimatedGap) = (dualNormRatio, estimatedGap)
      self.pricedNodeCount = pricedNodeCount
    }
  }
}

extension CellGenerationRun {
  /// Puts a run where a checkpoint says.
  mutating func resume(_ checkpoint: CellGeneration.Checkpoint) {
    network = checkpoint.network
    objective = problem.objective(of: network)
    (round, slowRounds) = (checkpoint.round, checkpoint.slowRounds)
    (ratio, estimatedGap) = (checkpoint.dualNormRatio, checkpoint.estimatedGap)
    pricedNodeCount = checkpoint.pricedNodeCount
  }

  /// Where the run stands.
  func checkpoint(quietRounds: Int) -> CellGeneration.Checkpoint {
    CellGeneration.Checkpoint(
      network: network, round: round, slowRounds: slowRounds, quietRounds: quietRounds,
      dualNormRatio: ratio, estimatedGap: estimatedGap, pricedNodeCount: pricedNodeCount)
  }
}
