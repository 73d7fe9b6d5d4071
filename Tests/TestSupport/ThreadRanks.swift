import Dispatch
import Foundation
package import Tensors

/// Ranks that are threads of this process, with a queue of messages between every two.
package struct ThreadRanks: Ranks {
  package let index: Int
  package let count: Int
  private let queues: [Queue]

  /// Numbers that all ranks of the group sent so far; a broadcast counts once for every rank that gets it.
  package var sentCount: Int { queues.reduce(0) { $0 + $1.sentCount } }

  /// Messages from one rank to another, in order.
  private final class Queue: Sendable {
    private let messages = Guarded<[[Double]]>([])
    private let arrived = DispatchSemaphore(value: 0)
    private let sent = Guarded(0)

    var sentCount: Int { sent.withLock { $0 } }

    func put(_ message: [Double]) {
      sent.withLock { $0 += message.count }
      messages.withLock { $0.append(message) }
      arrived.signal()
    }

    func take() -> [Double] {
      arrived.wait()
      return messages.withLock { $0.removeFirst() }
    }
  }

  package func send(_ numbers: [Double], to rank: Int) {
    queues[index * count + rank].put(numbers)
  }

  package func receive(from rank: Int) -> [Double] { queues[rank * count + index].take() }

  package func broadcast(_ numbers: [Double]) -> [Double] {
    guard index == 0 else { return receive(from: 0) }
    for rank in 1..<count { send(numbers, to: rank) }
    return numbers
  }

  private init(_ index: Int, _ count: Int, _ queues: [Queue]) {
    (self.index, self.count, self.queues) = (index, count, queues)
  }

  /// A group of ranks, each of which must be used from a thread of its own.
  package static func group(of count: Int) -> [ThreadRanks] {
    let queues = (0..<count * count).map { _ in Queue() }
    return (0..<count).map { ThreadRanks($0, count, queues) }
  }

  /// Calls a body on every rank, each on its own thread, and waits for all.
  ///
  /// - Returns: What the bodies returned, by rank.
  package static func onAll<Value: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (ThreadRanks) -> Value
  ) -> [Value] {
    let results = Guarded<[Int: Value]>([:])
    let done = DispatchGroup()
    withExtendedLifetime(results) {
      let keep: @Sendable (Int, Value) -> Void = { index, value in
        results.withLock { $0[index] = value }
      }
      for ranks in group(of: count) {
        done.enter()
        Thread.detachNewThread {
          keep(ranks.index, body(ranks))
          done.leave()
        }
      }
      done.wait()
    }
    return results.withLock { found in found.sorted { $0.key < $1.key }.map(\.value) }
  }

  /// Calls a body as rank 0 while the others serve it.
  ///
  /// - Parameters:
  ///   - count: Number of ranks.
  ///   - makers: What the others can make.
  ///   - body: Receives the team.
  /// - Returns: What the body returned, and how many objects the others still had at the end.
  package static func leading<Value>(
    _ count: Int, makers: @escaping @Sendable () -> [Int: RankServer.Maker],
    _ body: (RankTeam) throws -> Value
  ) rethrows -> (value: Value, left: [Int]) {
    let ranks = group(of: count)
    let left = Counts()
    let done = DispatchGroup()
    for other in ranks.dropFirst() {
      done.enter()
      Thread.detachNewThread {
        let server = RankServer(other, makers: makers())
        do { try server.run() } catch { left.add(.max) }
        left.add(server.serviceCount)
        done.leave()
      }
    }
    let team = RankTeam(leading: ranks[0])
    defer {
      team.dismiss()
      done.wait()
    }
    let value = try body(team)
    team.dismiss()
    done.wait()
    return (value, left.all)
  }

  /// Numbers that threads add.
  private final class Counts: Sendable {
    private let counts = Guarded<[Int]>([])
    var all: [Int] { counts.withLock { $0 } }
    func add(_ count: Int) { counts.withLock { $0.append(count) } }
  }
}
