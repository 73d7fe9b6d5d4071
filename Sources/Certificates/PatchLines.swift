import Convolutions
import Tensors

/// The hyperplanes on which filters bend, in the space of images: one for each line of rows `S_k' u`.
///
/// Filter `u` at position `k` sees `u . S_k x`, a row with the `h` entries of `u` at the pixels of the patch; what lies
/// beyond the rim of the image is left out, and a bias is the row's constant. Rows of one line, up to sign and the
/// tolerance, share an entry here; nothing of size `lines x pixels` is ever formed.
struct PatchLines {
  /// A unit normal, the constant counted, with the first of its rows as the representative.
  struct Line {
    /// Pixels, ascending.
    var pixels: [Int32]
    /// Entries at these pixels.
    var values: [Double]
    /// Entry of the constant 1; 0 without bias.
    var constant: Double
    /// Largest absolute entry at a pixel.
    var largest: Double
  }

  /// The rows of one filter at one position on one line.
  struct Row {
    /// Number of the line; -1 where the row is a constant.
    var line: Int
    /// Its length.
    var length: Double
    /// Distance of its unit normal from that of the line.
    var distance = 0.0
  }

  /// The lines in the order in which filters and positions meet them.
  private(set) var lines: [Line] = []
  /// Row of filter `j` at position `k`, at `j K + k`.
  private(set) var rows: [Row] = []
  /// Number of positions `K`.
  let positionCount: Int
  /// Number of pixels.
  let pixelCount: Int

  /// Largest number of entries of all rows.
  static let entryLimit = 50_000_000

  private var table: DirectionTable
  private let tolerance: Double
  private let places: PatchPlaces

  /// Finds the lines of filters.
  ///
  /// - Parameters:
  ///   - directions: Unit filters `[m, h]`, no two collinear.
  ///   - geometry: Where they look.
  ///   - tolerance: Largest distance of unit rows that count as one line.
  /// - Throws: `CertificateError` when there are more than fifty million entries.
  /// - Complexity: O(`m K h log h`) time and O(`m K h`) memory.
  init(_ directions: Matrix, _ geometry: PatchGeometry, tolerance: Double) throws {
    places = try PatchPlaces(geometry)
    positionCount = places.positionCount
    pixelCount = places.pixelCount
    self.tolerance = tolerance
    let h = geometry.patchDimension
    guard directions.rows * h <= Self.entryLimit / positionCount else {
      throw CertificateError(
        place: "rows of filters over all positions",
        expected: "at most \(Self.entryLimit) entries",
        found: "\(directions.rows) filters x \(positionCount) positions x \(h) entries",
        advice: "Compare networks on smaller images or with fewer neurons.")
    }
    table = DirectionTable(tolerance: tolerance, support: h)
    rows.reserveCapacity(directions.rows * positionCount)
    for j in 0..<directions.rows {
      for k in 0..<positionCount { add(directions.row(j), position: k) }
    }
  }

  private mutating func add(_ filter: ArraySlice<Double>, position: Int) {
    var entries: [(pixel: Int, value: Double)] = []
    var constant = 0.0
    for (e, value) in filter.enumerated() where value != 0 {
      guard let pixel = places.pixel(position: position, entry: e) else { continue }
      if pixel == pixelCount { constant = value } else { entries.append((pixel, value)) }
    }
    entries.sort { $0.pixel < $1.pixel }
    let taps = BLAS.norm(entries.map(\.value))
    let length = (taps * taps + constant * constant).squareRoot()
    guard taps > tolerance * length, length > 0 else {
      rows.append(Row(line: -1, length: length))
      return
    }
    let candidate = Line(
      pixels: entries.map { Int32($0.pixel) }, values: entries.map { $0.value / length },
      constant: constant / length, largest: entries.reduce(0) { max($0, abs($1.value)) } / length)
    var projection = candidate.constant * DirectionTable.weight(pixelCount)
    for (pixel, value) in zip(candidate.pixels, candidate.values) {
      projection += value * DirectionTable.weight(Int(pixel))
    }
    let found = table.first(near: abs(projection)) {
      Self.distance(lines[$0], candidate, 1) <= tolerance
        || Self.distance(lines[$0], candidate, -1) <= tolerance
    }
    if let found {
      let distance = min(
        Self.distance(lines[found], candidate, 1), Self.distance(lines[found], candidate, -1))
      rows.append(Row(line: found, length: length, distance: distance))
    } else {
      table.insert(lines.count, at: abs(projection))
      rows.append(Row(line: lines.count, length: length))
      lines.append(candidate)
    }
  }

  /// Distance of a normal from another one times a sign.
  private static func distance(_ x: Line, _ y: Line, _ sign: Double) -> Double {
    var square = (x.constant - sign * y.constant) * (x.constant - sign * y.constant)
    var (i, j) = (0, 0)
    while i < x.pixels.count || j < y.pixels.count {
      let p = i < x.pixels.count ? x.pixels[i] : .max
      let q = j < y.pixels.count ? y.pixels[j] : .max
      let a = p <= q ? x.values[i] : 0
      let b = q <= p ? y.values[j] : 0
      square += (a - sign * b) * (a - sign * b)
      if p <= q { i += 1 }
      if q <= p { j += 1 }
    }
    return square.squareRoot()
  }
}
