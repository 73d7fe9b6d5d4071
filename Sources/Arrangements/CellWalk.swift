/// Cells of an arrangement in the order in which steps across facets reach them.
///
/// A breadth-first search: every cell once, nearest first, each step across one facet. All cells are
/// reached, from any of them.
///
/// - Complexity: Facets of every cell returned; memory for every pattern met, so for many cells
///   `CellEnumeration` is the way.
/// - Accuracy: Exact (`CellGeometryTests`).
public struct CellWalk: Sequence {
  let geometry: CellGeometry
  let start: ActivationPattern

  /// An iterator at the start.
  public func makeIterator() -> Iterator { Iterator(geometry, start) }

  /// Goes from cell to cell.
  public struct Iterator: IteratorProtocol {
    private let geometry: CellGeometry
    private var met: Set<ActivationPattern> = []
    private var queue: [ActivationPattern] = []
    private var position = 0

    fileprivate init(_ geometry: CellGeometry, _ start: ActivationPattern) {
      self.geometry = geometry
      met = [start]
      queue = [start]
    }

    /// The next cell's pattern and its neighbors; nil after the last, and at once when no cell has
    /// the pattern of the start.
    public mutating func next() -> (pattern: ActivationPattern, neighbors: [CellNeighbor])? {
      guard position < queue.count else { return nil }
      let pattern = queue[position]
      position += 1
      guard let neighbors = geometry.neighbors(of: pattern) else { return nil }
      for neighbor in neighbors where met.insert(neighbor.pattern).inserted {
        queue.append(neighbor.pattern)
      }
      return (pattern, neighbors)
    }
  }
}

extension CellGeometry {
  /// All cells by steps across facets, from one of them.
  ///
  /// - Parameter start: Pattern over the lines.
  /// - Returns: A sequence of patterns with their neighbors; empty when no cell has the pattern.
  /// - Precondition: `start.count == arrangement.essential.lineCount`.
  public func walk(from start: ActivationPattern) -> CellWalk {
    CellWalk(geometry: self, start: start)
  }
}
