/// A sum of vectors numbered 0, 1, 2, ..., always added in the same order, whoever holds which of them.
///
/// Vectors are the leaves of a binary tree: number `2 i` is added to `2 i + 1`, the sums of neighboring pairs to each other, and so
/// on; what has no partner at the end is added from the right. A holder of consecutive vectors adds those whose partners it has, and
/// joins its sum to that of the holder of the next vectors. The total has the same bits for any division among threads or
/// processes, and its rounding error grows with the logarithm of the number of vectors.
///
/// - Source: Higham, *The Accuracy of Floating Point Summation*, SIAM J. Sci. Comput. 1993 (pairwise summation).
package struct PairwiseSum: Sendable {
  /// The sum of leaves `index << level ..< (index + 1) << level`.
  private struct Node {
    var level: Int
    var index: Int
    var values: [Double]
  }

  private var nodes: [Node] = []

  /// The sum of no vectors.
  package init() {}

  /// The sum of consecutive leaves that are stored one after the other.
  ///
  /// - Parameters:
  ///   - parts: The leaves, each of `size` numbers.
  ///   - first: Number of the first of them.
  ///   - size: Numbers of a leaf.
  package init(_ parts: [Double], first: Int, size: Int) {
    guard size > 0 else { return }
    for (k, start) in stride(from: 0, to: parts.count, by: size).enumerated() {
      append(Array(parts[start..<start + size]), at: first + k)
    }
  }

  /// The sum of vectors whose pieces were summed apart, all over the same leaves.
  package init(joining pieces: [PairwiseSum]) {
    guard let shape = pieces.first else { return }
    nodes = shape.nodes
    for place in nodes.indices {
      nodes[place].values = pieces.flatMap { $0.nodes[place].values }
    }
  }

  /// Adds the leaf after the last one.
  package mutating func append(_ leaf: [Double], at index: Int) {
    push(Node(level: 0, index: index, values: leaf))
  }

  /// Adds a sum of the leaves after the last one.
  package mutating func append(_ later: PairwiseSum) {
    for node in later.nodes { push(node) }
  }

  private mutating func push(_ node: Node) {
    guard var last = nodes.last, last.level == node.level, last.index % 2 == 0,
      node.index == last.index + 1
    else { return nodes.append(node) }
    nodes.removeLast()
    Self.add(node.values, to: &last.values)
    (last.level, last.index) = (last.level + 1, last.index / 2)
    push(last)
  }

  private static func add(_ other: [Double], to values: inout [Double]) {
    precondition(other.count == values.count, "PairwiseSum: \(values.count) and \(other.count)")
    values.withUnsafeMutableBufferPointer { values in
      other.withUnsafeBufferPointer { other in
        for e in 0..<values.count { values[e] += other[e] }
      }
    }
  }

  /// The sum of all leaves, zeros where there is none.
  ///
  /// - Parameter count: Numbers of a leaf.
  /// - Returns: `count` numbers.
  package func total(count: Int) -> [Double] {
    guard var total = nodes.last?.values else { return [Double](repeating: 0, count: count) }
    for node in nodes.dropLast().reversed() { Self.add(node.values, to: &total) }
    return total
  }
}

extension PairwiseSum {
  /// The sum as numbers, for `init(decoding:)`.
  package var encoded: [Double] {
    var result = [Double(nodes.count)]
    for node in nodes {
      result += [Double(node.level), Double(node.index), Double(node.values.count)]
      result += node.values
    }
    return result
  }

  /// The sum that was `encoded`.
  package init(decoding numbers: [Double]) {
    var reader = RankMessage(numbers)
    for _ in 0..<reader.integer() {
      let (level, index) = (reader.integer(), reader.integer())
      nodes.append(Node(level: level, index: index, values: reader.numbers()))
    }
  }
}
