/// Cones by their bounds; of equal bounds the one entered first.
struct ConeHeap {
  private var nodes: [(node: ConeNode, number: Int)] = []
  private var entered = 0

  /// Number of cones.
  var count: Int { nodes.count }
  /// The largest bound; `nil` when there is no cone.
  var largest: Double? { nodes.first?.node.bound }

  /// Enters a cone.
  mutating func insert(_ node: ConeNode) {
    nodes.append((node, entered))
    entered += 1
    var place = nodes.count - 1
    while place > 0, precedes(place, (place - 1) / 2) {
      nodes.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  /// Takes out the cone of largest bound, if that is above a number.
  mutating func removeLargest(above cut: Double) -> ConeNode? {
    guard let first = nodes.first, first.node.bound > cut else { return nil }
    nodes[0] = nodes[nodes.count - 1]
    nodes.removeLast()
    var place = 0
    while true {
      var child = 2 * place + 1
      guard child < nodes.count else { break }
      if child + 1 < nodes.count, precedes(child + 1, child) { child += 1 }
      guard precedes(child, place) else { break }
      nodes.swapAt(child, place)
      place = child
    }
    return first.node
  }

  private func precedes(_ a: Int, _ b: Int) -> Bool {
    let (first, second) = (nodes[a].node.bound, nodes[b].node.bound)
    return first == second ? nodes[a].number < nodes[b].number : first > second
  }
}
