package import Tensors

/// The cones of a branch and bound, bounded by several ranks.
///
/// Rank 0 searches; in every round each rank bounds some of the cones and gives them back with what is left undecided. A bound does
/// not depend on who finds it, so the search is the same for any number of ranks.
final class SharedCones {
  private let team: RankTeam
  private let name: Int

  /// Tells all ranks the correlation; nil where there is no other.
  init?(_ correlation: PooledCorrelation, team: RankTeam) {
    guard team.ranks.count > 1 else { return nil }
    var message = RankMessage()
    message.append(correlation)
    self.team = team
    name = team.make(SharedConesService.kind, message)
  }

  deinit { team.release(name) }

  /// Bounds cones, as `ConeBoundPool.assess` does.
  ///
  /// - Parameters:
  ///   - nodes: The cones; neighbors go to different ranks.
  ///   - cut: Bounds at or below this need not be sharper.
  ///   - bounds: Bounds those of rank 0.
  ///   - threads: Threads that every rank uses.
  func assess(_ nodes: [ConeNode], cut: Double, with bounds: ConeBoundPool, threads: Int) {
    let count = team.ranks.count
    var call = RankMessage()
    call.append([cut])
    call.append(threads)
    team.call(name, 0, call)
    let shares = (0..<count).map { rank in
      stride(from: rank, to: nodes.count, by: count).map { nodes[$0] }
    }
    for rank in 1..<count {
      var message = RankMessage()
      message.append(shares[rank].count)
      for node in shares[rank] { message.append(question: node) }
      team.ranks.send(message.elements, to: rank)
    }
    bounds.assess(shares[0], cut: cut, threads: threads)
    for rank in 1..<count {
      var message = RankMessage(team.ranks.receive(from: rank))
      for node in shares[rank] { message.readAnswer(into: node) }
    }
  }
}

/// The part of a rank in a branch and bound.
package final class SharedConesService: RankService {
  /// The kind of object that a search by several ranks makes.
  package static let kind = 2

  private let bounds: ConeBoundPool
  private let linear: [Double]

  /// Bounds the cones of a correlation that rank 0 sends.
  package init(_ message: inout RankMessage, in server: RankServer) {
    let correlation = message.correlation()
    bounds = ConeBoundPool(correlation)
    linear = correlation.linear.elements
  }

  /// Bounds the cones that rank 0 sends next.
  package func serve(_ operation: Int, _ arguments: inout RankMessage, in server: RankServer) {
    let (cut, threads) = (arguments.numbers()[0], arguments.integer())
    var questions = RankMessage(server.ranks.receive(from: 0))
    let nodes = (0..<questions.integer()).map { _ in questions.node(root: linear) }
    bounds.assess(nodes, cut: cut, threads: threads)
    var answers = RankMessage()
    for node in nodes { answers.append(answer: node) }
    server.ranks.send(answers.elements, to: 0)
  }
}

extension RankMessage {
  /// Appends a cone before it is bounded; the linear part of the whole space is known.
  fileprivate mutating func append(question node: ConeNode) {
    append(node.rays)
    append(node.depth)
    append(node.members == nil ? 0 : 1)
    guard let members = node.members else { return }
    append(node.linear)
    append(members.map { Double($0) })
  }

  /// Reads a cone before it is bounded.
  fileprivate mutating func node(root: [Double]) -> ConeNode {
    let (rays, depth) = (numbers(), integer())
    guard integer() == 1 else {
      return ConeNode(rays: rays, depth: depth, linear: root, members: nil)
    }
    let linear = numbers()
    return ConeNode(
      rays: rays, depth: depth, linear: linear, members: numbers().map { Int32($0) })
  }

  /// Appends what became known of a cone.
  fileprivate mutating func append(answer node: ConeNode) {
    append([node.bound, Double(node.edge.0), Double(node.edge.1)])
    append(node.candidate.map { [$0.norm] + $0.filter } ?? [])
    append(node.linear)
    append(node.members == nil ? 0 : 1)
    if let members = node.members { append(members.map { Double($0) }) }
  }

  /// Reads what became known of a cone.
  fileprivate mutating func readAnswer(into node: ConeNode) {
    let found = numbers()
    (node.bound, node.edge) = (found[0], (Int(found[1]), Int(found[2])))
    let candidate = numbers()
    node.candidate =
      candidate.isEmpty ? nil : (filter: Array(candidate.dropFirst()), norm: candidate[0])
    node.linear = numbers()
    node.members = integer() == 1 ? numbers().map { Int32($0) } : nil
  }

  /// Appends what bounds of a correlation need.
  fileprivate mutating func append(_ correlation: PooledCorrelation) {
    append(correlation.terms.rows)
    append(correlation.terms.starts.map { Double($0) })
    append(correlation.terms.windows.map { Double($0) })
    append(correlation.terms.windowCount)
    append(correlation.outputCount)
    append(correlation.coefficients)
    append(correlation.linear)
    append([correlation.mass])
  }

  /// Reads a correlation.
  fileprivate mutating func correlation() -> PooledCorrelation {
    let (rows, starts, windows) = (matrix(), numbers(), numbers())
    let terms = PatchTerms(
      rows: rows, starts: starts.map { Int32($0) }, windows: windows.map { Int32($0) },
      windowCount: integer())
    let (outputCount, coefficients, linear) = (integer(), matrix(), matrix())
    return PooledCorrelation(
      terms: terms, outputCount: outputCount, coefficients: coefficients, linear: linear,
      mass: numbers()[0])
  }
}
