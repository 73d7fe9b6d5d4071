import Arrangements
import Tensors
import TestSupport
import Testing

/// Branch and bound by several ranks: the same search as in one process.
struct SharedConesTests {
  private func correlation(entries: Int, isMaximum: Bool) -> PooledCorrelation {
    var generator = SeededGenerator(seed: 21)
    let patches = generator.normalMatrix(rows: 60, columns: 4)
    let dual = generator.normalMatrix(rows: 20, columns: entries)
    return isMaximum
      ? PatchTerms(patches: patches, maximumOver: [0, 0, 1], windowCount: 2)
        .correlation(with: dual)
      : PatchTerms(patches: patches, weights: Matrix([[0.5, 0.25, 0.25]])).correlation(with: dual)
  }

  @Test(arguments: [2, 3, 4], [(1, false), (3, false), (1, true)])
  func theSearchIsTheSame(ranks: Int, kind: (entries: Int, isMaximum: Bool)) {
    let correlation = correlation(entries: kind.entries, isMaximum: kind.isMaximum)
    for memory in [1 << 30, 4096] {
      var search = ConeSearch(memory: memory)
      let request = PricingRequest(relativeTolerance: 1e-4, nodeLimit: 20_000)
      let alone = search.price(correlation, request)
      let (together, left) = ThreadRanks.leading(
        ranks, makers: { [SharedConesService.kind: { SharedConesService(&$0, in: $1) }] }
      ) { team in
        search.team = team
        let found = search.price(correlation, request)
        team.call(team.nextName(), 0)
        return found
      }
      #expect(left == [Int](repeating: 0, count: ranks - 1))
      #expect(alone.nodeCount > 150)
      #expect(together.nodeCount == alone.nodeCount)
      #expect(together.upperBound == alone.upperBound)
      #expect(together.norms == alone.norms)
      #expect(together.filters == alone.filters)
      #expect(together.ending == alone.ending)
    }
  }
}
