package import Convolutions

/// The cyclic shifts that map a filter to filters of the same neuron.
///
/// With circular padding and one window, `sum_k relu(u . S_k x)` runs over all shifts of the image, so that a filter and
/// its cyclic shifts are one neuron as long as the shifted filter still fits its frame: always for filters as large as the
/// image, and for smaller ones where the rows or columns that would leave the frame are zero. Shifts are multiples of the
/// stride where the stride divides the size of the image; otherwise the positions are not closed under any shift.
package struct FilterOrbit {
  private let geometry: PatchGeometry
  private let rowShifts: [Int]
  private let columnShifts: [Int]

  /// Entries whose difference is below this, for a unit filter, count as equal when shifts are compared.
  static let comparisonTolerance = 1e-9

  /// The shifts of a geometry; nil where no shift but the identity keeps every neuron.
  package init?(_ geometry: PatchGeometry, _ pooling: Pooling) {
    guard geometry.padding == .circular, geometry.dilationRows == 1, geometry.dilationColumns == 1,
      pooling.kind != .none, pooling.windowRows == 1, pooling.windowColumns == 1
    else { return nil }
    func shifts(_ size: Int, _ step: Int) -> [Int] {
      size % step == 0 ? Array(stride(from: 0, to: size, by: step)) : [0]
    }
    self.geometry = geometry
    rowShifts = shifts(geometry.imageHeight, geometry.strideRows)
    columnShifts = shifts(geometry.imageWidth, geometry.strideColumns)
    guard rowShifts.count * columnShifts.count > 1 else { return nil }
  }

  /// Number of shifts.
  package var count: Int { rowShifts.count * columnShifts.count }

  /// All shifts of a filter that fit its frame, each with the number of its shift; the identity, number 0, is first.
  package func members(of filter: [Double]) -> [(shift: Int, filter: [Double])] {
    var result: [(Int, [Double])] = []
    for (r, rows) in rowShifts.enumerated() {
      for (c, columns) in columnShifts.enumerated() {
        guard let shifted = shifted(filter, rows, columns) else { continue }
        result.append((r * columnShifts.count + c, shifted))
      }
    }
    return result
  }

  /// The lexicographically largest member of the orbit, of both signs where asked for.
  ///
  /// - Parameters:
  ///   - filter: A unit filter, of length `h`.
  ///   - evenInSign: Whether opposite filters are members too.
  /// - Returns: The representative and the number of the shift that leads to it.
  func representative(_ filter: [Double], evenInSign: Bool) -> (filter: [Double], shift: Int) {
    var best = filter
    var number = 0
    for (shift, member) in members(of: filter) {
      for candidate in evenInSign ? [member, member.map { -$0 }] : [member]
      where Self.precedes(best, candidate) {
        (best, number) = (candidate, shift)
      }
    }
    return (best, number)
  }

  /// Whether a filter is smaller than another in the first entry where they differ.
  static func precedes(_ x: [Double], _ y: [Double]) -> Bool {
    for (a, b) in zip(x, y) where abs(a - b) > comparisonTolerance { return a < b }
    return false
  }

  /// The filter moved down and to the right around the image; nil where it leaves its frame.
  private func shifted(_ filter: [Double], _ rows: Int, _ columns: Int) -> [Double]? {
    let g = geometry
    var result = [Double](repeating: 0, count: filter.count)
    for channel in 0..<g.channels {
      for row in 0..<g.filterHeight {
        for column in 0..<g.filterWidth {
          let value = filter[(channel * g.filterHeight + row) * g.filterWidth + column]
          guard value != 0 else { continue }
          let y = (row + rows) % g.imageHeight
          let x = (column + columns) % g.imageWidth
          guard y < g.filterHeight, x < g.filterWidth else { return nil }
          result[(channel * g.filterHeight + y) * g.filterWidth + x] = value
        }
      }
    }
    if g.hasBias { result[filter.count - 1] = filter[filter.count - 1] }
    return result
  }
}
