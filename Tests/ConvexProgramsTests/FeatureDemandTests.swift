import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// The choice between kinds of storage.
struct FeatureDemandTests {
  /// 60,000 images of 28 x 28 pixels, 5 x 5 filters, 3 x 3 windows, ten outputs.
  private func demand(gates: Int, isSquared: Bool, gap: Double = 1e-3) throws -> FeatureDemand {
    let problem = try ProblemCase(.signal, "sum", .gated, .squared, outputs: 1).problem()
    var demand = FeatureDemand(problem, gateCount: gates, relativeGap: gap)
    demand.sampleCount = 60_000
    demand.maskCount = 576 * gates
    demand.patchDimension = 25
    demand.featureCount = gates * 9 * 25
    demand.outputCount = 10
    demand.isSquared = isSquared
    return demand
  }

  private static let block = 32 << 20

  @Test func squaredLossIsSolvedFromProductsWhereTheseFit() throws {
    let demand = try demand(gates: 32, isSquared: true)
    #expect(demand.storage(budget: 2 << 30, blockBytes: Self.block) == .gram)
    #expect(demand.storage(budget: nil, blockBytes: Self.block) == .gram)
    // A'A takes 0.4 GiB.
    #expect(demand.storage(budget: 300 << 20, blockBytes: Self.block) == .streamed)
  }

  @Test func otherLossesTakeWhatFits() throws {
    let demand = try demand(gates: 32, isSquared: false)
    #expect(demand.storage(budget: 8 << 30, blockBytes: Self.block) == .dense)
    #expect(demand.storage(budget: 2 << 30, blockBytes: Self.block) == .float)
    #expect(demand.storage(budget: 1 << 30, blockBytes: Self.block) == .streamed)
    #expect(demand.storage(budget: 64 << 20, blockBytes: Self.block) == nil)
    #expect(demand.storage(budget: nil, blockBytes: Self.block) == .dense)
  }

  @Test func withoutLimitDenseFeaturesKeepTheirBound() throws {
    let demand = try demand(gates: 64, isSquared: false)
    // Dense features of 6.4 GiB, 3.2 GiB in single precision.
    #expect(demand.storage(budget: nil, blockBytes: Self.block) == .float)
  }

  @Test func smallGapsAvoidSinglePrecision() throws {
    let demand = try demand(gates: 32, isSquared: false, gap: 1e-7)
    #expect(demand.storage(budget: 2 << 30, blockBytes: Self.block) == .streamed)
    #expect(demand.work(.float) == .infinity)
  }

  @Test func fewSamplesAreKeptDense() throws {
    var demand = try demand(gates: 32, isSquared: true)
    demand.sampleCount = 500
    #expect(demand.storage(budget: 2 << 30, blockBytes: Self.block) == .dense)
  }

  @Test func needGrowsWithWhatIsKept() throws {
    let demand = try demand(gates: 32, isSquared: true)
    let (n, d) = (60_000, 7200)
    let streamed = demand.bytes(.streamed, blockBytes: Self.block)
    let float = demand.bytes(.float, blockBytes: Self.block)
    let dense = demand.bytes(.dense, blockBytes: Self.block)
    let gram = demand.bytes(.gram, blockBytes: Self.block)
    #expect(float - streamed == 4 * n * d)
    #expect(dense == streamed - Self.block + 8 * n * d)
    #expect(gram - streamed >= 8 * d * d)
    #expect(FeatureDemand.blockBytes(budget: 64 << 20) == 2 << 20)
    #expect(FeatureDemand.blockBytes(budget: nil) == 32 << 20)
  }
}
