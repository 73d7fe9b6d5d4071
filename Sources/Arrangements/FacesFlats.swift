/// An intersection of hyperplanes, given by the lines of normals that vanish on it.
public struct Flat: Sendable, Equatable {
  /// Lines that span the normals of the flat, independent and increasing.
  ///
  /// The first line on the flat, the first line on it independent of that, and so on.
  public let basis: [Int]

  /// Codimension of the flat.
  public var rank: Int { basis.count }
}

extension CentralArrangement {
  /// Calls a closure with every flat of a rank, each once.
  ///
  /// The faces of dimension `k` are the cells of the restrictions to the flats of rank `rank - k`.
  ///
  /// - Parameters:
  ///   - rank: Codimension of the flats; 0 is the whole space.
  ///   - body: Receives the flats in lexicographic order of their bases; returns whether to go on.
  /// - Precondition: `rank >= 0`.
  /// - Complexity: O(`lines * patchDimension`) for every flat of smaller rank, in memory
  ///   O(`lines * patchDimension^2`).
  /// - Accuracy: Exact (`FacesTests`).
  public func forEachFlat(rank: Int, _ body: (Flat) -> Bool) {
    precondition(rank >= 0, "forEachFlat: expected a rank of at least 0, found \(rank)")
    // Flats already reported before a prime turned out to be bad are not reported again.
    var reported = 0
    overPrimes { setup in
      guard rank <= setup.rank else { return () }
      var seen = 0
      let walk = FlatWalk(setup)
      walk.visit(maximumRank: rank) { flat, _, _ in
        guard flat.count == rank else { return true }
        seen += 1
        if seen <= reported { return true }
        reported += 1
        return body(Flat(basis: flat))
      }
      return walk.isPrimeBad ? nil : ()
    }
  }

  /// Every flat of a rank.
  ///
  /// - Parameter rank: Codimension of the flats; 0 is the whole space.
  /// - Returns: The flats in lexicographic order of their bases.
  /// - Precondition: `rank >= 0`.
  public func flats(rank: Int) -> [Flat] {
    var result: [Flat] = []
    forEachFlat(rank: rank) {
      result.append($0)
      return true
    }
    return result
  }

  /// All lines of normals that vanish on a flat.
  ///
  /// - Parameter flat: A flat of this arrangement.
  /// - Returns: Numbers of lines, increasing.
  /// - Complexity: O(`lines * rank^2 * patchDimension`).
  /// - Accuracy: Exact.
  public func lines(containing flat: Flat) -> [Int] {
    let rows = CountingRows(essential.rows)
    return (0..<essential.lineCount).filter {
      flat.basis.contains($0) || rows.areDependent(flat.basis + [$0])
    }
  }
}
