import Tensors

/// Branch and bound for a member of a polytope with the fewest positive coordinates.
///
/// At a vertex with support `s` any member with fewer must have some coordinate of `s` at zero. The branches hold the
/// coordinates at zero one by one; the ones branched on before are taken as required, so that no support is met twice. A
/// branch ends when as many coordinates are required as the best support has.
package struct SmallestSupport {
  private let root: MassPolytope
  private let nodeLimit: Int
  private var nodeCount = 0
  private var best: [Double]

  /// A search on a polytope.
  ///
  /// - Parameters:
  ///   - polytope: The polytope.
  ///   - nodeLimit: Most nodes.
  package init(_ polytope: MassPolytope, nodeLimit: Int) {
    (root, self.nodeLimit) = (polytope, nodeLimit)
    best = polytope.vertex
  }

  /// Searches the branches.
  ///
  /// - Returns: The best member, and whether none has fewer positive coordinates.
  /// - Throws: `LAPACK.Failure` when a basis is singular.
  package mutating func solve() throws -> (masses: [Double], isSmallest: Bool) {
    // A few vertices first: the largest sums of random weights leave out what is small anyway.
    var (polytope, generator) = (root, SeededGenerator(seed: 1))
    for _ in 0..<8 {
      let weights = best.map { x in
        (x > root.negligible ? 1.0 : 0) + 0.1 * generator.uniform()
      }
      try note(try polytope.maximize(weights).point)
    }
    let isSmallest = try branch(root, required: [])
    return (best, isSmallest)
  }

  private func support(_ x: [Double]) -> [Int] { x.indices.filter { x[$0] > root.negligible } }

  private mutating func note(_ x: [Double]) throws {
    if support(x).count < support(best).count { best = x }
  }

  /// Whether the branch was searched to its end.
  private mutating func branch(_ polytope: MassPolytope, required: Set<Int>) throws -> Bool {
    nodeCount += 1
    guard nodeCount <= nodeLimit else { return false }
    let x = polytope.vertex
    try note(x)
    var required = required
    // A coordinate that cannot be zero is in every support.
    let candidates = support(x).filter { !required.contains($0) }.sorted { x[$0] < x[$1] }
    var children: [(Int, MassPolytope)] = []
    for j in candidates {
      if let child = try polytope.excluding(j) {
        children.append((j, child))
      } else {
        required.insert(j)
      }
    }
    for (j, child) in children {
      guard required.count < support(best).count else { return true }
      guard try branch(child, required: required) else { return false }
      required.insert(j)
    }
    return true
  }
}
