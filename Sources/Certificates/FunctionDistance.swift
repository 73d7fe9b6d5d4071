import Arrangements
import Convolutions
import Tensors

/// The largest entry of the gradient of a two-layer function, `|f|_{W^{1,inf}} = sup_x max_{o,i} |df_o/dx_i|`, over all
/// images `x` of real numbers.
///
/// Between the hyperplanes the gradient is constant, so that the value is a maximum over cells. Entry `(o, i)` sees only the
/// hyperplanes through pixel `i`: the cells of these alone decide, and pixels that see the same up to a move share them.
/// Exact where the cells are few enough to enumerate, two-sided bounds elsewhere.
public struct FunctionDistance: Sendable, Equatable {
  /// Why a value is not exact.
  public enum Limit: Sendable, Equatable {
    /// It is exact, up to `rounding`.
    case none
    /// Too many cells: the least number of hyperplanes through one pixel that was given up on, and the most cells they
    /// can have if that is a number.
    case cells(lines: Int, bound: UInt64?)
    /// Too many dimensions, or entries of normals, to enumerate cells.
    case rank(lines: Int)
    /// So many hyperplanes stand for several that are nearly, but not quite the same; the upper bound makes room for what
    /// gradients are between those.
    case merged(lines: Int)

    /// Hyperplanes through the pixel; nil where the value is exact.
    public var lineCount: Int? {
      switch self {
      case .none, .merged: nil
      case .cells(let lines, _), .rank(let lines): lines
      }
    }
  }

  /// Proven lower bound; the value itself where it is exact.
  public let lower: Double
  /// Proven upper bound; the value itself where it is exact.
  public let upper: Double
  /// What kept the value from being exact.
  public let limit: Limit
  /// Bound on the rounding of both.
  public let rounding: Double
  /// Number of cells looked at, opposite ones counted once.
  public let cellCount: Int
  /// Number of hyperplanes.
  public let lineCount: Int
  /// Largest jump of the gradient across a hyperplane; half of it is a lower bound.
  public let largestJump: Double

  /// Whether lower and upper bound are the value.
  public var isExact: Bool { limit == .none }
}

extension EvenOddForm {
  /// The largest entry of the gradient, exactly where cells can be enumerated.
  ///
  /// - Parameter maximumCells: Most cells that may be looked at, over all pixels.
  /// - Returns: Value or bounds, for the function whose normals within the tolerance are one line.
  /// - Throws: `ArrangementError` when an enumeration fails for another reason than size.
  /// - Complexity: O(cells * lines through a pixel * `c`), for each pixel that sees something new.
  /// - Accuracy: Equal to the maximum over all cells of all hyperplanes to 1e-12 (`FunctionDistanceTests`).
  public func largestGradient(maximumCells: Int = 1_000_000) throws -> FunctionDistance {
    var search = GradientSearch(self, maximumCells: maximumCells)
    try search.run()
    let isExact = search.limit == .none
    let upper = (isExact ? search.lower : max(search.lower, search.upper)) + mergeSlack
    // Away from the slivers between merged hyperplanes normals differ by the tolerance at most.
    let lower = max(0, search.lower - (mergeSlack > 0 ? 2 * tolerance * mergeSlack : 0))
    return FunctionDistance(
      lower: lower, upper: upper,
      limit: isExact && mergedLineCount > 0 ? .merged(lines: mergedLineCount) : search.limit,
      // Sums of all terms, each with a few products.
      rounding: Double(8 + 2 * max(termCount, lineCount)) * 0x1p-52 * max(termSize, upper),
      cellCount: search.cellCount, lineCount: lineCount, largestJump: largestJump)
  }
}

/// Goes through the pixels, those with the largest upper bound first, until the rest cannot matter.
private struct GradientSearch {
  /// Pixels at which gradients are sampled, and points at each.
  private static let sampledPixels = 16
  private static let sampledPoints = 64
  /// Largest number of entries of the matrix of normals through a pixel, to look for its cells.
  private static let entryLimit = 100_000
  /// The same to sample gradients.
  private static let sampledEntryLimit = 1_000_000
  private let form: EvenOddForm
  private let maximumCells: Int
  private let linesOfPixel: [[Int32]]
  private var known: [[UInt64]: Double?] = [:]
  private var unsettled: [Int] = []
  private(set) var lower: Double
  private(set) var upper = 0.0
  private(set) var limit = FunctionDistance.Limit.none
  private(set) var cellCount = 0

