public import Tensors

/// What is to be found for every cell, besides its pattern.
public struct CellRequest: OptionSet, Sendable {
  /// The bits of the things asked for.
  public let rawValue: Int
  /// The facets.
  public static let facets = CellRequest(rawValue: 1)
  /// A witness with its margin.
  public static let witness = CellRequest(rawValue: 2)

  /// The request with given bits.
  public init(rawValue: Int) { self.rawValue = rawValue }
}

/// A cell of an enumeration with what was asked for.
public struct CellDetails: Sendable {
  /// The pattern over the lines.
  public let pattern: ActivationPattern
  /// The lines that bound the cell, ascending; `nil` when neither asked for nor filtered by.
  public let facets: [Int]?
  /// The value of the filter's functional; `nil` without one.
  public let value: Double?
  /// The cell with a proven witness; `nil` when not asked for, or when the cell is so thin that no
  /// floating-point witness was found.
  public let cell: Cell?
}

extension CellEnumeration {
  /// Hands every cell that passes a filter to a sink, with facets and witnesses on request.
  ///
  /// Cells arrive one at a time, in the order of the enumeration, the two of a pair one after the
  /// other; memory does not grow with their number. Filters and requests are worked on in parallel.
  ///
  /// - Parameters:
  ///   - request: What to find for the cells that are kept.
  ///   - filter: Which cells to keep.
  ///   - halfOnly: Looks at one cell of each pair only.
  ///   - threads: Upper bound on the threads used; the result does not depend on it.
  ///   - shard: Which part of the cells.
  ///   - startTask: Number of tasks of the shard to leave out at the beginning.
  ///   - taskFinished: Called after the last cell of each task with the number of tasks done.
  ///   - examined: Receives the number of cells looked at since the last call.
  ///   - sink: Receives the cells that are kept; returning `false` ends the enumeration.
  /// - Returns: Whether all cells were looked at.
  /// - Throws: What a closure throws, or `ArrangementError` of kind `flagNotGeneric`.
  @discardableResult
  public func forEachCell(
    _ request: CellRequest = [], where filter: CellFilter = CellFilter(), halfOnly: Bool = false,
    threads: Int = Parallel.processorCount, shard: EnumerationShard = .all, startTask: Int = 0,
    taskFinished: (Int) throws -> Void = { _ in }, examined: (Int) -> Bool = { _ in true },
    _ sink: (CellDetails) throws -> Bool
  ) throws -> Bool {
    let pool = CellGeometryPool(self)
    let chunk = 32
    // Looking at a cell takes hundreds of times as long as finding it, so one thread finds them.
    return try forEachBatch(
      threads: 1, shard: shard, startTask: startTask, taskFinished: taskFinished
    ) { batch in
      var start = 0
      while start < batch.count {
        let part = start..<min(batch.count, start + 64 * chunk * threads)
        let found = Guarded([[CellDetails]](repeating: [], count: (part.count + chunk - 1) / chunk))
        Parallel.forEachChunk(of: part.count, chunk: chunk, threads: threads) { index, range in
          let details = pool.withGeometry { geometry in
            range.flatMap { i in
              kept(batch[part.lowerBound + i], request, filter, halfOnly: halfOnly, geometry)
            }
          }
          found.withLock { $0[index] = details }
        }
        for details in found.withLock({ $0 }) {
          for cell in details where try !sink(cell) { return false }
        }
        guard examined(halfOnly ? part.count : 2 * part.count) else { return false }
        start = part.upperBound
      }
      return true
    }
  }

  /// The cells of a pair that pass.
  private func kept(
    _ pattern: ActivationPattern, _ request: CellRequest, _ filter: CellFilter, halfOnly: Bool,
    _ geometry: CellGeometry
  ) -> [CellDetails] {
    let pair = halfOnly ? [pattern] : [pattern, pattern.complement]
    let candidates = pair.compactMap { pattern -> (ActivationPattern, Double?)? in
      guard let functional = filter.functional else { return (pattern, nil) }
      let value = functional.value(of: pattern)
      return filter.values.contains(value) ? (pattern, value) : nil
    }
    guard !candidates.isEmpty else { return [] }
    var facets: [Int]?
    if request.contains(.facets) || filter.facetCounts != nil {
      facets = geometry.facets(of: pattern)
    }
    if let range = filter.facetCounts {
      guard let facets, range.contains(facets.count) else { return [] }
    }
    let cell = request.contains(.witness) ? geometry.cell(of: pattern) : nil
    return candidates.map { candidate, value in
      CellDetails(
        pattern: candidate, facets: facets, value: value,
        cell: candidate == pattern ? cell : cell?.opposite)
    }
  }
}

extension Cell {
  /// The cell of the opposite filters.
  public var opposite: Cell {
    Cell(pattern: pattern.complement, witness: witness.map { 0 - $0 }, margin: margin)
  }
}

/// Geometries for threads, each used by one thread at a time.
private final class CellGeometryPool: Sendable {
  private let idle: Guarded<[Box]>

  private final class Box: @unchecked Sendable {
    let geometry: CellGeometry
    init(_ geometry: CellGeometry) { self.geometry = geometry }
  }

  private let source: FacetPlan
  private let arrangement: CentralArrangement

  init(_ enumeration: CellEnumeration) {
    arrangement = enumeration.arrangement
    source = FacetPlan(enumeration.plan.rows)
    idle = Guarded([])
  }

  func withGeometry<Result>(_ body: (CellGeometry) -> Result) -> Result {
    let box = idle.withLock { $0.popLast() } ?? Box(CellGeometry(arrangement, source))
    defer { idle.withLock { $0.append(box) } }
    return body(box.geometry)
  }
}
