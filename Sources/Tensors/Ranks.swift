/// Processes that share the work on one problem, or threads that stand for them in tests.
///
/// Laws, checked by `RanksTests`: messages between two ranks arrive whole and in the order sent; a broadcast gives every rank the
/// numbers of rank 0.
package protocol Ranks: Sendable {
  /// The number of this rank, from 0.
  var index: Int { get }
  /// How many there are.
  var count: Int { get }
  /// Sends numbers to another rank; may wait until it receives them.
  func send(_ numbers: [Double], to rank: Int)
  /// Waits for the next numbers from another rank.
  func receive(from rank: Int) -> [Double]
  /// Gives every rank the numbers of rank 0, which are returned; others wait for them, and what they pass is not read.
  func broadcast(_ numbers: [Double]) -> [Double]
}

extension Ranks {
  /// Joins the sums of all ranks, in pairs: about `log2(count)` messages one after the other, each of about a leaf.
  ///
  /// - Parameter own: The sum of this rank's leaves, which come after those of the rank before.
  /// - Returns: The sum of all leaves on rank 0; that of some on the others.
  package func reduce(_ own: PairwiseSum) -> PairwiseSum {
    var sum = own
    var step = 1
    while step < count {
      if index % (2 * step) == step {
        send(sum.encoded, to: index - step)
        break
      }
      if index + step < count { sum.append(PairwiseSum(decoding: receive(from: index + step))) }
      step *= 2
    }
    return sum
  }

  /// Brings the numbers of all ranks to rank 0, one rank after the other.
  ///
  /// - Returns: All numbers on rank 0, none on the others.
  package func gather(_ own: [Double]) -> [Double] {
    guard index == 0 else {
      send(own, to: 0)
      return []
    }
    return (1..<max(1, count)).reduce(into: own) { $0 += receive(from: $1) }
  }
}