  init(_ form: EvenOddForm, maximumCells: Int) {
    self.form = form
    self.maximumCells = maximumCells
    lower = form.lowerBound
    var lines = [[Int32]](repeating: [], count: form.linear.columns)
    for (index, line) in form.normals.enumerated() {
      for pixel in line.pixels { lines[Int(pixel)].append(Int32(index)) }
    }
    linesOfPixel = lines
  }

  mutating func run() throws {
    let bounds = form.entryBounds
    let tops = (0..<bounds.columns).map { i in
      (0..<bounds.rows).reduce(0) { max($0, bounds[$1, i]) }
    }
    let order = tops.indices.sorted { (tops[$0], $1) > (tops[$1], $0) }
    for pixel in order {
      // Bounds and values of one number differ in rounding.
      guard tops[pixel] > lower * (1 + 1e-14) else { break }
      if let value = try value(at: pixel) {
        lower = max(lower, value)
      } else {
        upper = max(upper, tops[pixel])
        unsettled.append(pixel)
      }
    }
    // Gradients at points are lower bounds too.
    for pixel in unsettled.prefix(Self.sampledPixels) where isSmall(pixel, Self.sampledEntryLimit) {
      lower = max(lower, sampled(pixel))
    }
    if upper <= lower { limit = .none }
  }

  /// The largest entry of the gradient at a pixel; nil where there are too many cells.
  private mutating func value(at pixel: Int) throws -> Double? {
    guard isSmall(pixel, Self.entryLimit) else {
      note(.rank(lines: linesOfPixel[pixel].count))
      return nil
    }
    let key = signature(pixel)
    if let value = known[key] { return value }
    let value = try enumerated(pixel)
    known[key] = .some(value)
    return value
  }

  /// Whether the normals through a pixel make a matrix of few enough entries.
  private func isSmall(_ pixel: Int, _ limit: Int) -> Bool {
    let lines = linesOfPixel[pixel]
    var pixels: Set<Int32> = []
    for index in lines {
      pixels.formUnion(form.normals[Int(index)].pixels)
      if lines.count > limit / pixels.count { return false }
    }
    return true
  }

  /// Everything that the value depends on, with pixels counted from this one.
  private func signature(_ pixel: Int) -> [UInt64] {
    let count = form.linear.columns
    var result: [UInt64] = []
    for o in 0..<form.linear.rows { result.append(form.linear[o, pixel].bitPattern) }
    for index in linesOfPixel[pixel] {
      let line = form.normals[Int(index)]
      result.append(UInt64(line.pixels.count))
      result += line.pixels.map { UInt64((Int($0) - pixel + count) % count) }
      result += line.values.map(\.bitPattern)
      result.append(line.constant.bitPattern)
      result += form.coefficients.row(Int(index)).map(\.bitPattern)
    }
    return result
  }

  private mutating func enumerated(_ pixel: Int) throws -> Double? {
    let indices = linesOfPixel[pixel].map(Int.init)
    guard !indices.isEmpty else {
      return (0..<form.linear.rows).reduce(0) { max($0, abs(form.linear[$1, pixel])) }
    }
    let hasConstant = indices.contains { form.normals[$0].constant != 0 }
    let arrangement: CentralArrangement
    let enumeration: CellEnumeration
    do {
      arrangement = try CentralArrangement(normals: normals(indices, hasConstant))
      guard cellCount < maximumCells else { throw Stop() }
      // The exact rank takes integers; where the numerical one is too large, so is the exact one.
      guard arrangement.rank <= CellEnumeration.maximumRank else {
        note(.rank(lines: indices.count))
        return nil
      }
      let budget = UInt64(2 * (maximumCells - cellCount))
      if let bound = arrangement.generalPositionCellCount, bound > budget {
        note(.cells(lines: indices.count, bound: bound))
        return nil
      }
      enumeration = try CellEnumeration(arrangement, maximumCells: budget)
    } catch let error as ArrangementError {
      switch error.kind {
      case .rankTooLarge: note(.rank(lines: indices.count))
      case .tooManyCells(let bound, _): note(.cells(lines: indices.count, bound: bound))
      default: throw error
      }
      return nil
    } catch is Stop {
      note(.cells(lines: indices.count, bound: nil))
      return nil
    }
    return largest(pixel, indices, enumeration, hasConstant)
  }

  private struct Stop: Error {}

  /// Keeps the pixel with the fewest hyperplanes that was given up on.
  private mutating func note(_ other: FunctionDistance.Limit) {
    if limit.lineCount.map({ (other.lineCount ?? 0) < $0 }) ?? true { limit = other }
  }

