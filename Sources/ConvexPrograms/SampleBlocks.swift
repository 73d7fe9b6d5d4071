/// How samples are cut into blocks for passes over the data.
///
/// Blocks depend on shapes only, and sums over them are pairwise, so results have the same bits for any number of threads or ranks.
package struct SampleBlocks: Sendable, Equatable {
  /// Number of samples `n`.
  package let sampleCount: Int

  /// Responses that a chunk should have at least; fewer do not pay for handing it to a thread.
  private static let responsesPerChunk = 131_072
  /// Rows of features that a block should have at least, so that adding its sum costs little.
  private static let rowsPerBlock = 128

  /// The blocks of a number of samples.
  package init(_ sampleCount: Int) { self.sampleCount = sampleCount }

  /// Samples of the smallest chunk of a pass: 64 chunks, and up to 1024 of 256 samples where there are more.
  package var passBlock: Int { Self.quotient(sampleCount, max(64, min(1024, sampleCount / 256))) }

  /// Samples per block of products with features: some pass blocks.
  package var featureBlock: Int { passBlock * Self.quotient(Self.rowsPerBlock, passBlock) }

  /// Number of blocks of products with features.
  package var featureBlockCount: Int { Self.quotient(sampleCount, featureBlock) }

  /// Samples per chunk of a pass with so many responses per sample.
  package func chunk(responsesPerSample: Int) -> Int {
    max(Self.responsesPerChunk / max(1, responsesPerSample), passBlock)
  }

  /// Samples whose share of the data a rank holds: whole blocks, as many as others up to one.
  package func samples(ofRank rank: Int, of count: Int) -> Range<Int> {
    let blocks = featureBlockCount
    let (first, end) = (rank * blocks / count, (rank + 1) * blocks / count)
    return min(sampleCount, first * featureBlock)..<min(sampleCount, end * featureBlock)
  }

  private static func quotient(_ a: Int, _ b: Int) -> Int { max(1, (a + b - 1) / b) }
}
