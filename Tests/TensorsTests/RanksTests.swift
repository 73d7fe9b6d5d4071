import Tensors
import TestSupport
import Testing

/// The laws of ranks, and sums that do not depend on who holds what.
struct RanksTests {
  @Test
  func messagesArriveInOrder() {
    let received = ThreadRanks.onAll(3) { ranks -> [[Double]] in
      let next = (ranks.index + 1) % 3
      for k in 0..<5 { ranks.send([Double](repeating: Double(k), count: k), to: next) }
      return (0..<5).map { _ in ranks.receive(from: (ranks.index + 2) % 3) }
    }
    let sent = (0..<5).map { [Double](repeating: Double($0), count: $0) }
    #expect(received == [sent, sent, sent])
  }

  @Test
  func aBroadcastGivesAllTheNumbersOfRankZero() {
    let received = ThreadRanks.onAll(4) { $0.broadcast([Double($0.index) + 0.5, 7]) }
    #expect(received == [[Double]](repeating: [0.5, 7], count: 4))
  }

  @Test
  func gatheringKeepsTheOrderOfRanks() {
    let received = ThreadRanks.onAll(4) { ranks in
      ranks.gather([Double](repeating: Double(ranks.index), count: ranks.index))
    }
    #expect(received == [[1, 2, 2, 3, 3, 3], [], [], []])
  }

  /// Leaves whose sum depends on the order to the last bit.
  private static func leaf(_ index: Int) -> [Double] {
    var generator = SeededGenerator(seed: UInt64(index))
    return (0..<3).map { _ in generator.normal() * 1e8 + generator.normal() }
  }

  @Test(arguments: [1, 2, 3, 5, 8, 13, 64, 100])
  func sumsHaveTheSameBitsForAnyDivision(count: Int) {
    var whole = PairwiseSum()
    for index in 0..<count { whole.append(Self.leaf(index), at: index) }
    let total = whole.total(count: 3)
    for rankCount in [1, 2, 3, 4, 7, 16] {
      let sums = ThreadRanks.onAll(rankCount) { ranks in
        var own = PairwiseSum()
        for index in ranks.index * count / rankCount..<(ranks.index + 1) * count / rankCount {
          own.append(Self.leaf(index), at: index)
        }
        return ranks.reduce(own).total(count: 3)
      }
      #expect(sums[0] == total)
    }
    let plain = (0..<count).reduce(into: [0.0, 0, 0]) { sum, index in
      for (e, x) in Self.leaf(index).enumerated() { sum[e] += x }
    }
    for (a, b) in zip(total, plain) { #expect(abs(a - b) <= 1e-15 * 1e9 * Double(count)) }
  }

  @Test
  func pairsAreAddedBeforeTheirSums() {
    // In order the ones would be lost: (1 + 2^60) - 2^60 = 0.
    let leaves = [1, 1, 0x1p60, -0x1p60]
    #expect(PairwiseSum(leaves, first: 0, size: 1).total(count: 1) == [2])
    #expect(PairwiseSum([0x1p60, 1, -0x1p60], first: 0, size: 1).total(count: 1) == [0])
    #expect(PairwiseSum().total(count: 2) == [0, 0])
  }

  @Test
  func messagesGiveBackWhatWasAppended() {
    var message = RankMessage()
    message.append(-3)
    message.append([1.5, .infinity])
    message.append(Matrix(rows: 1, columns: 2, elements: [4, 5]))
    message.append("softmax ä")
    message.append([7, 8])
    var reader = RankMessage(message.elements)
    #expect(reader.integer() == -3)
    #expect(reader.numbers() == [1.5, .infinity])
    #expect(reader.matrix() == Matrix(rows: 1, columns: 2, elements: [4, 5]))
    #expect(reader.text() == "softmax ä")
    #expect(reader.integers() == [7, 8])
  }

  /// Adds its argument to a number, and gives it back when called again.
  private final class Adder: RankService {
    private var sum: Double
    init(_ sum: Double) { self.sum = sum }
    func serve(_ operation: Int, _ arguments: inout RankMessage, in server: RankServer) {
      if operation == 0 { sum += arguments.numbers()[0] }
      if operation == 1 { _ = server.ranks.gather([sum]) }
    }
  }

  @Test
  func aTeamCallsAndReleasesObjects() {
    let (values, left) = ThreadRanks.leading(
      3, makers: { [9: { message, _ in Adder(message.numbers()[0]) }] }
    ) { team in
      var start = RankMessage()
      start.append([10.0])
      let first = team.make(9, start)
      let second = team.make(9, start)
      var two = RankMessage()
      two.append([2.0])
      team.call(first, 0, two)
      team.call(first, 1)
      let one = team.ranks.gather([])
      team.release(first)
      team.call(second, 1)
      return [one, team.ranks.gather([])]
    }
    #expect(values == [[12, 12], [10, 10]])
    #expect(left == [1, 1])
  }
}