  /// The normals as rows over the pixels that they touch; with a constant, its hyperplane comes last.
  private func normals(_ indices: [Int], _ hasConstant: Bool) -> Matrix {
    var columns: [Int32: Int] = [:]
    for index in indices {
      for pixel in form.normals[index].pixels where columns[pixel] == nil {
        columns[pixel] = columns.count
      }
    }
    let width = columns.count + (hasConstant ? 1 : 0)
    var result = Matrix(rows: indices.count + (hasConstant ? 1 : 0), columns: width)
    for (row, index) in indices.enumerated() {
      let line = form.normals[index]
      for (pixel, value) in zip(line.pixels, line.values) {
        if let column = columns[pixel] { result[row, column] = value }
      }
      if hasConstant { result[row, width - 1] = line.constant }
    }
    if hasConstant { result[indices.count, width - 1] = 1 }
    return result
  }

  /// The largest entry over the cells; images have constant 1, so only cells on its side count where there is one.
  private mutating func largest(
    _ pixel: Int, _ indices: [Int], _ enumeration: CellEnumeration, _ hasConstant: Bool
  ) -> Double {
    let essential = enumeration.arrangement.essential
    let c = form.linear.rows
    let terms = terms(pixel, indices)
    var best = 0.0
    var even = [Double](repeating: 0, count: c)
    for pattern in enumeration.cells {
      cellCount += 1
      for o in 0..<c { even[o] = 0 }
      func sign(_ row: Int) -> Double {
        pattern[essential.lineOfRow[row]] == (essential.signOfRow[row] > 0) ? 1 : -1
      }
      for row in indices.indices {
        let side = sign(row)
        for o in 0..<c { even[o] += side * terms[row * c + o] }
      }
      for o in 0..<c {
        let odd = form.linear[o, pixel]
        if hasConstant {
          best = max(best, abs(odd + sign(indices.count) * even[o]))
        } else {
          best = max(best, abs(odd) + abs(even[o]))
        }
      }
    }
    return best
  }

  /// Half the entry at a pixel that each line adds to the gradient of each output, `lines x c`.
  private func terms(_ pixel: Int, _ indices: [Int]) -> [Double] {
    let c = form.linear.rows
    var terms = [Double](repeating: 0, count: indices.count * c)
    for (row, index) in indices.enumerated() {
      let line = form.normals[index]
      guard let place = line.pixels.firstIndex(of: Int32(pixel)) else { continue }
      for o in 0..<c {
        terms[row * c + o] = 0.5 * form.coefficients[index, o] * line.values[place]
      }
    }
    return terms
  }

  /// The largest entry of the gradient at points: those on the side of each output's terms, and random ones.
  ///
  /// Points next to a hyperplane, where rounding could decide the side, are left out.
  private func sampled(_ pixel: Int) -> Double {
    let indices = linesOfPixel[pixel].map(Int.init)
    let hasConstant = indices.contains { form.normals[$0].constant != 0 }
    let rows = normals(indices, hasConstant)
    let (c, terms) = (form.linear.rows, terms(pixel, indices))
    var generator = SeededGenerator(seed: UInt64(pixel))
    var best = 0.0
    for trial in 0..<max(c, Self.sampledPoints) {
      var point = [Double](repeating: 0, count: rows.columns)
      for row in indices.indices {
        // Random weights around the side that output `trial` wants, and plainly random ones after all outputs.
        let side = trial < c ? (terms[row * c + trial] < 0 ? -1.0 : 1) : generator.normal()
        BLAS.add(side, Array(rows.row(row)), to: &point)
      }
      if hasConstant { point[rows.columns - 1] = abs(point[rows.columns - 1]) }
      best = max(best, entry(at: point, pixel, rows, terms, hasConstant))
    }
    return best
  }

  /// The largest entry of the gradient at a point, over outputs; zero where a side is not certain.
  private func entry(
    at point: [Double], _ pixel: Int, _ rows: Matrix, _ terms: [Double], _ hasConstant: Bool
  ) -> Double {
    let c = form.linear.rows
    var even = [Double](repeating: 0, count: c)
    let least = 1e-9 * BLAS.norm(point)
    for row in 0..<terms.count / max(c, 1) {
      let product = BLAS.dot(point, Array(rows.row(row)))
      guard abs(product) > least else { return 0 }
      for o in 0..<c { even[o] += product > 0 ? terms[row * c + o] : -terms[row * c + o] }
    }
    return (0..<c).reduce(0) { best, o in
      let odd = form.linear[o, pixel]
      return max(best, hasConstant ? abs(odd + even[o]) : abs(odd) + abs(even[o]))
    }
  }
}
