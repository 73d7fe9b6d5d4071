/// Rank 0 and the ranks that serve it.
///
/// Rank 0 runs the whole program. The others wait for calls: each goes to an object that rank 0 made there before, such as a share of
/// the samples, and every rank does its part of the pass. So whatever depends on the clock, on an interruption, or on files is decided
/// by rank 0 alone, and ranks cannot go different ways. What a call brings and takes is as much as if every rank ran the program.
package final class RankTeam: Sendable {
  /// All ranks, seen from rank 0.
  package let ranks: any Ranks
  private let state = Guarded<(next: Int, released: [Int])>((1, []))

  /// Where a call goes that ends the service.
  static let dismissal = 0

  /// The team of a group of ranks.
  ///
  /// - Precondition: This is rank 0.
  package init(leading ranks: any Ranks) {
    precondition(ranks.index == 0, "RankTeam: rank \(ranks.index) cannot lead")
    self.ranks = ranks
  }

  /// A name for an object that calls will make.
  package func nextName() -> Int {
    state.withLock { state in
      state.next += 1
      return state.next - 1
    }
  }

  /// Makes an object on every other rank.
  ///
  /// - Parameters:
  ///   - kind: What to make, as known to `RankServer`.
  ///   - arguments: What it is made of.
  ///   - share: What only one rank gets, sent after the arguments; nil where all get the same.
  /// - Returns: Its name.
  package func make(
    _ kind: Int, _ arguments: RankMessage, share: ((Int) -> [Double])? = nil
  ) -> Int {
    let name = nextName()
    var message = RankMessage()
    message.append(kind)
    call(-name, 0, RankMessage(message.elements + arguments.elements))
    if let share { for rank in 1..<max(1, ranks.count) { ranks.send(share(rank), to: rank) } }
    return name
  }

  /// Calls an object on every other rank.
  ///
  /// - Parameters:
  ///   - name: The object.
  ///   - operation: What it is to do.
  ///   - arguments: With what.
  package func call(_ name: Int, _ operation: Int, _ arguments: RankMessage = RankMessage()) {
    var message = RankMessage()
    message.append(
      state.withLock { state in
        defer { state.released = [] }
        return state.released
      })
    message.append(name)
    message.append(operation)
    _ = ranks.broadcast(message.elements + arguments.elements)
  }

  /// Notes that an object is not needed any more; the next call says so to the others.
  package func release(_ name: Int) { state.withLock { $0.released.append(name) } }

  /// Ends the service of the other ranks.
  package func dismiss() { call(Self.dismissal, 0) }
}

/// What a rank does when rank 0 calls.
package protocol RankService: AnyObject {
  /// Does the part of this rank in a call.
  ///
  /// - Parameters:
  ///   - operation: What to do.
  ///   - arguments: With what.
  ///   - server: Holds the other objects of this rank.
  func serve(_ operation: Int, _ arguments: inout RankMessage, in server: RankServer)
}

/// The part of a rank other than 0: it waits for calls until it is dismissed.
package final class RankServer {
  /// Makes an object from its arguments.
  package typealias Maker = (inout RankMessage, RankServer) throws -> (any RankService)?

  /// All ranks, seen from this one.
  package let ranks: any Ranks
  private let makers: [Int: Maker]
  private var services: [Int: any RankService] = [:]

  /// A server of some kinds of objects.
  package init(_ ranks: any Ranks, makers: [Int: Maker]) {
    (self.ranks, self.makers) = (ranks, makers)
  }

  /// Number of objects in use.
  package var serviceCount: Int { services.count }

  /// The object of a name.
  package subscript(name: Int) -> (any RankService)? {
    get { services[name] }
    set { services[name] = newValue }
  }

  /// Serves until dismissed.
  ///
  /// - Throws: What making an object throws.
  package func run() throws {
    while true {
      var message = RankMessage(ranks.broadcast([]))
      for name in message.integers() { services[name] = nil }
      let (name, operation) = (message.integer(), message.integer())
      if name == RankTeam.dismissal { return }
      if name < 0 {
        services[-name] = try makers[message.integer()]?(&message, self)
      } else {
        services[name]?.serve(operation, &message, in: self)
      }
    }
  }
}
