import Tensors

/// Directions found so far, looked up by a random projection: equal ones up to a tolerance share a bucket or are in
/// neighboring ones.
///
/// A pair of unit vectors at a distance up to `tolerance` is always found; the caller confirms every candidate.
///
/// - Complexity: O(1) expected for each look-up while few directions project to one place.
struct DirectionTable {
  private let width: Double
  private var buckets: [Int: [Int]] = [:]

  /// A table without directions.
  ///
  /// - Parameters:
  ///   - tolerance: Largest distance of two unit vectors that count as one.
  ///   - support: Most entries of a vector that are not zero.
  init(tolerance: Double, support: Int) {
    // Entries of the projection are at most 1, so projections differ by at most tolerance * sqrt(2 support).
    width = max(tolerance * (2 * Double(max(support, 1))).squareRoot(), 1e-12)
  }

  /// The first direction with nearly this projection that the caller confirms.
  func first(near projection: Double, where isSame: (Int) -> Bool) -> Int? {
    let place = key(projection)
    for neighbor in place - 1...place + 1 {
      if let found = buckets[neighbor]?.first(where: isSame) { return found }
    }
    return nil
  }

  /// Enters a direction under its projection.
  mutating func insert(_ index: Int, at projection: Double) {
    buckets[key(projection), default: []].append(index)
  }

  private func key(_ projection: Double) -> Int { Int((projection / width).rounded(.down)) }

  /// Entry of the projection vector for a coordinate: fixed, in `[-1, 1)`, and scattered.
  static func weight(_ coordinate: Int) -> Double {
    var z = UInt64(truncatingIfNeeded: coordinate) &* 0x9E37_79B9_7F4A_7C15 &+ 0x632B_E59B_D9B4_E019
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Double((z ^ (z >> 31)) >> 11) * 0x1p-52 - 1
  }

  /// Projection of a dense vector.
  static func projection(_ x: ArraySlice<Double>) -> Double {
    x.enumerated().reduce(0) { $0 + weight($1.offset) * $1.element }
  }
}

/// Filters grouped by direction.
struct DirectionClusters {
  /// One group: neurons whose unit filters agree, up to sign where that was asked for.
  struct Cluster {
    /// Unit direction of the group.
    var direction: [Double]
    /// Members as neuron, side of the direction (`1` or `-1`), distance from it.
    var members: [(neuron: Int, side: Double, distance: Double)]
  }

  /// The groups, heaviest first member first.
  private(set) var clusters: [Cluster] = []

  /// Groups unit vectors, heavy ones first; each joins the first group whose first member is within the tolerance.
  ///
  /// The direction of a group is the mean of its members weighted by mass, or the first member's where all are equal.
  ///
  /// - Parameters:
  ///   - units: Unit vectors `[m, h]`.
  ///   - masses: A weight of each, not negative.
  ///   - tolerance: Largest distance from the first member.
  ///   - evenInSign: Whether opposite vectors count as equal.
  /// - Complexity: O(`m h`) expected, with a sort of `m` numbers.
  init(_ units: Matrix, masses: [Double], tolerance: Double, evenInSign: Bool) {
    var table = DirectionTable(tolerance: tolerance, support: units.columns)
    let order = masses.indices.sorted { (masses[$0], $1) > (masses[$1], $0) }
    for j in order {
      let unit = Array(units.row(j))
      let projection = DirectionTable.projection(units.row(j))
      let place = evenInSign ? abs(projection) : projection
      func side(_ index: Int) -> Double? {
        let other = clusters[index].direction
        if Self.distance(unit, other, 1) <= tolerance { return 1 }
        return evenInSign && Self.distance(unit, other, -1) <= tolerance ? -1 : nil
      }
      if let index = table.first(near: place, where: { side($0) != nil }) {
        clusters[index].members.append((j, side(index) ?? 1, 0))
      } else {
        table.insert(clusters.count, at: place)
        clusters.append(Cluster(direction: unit, members: [(j, 1, 0)]))
      }
    }
    for index in clusters.indices { settle(index, units, masses) }
  }

  /// Puts the direction of a group at the mean, and measures how far its members are.
  private mutating func settle(_ index: Int, _ units: Matrix, _ masses: [Double]) {
    let members = clusters[index].members
    let first = clusters[index].direction
    let areEqual = members.allSatisfy { member in
      zip(units.row(member.neuron), first).allSatisfy { member.side * $0 == $1 }
    }
    guard !areEqual else { return }
    var mean = [Double](repeating: 0, count: first.count)
    let largest = members.reduce(0) { max($0, masses[$1.neuron]) }
    for member in members {
      let weight = largest > 0 ? member.side * masses[member.neuron] / largest : member.side
      BLAS.add(weight, Array(units.row(member.neuron)), to: &mean)
    }
    let length = BLAS.norm(mean)
    clusters[index].direction = mean.map { $0 / length }
    for position in members.indices {
      clusters[index].members[position].distance = Self.distance(
        Array(units.row(members[position].neuron)), clusters[index].direction,
        members[position].side)
    }
  }

  private static func distance(_ x: [Double], _ y: [Double], _ side: Double) -> Double {
    zip(x, y).reduce(0) { $0 + (side * $1.0 - $1.1) * (side * $1.0 - $1.1) }.squareRoot()
  }
}
