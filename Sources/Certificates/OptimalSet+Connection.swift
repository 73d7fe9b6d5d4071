public import ConvexPrograms

extension OptimalSet {
  /// Whether two optima are joined by a path of optima of bounded width.
  public enum Connection: Sendable, Equatable {
    /// They are, through these masses; straight lines between consecutive ones are optima of the width.
    case joined([[Double]])
    /// No path of optima over `neurons` has the width.
    case separate
    /// More vertices than were looked at might join them.
    case undecided
    /// One of them is no optimum, for this reason.
    case notOptimal(String)
  }

  /// Looks for a path of optimal networks from one network to another, up to the order of their neurons.
  ///
  /// Optima of at most `width` neurons are a union of faces of the polytope, each with a vertex. Two faces are joined when
  /// some vertices of theirs are, and two vertices are joined directly when their neurons together are at most `width`. So
  /// the search in the graph of all vertices decides.
  ///
  /// - Parameters:
  ///   - first: A network.
  ///   - second: A network.
  ///   - width: Most neurons on the way; splitting of neurons does not count.
  ///   - limit: Most bases looked at.
  /// - Returns: The path, or why there is none.
  /// - Throws: `LAPACK.Failure` when a basis is singular.
  /// - Complexity: Quadratic in the number of vertices.
  /// - Source: Kim, Mishkin & Pilanci, *Exploring the Loss Landscape of Regularized Neural Networks via Convex Duality*,
  ///   ICLR 2025 (connectivity by width); the graph of vertices is this package's.
  public func connection(
    from first: Network, to second: Network, width: Int, limit: Int = 10_000
  ) throws -> Connection {
    var ends: [[Double]] = []
    for (name, network) in [("first", first), ("second", second)] {
      switch membership(of: network) {
      case .yes(let masses): ends.append(masses)
      case .no(let reason): return .notOptimal("the \(name) network: \(reason)")
      }
    }
    guard ends.allSatisfy({ support($0).count <= width }) else { return .separate }
    if support(ends[0]).union(support(ends[1])).count <= width { return .joined(ends) }
    let (vertices, isComplete) = try polytope.vertices(limit: limit)
    let points = [ends[0]] + vertices.filter { support($0).count <= width } + [ends[1]]
    let supports = points.map { support($0) }
    var previous = [Int: Int]()
    var queue = [0]
    var next = 0
    while next < queue.count {
      let here = queue[next]
      next += 1
      for there in points.indices.dropFirst() where previous[there] == nil {
        guard supports[here].union(supports[there]).count <= width else { continue }
        previous[there] = here
        queue.append(there)
      }
    }
    let last = points.count - 1
    guard previous[last] != nil else { return isComplete ? .separate : .undecided }
    var path = [last]
    while let before = path.last, before != 0, let step = previous[before] { path.append(step) }
    return .joined(path.reversed().map { points[$0] })
  }

  private func support(_ masses: [Double]) -> Set<Int> {
    Set(masses.indices.filter { masses[$0] > negligible })
  }
}
