/// How the responses of a filter become features: average, sum or maximum over a grid of windows, or no pooling.
public struct Pooling: Sendable, Equatable, CustomStringConvertible {
  /// The operation within a window.
  public enum Kind: String, Sendable, CaseIterable {
    /// The mean of the window.
    case average
    /// The sum of the window.
    case sum
    /// The largest entry of the window.
    case max
    /// No pooling: one feature per position.
    case none
  }

  /// The operation within a window.
  public let kind: Kind
  /// Rows of the grid of windows.
  public let windowRows: Int
  /// Columns of the grid of windows.
  public let windowColumns: Int

  /// A pooling over a grid of windows; `none` ignores the grid.
  public init(_ kind: Kind, windowRows: Int = 1, windowColumns: Int = 1) {
    self.kind = kind
    self.windowRows = kind == .none ? 1 : windowRows
    self.windowColumns = kind == .none ? 1 : windowColumns
  }

  /// The pooling that a text names: `average`, `sum:2x2`, `max:1x3`, `none`.
  ///
  /// - Throws: `GeometryError` that lists the legal forms.
  public init(parsing text: String) throws {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard let name = parts.first, let kind = Kind(rawValue: String(name)), parts.count <= 2 else {
      throw GeometryError(.unknownPooling(text: text))
    }
    guard parts.count == 2 else {
      self.init(kind)
      return
    }
    let sizes = parts[1].split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    guard kind != .none, sizes.count == 2, let rows = sizes[0], let columns = sizes[1],
      rows > 0, columns > 0
    else { throw GeometryError(.unknownPooling(text: text)) }
    self.init(kind, windowRows: rows, windowColumns: columns)
  }

  /// The text that `init(parsing:)` reads back.
  public var description: String {
    guard kind != .none, windowRows != 1 || windowColumns != 1 else { return kind.rawValue }
    return "\(kind.rawValue):\(windowRows)x\(windowColumns)"
  }

  /// The windows of this pooling on the outputs of a geometry.
  ///
  /// Window `(r, c)` of `R x C` covers output rows `floor(r H / R) ..< floor((r + 1) H / R)`, columns likewise;
  /// it has number `r * C + c`.
  ///
  /// - Throws: `GeometryError.windowsDoNotFit` when a window would be empty, `GeometryError.nonPositive` when there
  ///   is none.
  public func map(for geometry: PatchGeometry) throws -> PoolingMap {
    let (height, width) = (geometry.outputHeight, geometry.outputWidth)
    let count = height * width
    guard kind != .none else {
      return PoolingMap(kind: kind, outputCount: count, windows: Array(0..<count))
    }
    for (what, value) in [("window rows", windowRows), ("window columns", windowColumns)]
    where value <= 0 {
      throw GeometryError.nonPositive(what: "number of \(what)", value: value)
    }
    guard windowRows <= height, windowColumns <= width else {
      throw GeometryError.windowsDoNotFit(
        windows: [windowRows, windowColumns], outputs: [height, width])
    }
    let rows = Self.windows(windowRows, over: height)
    let columns = Self.windows(windowColumns, over: width)
    var windows: [Int] = []
    windows.reserveCapacity(count)
    for row in rows { for column in columns { windows.append(row * windowColumns + column) } }
    return PoolingMap(kind: kind, outputCount: windowRows * windowColumns, windows: windows)
  }

  private static func windows(_ count: Int, over size: Int) -> [Int] {
    (0..<count).flatMap { r in
      [Int](repeating: r, count: (r + 1) * size / count - r * size / count)
    }
  }
}
