import Arrangements
import Tensors
import TestSupport
import Testing

/// Filters of nearly largest correlation against many random ones and against pricing.
struct NearMaximalFiltersTests {
  private func correlation(
    _ seed: UInt64, h: Int, windows: Int, outputs: Int, isMax: Bool
  ) -> PooledCorrelation {
    var generator = SeededGenerator(seed: seed)
    let (n, count) = (4, 4)
    let patches = generator.normalMatrix(rows: n * count, columns: h)
    let owners = (0..<count).map { $0 % windows }
    let terms: PatchTerms
    if isMax {
      terms = PatchTerms(patches: patches, maximumOver: owners, windowCount: windows)
    } else {
      var weights = Matrix(rows: windows, columns: count)
      for (k, q) in owners.enumerated() { weights[q, k] = 1 }
      terms = PatchTerms(patches: patches, weights: weights)
    }
    return terms.correlation(with: generator.normalMatrix(rows: n, columns: outputs))
  }

  static let cases: [(h: Int, windows: Int, outputs: Int, isMax: Bool)] = [
    (1, 1, 1, false), (2, 1, 1, false), (2, 2, 2, false), (3, 1, 1, false), (3, 1, 2, false),
    (3, 2, 1, true), (4, 1, 1, false), (2, 1, 3, true),
  ]

  private func chord(_ u: [Double], _ v: [Double]) -> Double {
    BLAS.norm(zip(u, v).map { $0 - $1 })
  }

  @Test(arguments: 0..<8)
  func everyFilterAtTheLevelIsNearOneListed(index: Int) throws {
    let choice = Self.cases[index]
    for seed in 1...4 as ClosedRange<UInt64> {
      let correlation = correlation(
        seed, h: choice.h, windows: choice.windows, outputs: choice.outputs, isMax: choice.isMax)
      let pricing = ConeSearch().price(correlation, PricingRequest(relativeTolerance: 1e-9))
      let top = pricing.largestNorm
      // A coarse level, so that random filters meet it.
      let radius = 0.3
      let request = NearMaximalRequest(level: 0.99 * top, radius: radius)
      let found = NearMaximalFilters(correlation, request)
      try #require(found.isComplete)
      #expect(abs((found.norms.first ?? 0) - top) <= 1e-8 * top)
      for j in found.norms.indices {
        let filter = Array(found.filters.row(j))
        #expect(abs(correlation.norm(at: filter) - found.norms[j]) <= 1e-12 * top)
        #expect(found.norms[j] >= found.level)
      }
      var generator = SeededGenerator(seed: seed + 50)
      for trial in 0..<4000 {
        // Half of them near the maxima, where the level is met.
        var u = (0..<choice.h).map { _ in generator.normal() }
        if trial % 2 == 0 {
          let near = Array(pricing.filters.row(trial / 2 % pricing.norms.count))
          u = zip(near, u).map { $0 + 0.1 * $1 }
        }
        let length = BLAS.norm(u)
        u = u.map { $0 / length }
        guard correlation.norm(at: u) >= found.level else { continue }
        let distance = (0..<found.filters.rows).map { chord(u, Array(found.filters.row($0))) }.min()
        #expect(distance ?? .infinity <= radius)
      }
    }
  }

  @Test(arguments: 0..<8)
  func maximaArePlacedToTheLastDigits(index: Int) throws {
    let choice = Self.cases[index]
    for seed in 5...8 as ClosedRange<UInt64> {
      let correlation = correlation(
        seed, h: choice.h, windows: choice.windows, outputs: choice.outputs, isMax: choice.isMax)
      let top = ConeSearch().price(
        correlation, PricingRequest(relativeTolerance: 1e-9)
      ).largestNorm
      let found = NearMaximalFilters(
        correlation, NearMaximalRequest(level: (1 - 1e-7) * top, radius: 2e-3))
      #expect(found.isComplete)
      #expect(!found.norms.isEmpty)
      // No random step of any size from the best one leads higher.
      let best = Array(found.filters.row(0))
      var generator = SeededGenerator(seed: seed)
      for trial in 0..<500 {
        let size = [1e-2, 1e-4, 1e-6, 1e-8][trial % 4]
        let moved = best.map { $0 + size * generator.normal() }
        let length = BLAS.norm(moved)
        #expect(
          correlation.norm(at: moved.map { $0 / length }) <= found.norms[0] * (1 + 1e-13))
      }
    }
  }

  @Test func limitsMakeTheListIncomplete() {
    let correlation = correlation(2, h: 3, windows: 1, outputs: 1, isMax: false)
    let top = ConeSearch().price(correlation, PricingRequest(relativeTolerance: 1e-9)).largestNorm
    var request = NearMaximalRequest(level: (1 - 1e-6) * top, radius: 5e-3)
    let all = NearMaximalFilters(correlation, request)
    #expect(all.isComplete)
    request.nodeLimit = 8
    #expect(!NearMaximalFilters(correlation, request).isComplete)
    request.nodeLimit = .max
    request.isInterrupted = { true }
    #expect(!NearMaximalFilters(correlation, request).isComplete)
    request.isInterrupted = { false }
    // A filter above the ceiling ends the search.
    request.ceiling = 0.9 * top
    #expect(!NearMaximalFilters(correlation, request).isComplete)
    // Threads change nothing.
    request.ceiling = .infinity
    request.threads = 2
    let threaded = NearMaximalFilters(correlation, request)
    #expect(threaded.filters == all.filters)
    #expect(threaded.nodeCount == all.nodeCount)
    // Above the maximum there is nothing.
    let none = NearMaximalFilters(
      correlation, NearMaximalRequest(level: 1.01 * top, radius: 5e-3))
    #expect(none.isComplete)
    #expect(none.norms.isEmpty)
  }
}
