import Tensors

/// Polynomials already found, by the rows they belong to, for all threads.
///
/// A table that is rarely hit stops looking, and none grows beyond a fixed size.
final class CountingMemory: Sendable {
  /// One table for every dimension.
  private let tables: Guarded<[Table]>

  private struct Table {
    var values: [[UInt64]: [UInt128]] = [:]
    var isUsed: Bool
    var lookups = 0
    var hits = 0
    var words = 0
  }

  /// Most words of keys kept for one dimension.
  private static let capacity = 1 << 21
  /// Lookups before a table is judged, and the share of hits, `1 / leastShare`, it must have by then.
  private static let (trial, leastShare) = (1024, 16)

  /// Empty tables for dimensions up to a rank; unused ones remember nothing.
  init(rank: Int, isUsed: Bool) {
    tables = Guarded((0...rank).map { _ in Table(isUsed: isUsed) })
  }

  /// Whether rows of a dimension are worth looking up.
  func isUsed(dimension: Int) -> Bool { tables.withLock { $0[dimension].isUsed } }

  /// The polynomial of rows seen before.
  func value(_ key: [UInt64], dimension: Int) -> [UInt128]? {
    tables.withLock { tables in
      let found = tables[dimension].values[key]
      tables[dimension].lookups += 1
      if found != nil { tables[dimension].hits += 1 }
      let table = tables[dimension]
      if table.lookups == Self.trial, table.hits * Self.leastShare < table.lookups {
        tables[dimension].isUsed = false
        tables[dimension].values = [:]
      }
      return found
    }
  }

  /// Remembers a polynomial while there is room.
  func insert(_ value: [UInt128], for key: [UInt64], dimension: Int) {
    tables.withLock { tables in
      guard tables[dimension].isUsed, tables[dimension].words + key.count <= Self.capacity else {
        return
      }
      tables[dimension].words += key.count
      tables[dimension].values[key] = value
    }
  }

  /// The rows in lexicographic order, one after another.
  static func key(_ elements: UnsafePointer<UInt64>, dimension: Int, count: Int) -> [UInt64] {
    let order = (0..<count).sorted { a, b in
      let (x, y) = (elements + a * dimension, elements + b * dimension)
      for v in 0..<dimension where x[v] != y[v] { return x[v] < y[v] }
      return false
    }
    return [UInt64](unsafeUninitializedCapacity: count * dimension) { buffer, used in
      for (i, row) in order.enumerated() {
        for v in 0..<dimension { buffer[i * dimension + v] = elements[row * dimension + v] }
      }
      used = count * dimension
    }
  }
}
