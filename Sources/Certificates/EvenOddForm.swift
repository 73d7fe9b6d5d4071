public import ConvexPrograms
import Convolutions
public import Tensors

/// A network, or the difference of two, as a linear function and one absolute value for each line of normals.
///
/// `relu(z) = z / 2 + |z| / 2`, so that
/// `f(x) = M x + b + (1/2) sum_n t_n |a_n . x + e_n|` with unit normals, and rows of one line share one term whatever their
/// signs. Away from its hyperplanes the gradient of `f` is `M + (1/2) sum_n s_n t_n a_n'` with signs `s_n`, so that the
/// largest entry of the gradient anywhere, `|f| = sup_x max_{o,i} |df_o/dx_i|`, lies between
///
///     max(max |M|, max_n |t_n| |a_n| / 2)   and   max_{o,i} (|M_oi| + (1/2) sum_n |t_no| |a_ni|),
///
/// entries by absolute value; constants do not count. The lower bounds hold because far away in the directions `x` and `-x`
/// the gradients are `M + E` and `M - E`, and because the gradient jumps by `t_n a_n'` across hyperplane `n`.
///
/// - Accuracy: Both bounds and the exact value are checked against brute force over cells (`FunctionDistanceTests`).
/// - Source: The paper's seminorm; the form and the bounds are derived here.
public struct EvenOddForm: Sendable {
  /// `M`, `[c, pixels]`.
  public let linear: Matrix
  /// Values at the image zero less the absolute values there: `b`, of length `c`.
  public let constants: [Double]
  /// Coefficients `t_n` `[lines, c]`.
  let coefficients: Matrix
  let normals: [PatchLines.Line]
  /// Largest distance of unit normals that counted as one line.
  public let tolerance: Double
  /// Sum of the absolute values of all terms, over outputs and pixels the largest: what rounding is relative to.
  let termSize: Double
  /// Number of terms before lines were merged.
  let termCount: Int
  /// Hyperplanes that stand for several whose normals differ by more than rounding.
  public let mergedLineCount: Int
  /// What gradients between such hyperplanes can differ by from those of the form.
  let mergeSlack: Double

  /// Number of hyperplanes.
  public var lineCount: Int { normals.count }

  /// The form of a network.
  ///
  /// - Parameters:
  ///   - network: A network with linear pooling that is not gated.
  ///   - tolerance: Largest distance of unit normals that count as one line.
  /// - Throws: `CertificateError` when a weight is not finite, the network is gated, has max pooling or too many rows.
  public init(_ network: Network, tolerance: Double = CanonicalForm.defaultTolerance) throws {
    try self.init([(network, 1)], tolerance: tolerance)
  }

  /// The form of the difference `f - g` of two networks.
  ///
  /// - Parameters:
  ///   - network: The network `f`.
  ///   - other: A network `g` of the same geometry, pooling, activation and number of outputs.
  ///   - tolerance: Largest distance of unit normals that count as one line.
  /// - Throws: `CertificateError` when the networks are of different kinds, or for one of the reasons above.
  /// - Complexity: O(`m K h`) expected time and memory for `m` neurons in both.
  public init(
    of network: Network, minus other: Network,
    tolerance: Double = CanonicalForm.defaultTolerance
  ) throws {
    try Self.requireSameKind(network, other)
    try self.init([(network, 1), (other, -1)], tolerance: tolerance)
  }

  private init(_ parts: [(network: Network, sign: Double)], tolerance: Double) throws {
    let first = parts[0].network
    try first.requirePiecewiseLinear(for: "function distance")
    let map = try first.pooling.map(for: first.geometry)
    guard map.isLinear else {
      throw CertificateError(
        place: "function distance", expected: "average, sum or no pooling",
        found: "max pooling", advice: "The hyperplanes of max pooling are not those of its filters."
      )
    }
    var (directions, outputs, masses) = ([Double](), [Double](), [Double]())
    for (network, sign) in parts {
      let units = try UnitNeurons(network, tolerance: tolerance)
      directions += units.directions.elements
      outputs += units.coefficients.elements.map { sign * $0 }
      masses += units.masses
    }
    let rows = Matrix(
      rows: masses.count, columns: first.geometry.patchDimension, elements: directions)
    var work = EvenOddWork(
      geometry: first.geometry, map: map, outputs: first.outputCount,
      units: rows, coefficients: outputs)
    for (network, sign) in parts {
      for (o, b) in (network.outputBias ?? []).enumerated() { work.constants[o] += sign * b }
    }
    if first.activation == .relu {
      work.addLinear(0.5)
      try work.addAbsoluteValues(masses, tolerance: tolerance)
    } else {
      work.addLinear(1)
    }
    linear = work.linear
    constants = work.constants
    normals = work.lines
    coefficients = Matrix(
      rows: work.lines.count, columns: first.outputCount, elements: work.jumps)
    termSize = work.absolute.elements.max() ?? 0
    (termCount, mergedLineCount, mergeSlack) = (
      work.termCount, work.mergedLineCount, work.mergeSlack
    )
    self.tolerance = tolerance
  }

  /// Throws unless two networks differ in weights only.
  static func requireSameKind(_ network: Network, _ other: Network) throws {
    func require(_ what: String, _ x: String, _ y: String) throws {
      guard x != y else { return }
      throw CertificateError(
        place: "second network, \(what)", expected: x, found: y,
        advice: "Only networks that differ in their weights are compared.")
    }
    try require("geometry", network.geometry.words, other.geometry.words)
    try require("pooling", "\(network.pooling)", "\(other.pooling)")
    try require("activation", network.activation.rawValue, other.activation.rawValue)
    try require("outputs", "\(network.outputCount)", "\(other.outputCount)")
  }

  /// Values at images, by the form.
  ///
  /// - Parameter images: Batch of shape `[n, channels, height, width]`.
  /// - Returns: Outputs `[n, c]`.
  public func values(at images: Tensor) -> Matrix {
    let (n, c) = (images.shape[0], constants.count)
    let pixels = images.strideOfFirstAxis
    var result = Matrix(rows: n, columns: c)
    for i in 0..<n {
      let image = Array(images.elements[i * pixels..<(i + 1) * pixels])
      for o in 0..<c { result[i, o] = constants[o] + BLAS.dot(Array(linear.row(o)), image) }
      for (index, line) in normals.enumerated() {
        var response = line.constant
        for (pixel, value) in zip(line.pixels, line.values) {
          response += value * image[Int(pixel)]
        }
        for o in 0..<c { result[i, o] += 0.5 * coefficients[index, o] * abs(response) }
      }
    }
    return result
  }

  /// Value at the image zero, of length `c`.
  public var valueAtZero: [Double] {
    constants.indices.map { o in
      normals.indices.reduce(constants[o]) {
        $0 + 0.5 * coefficients[$1, o] * abs(normals[$1].constant)
      }
    }
  }

  /// Largest jump of an entry of the gradient across a hyperplane.
  public var largestJump: Double {
    var result = 0.0
    for (index, line) in normals.enumerated() {
      let size = coefficients.row(index).reduce(0) { max($0, abs($1)) }
      result = max(result, size * line.largest)
    }
    return result
  }

  /// `max(max |M|, max_n |t_n a_n'| / 2)`, a lower bound on the largest entry of the gradient.
  public var lowerBound: Double {
    linear.elements.reduce(0.5 * largestJump) { max($0, abs($1)) }
  }

  /// `max_{o,i} (|M_oi| + (1/2) sum_n |t_no| |a_ni|)`, an upper bound on the largest entry of the gradient.
  public var upperBound: Double { entryBounds.elements.max() ?? 0 }

  /// The upper bound of each entry of the gradient, `[c, pixels]`.
  var entryBounds: Matrix {
    var result = linear
    for e in result.elements.indices { result.elements[e] = abs(result.elements[e]) }
    for (index, line) in normals.enumerated() {
      for (pixel, value) in zip(line.pixels, line.values) {
        for o in constants.indices {
          result[o, Int(pixel)] += 0.5 * abs(coefficients[index, o] * value)
        }
      }
    }
    return result
  }
}

/// The sums of an even and odd form while they are formed.
private struct EvenOddWork {
  let geometry: PatchGeometry
  let map: PoolingMap
  let outputs: Int
  /// Unit filters `[m, h]`.
  let units: Matrix
  /// Output weights on them, `a c` for each.
  let coefficients: [Double]
  var linear: Matrix
  var absolute: Matrix
  var constants: [Double]
  var lines: [PatchLines.Line] = []
  var jumps: [Double] = []
  private(set) var termCount = 0
  private(set) var mergedLineCount = 0
  private(set) var mergeSlack = 0.0

  /// Distances of unit normals up to this are rounding.
  private static let sameNormal = 4e-15

  init(
    geometry: PatchGeometry, map: PoolingMap, outputs: Int, units: Matrix, coefficients: [Double]
  ) {
    (self.geometry, self.map, self.outputs) = (geometry, map, outputs)
    (self.units, self.coefficients) = (units, coefficients)
    let pixels = geometry.channels * geometry.imageHeight * geometry.imageWidth
    linear = Matrix(rows: outputs, columns: pixels)
    absolute = linear
    constants = [Double](repeating: 0, count: outputs)
  }

  /// Adds `share` of every response: first all neurons' weights for each window, then these over the patches.
  mutating func addLinear(_ share: Double) {
    let h = geometry.patchDimension
    let size = map.outputCount * outputs
    guard units.rows > 0, let places = try? PatchPlaces(geometry) else { return }
    let weights = BLAS.product(
      Matrix(rows: units.rows, columns: size, elements: coefficients), .transposed, units)
    let sizes = BLAS.product(
      Matrix(rows: units.rows, columns: size, elements: coefficients.map(abs)), .transposed,
      Matrix(rows: units.rows, columns: h, elements: units.elements.map(abs)))
    for k in map.windows.indices {
      for e in 0..<h {
        guard let pixel = places.pixel(position: k, entry: e) else { continue }
        for o in 0..<outputs {
          let value = share * map.weights[k] * weights[map.windows[k] * outputs + o, e]
          if pixel == places.pixelCount {
            constants[o] += value
          } else {
            linear[o, pixel] += value
            absolute[o, pixel] += map.weights[k] * sizes[map.windows[k] * outputs + o, e]
          }
        }
      }
    }
  }

  /// Adds up half the absolute values of the responses by line; lines whose coefficients cancel vanish.
  mutating func addAbsoluteValues(_ masses: [Double], tolerance: Double) throws {
    let groups = DirectionClusters(
      units, masses: masses, tolerance: tolerance, evenInSign: true
    ).clusters
    let size = map.outputCount * outputs
    var totals = Matrix(rows: groups.count, columns: size)
    for (g, group) in groups.enumerated() {
      for member in group.members {
        for e in 0..<size { totals[g, e] += coefficients[member.neuron * size + e] }
      }
    }
    let directions = Matrix(
      rows: groups.count, columns: geometry.patchDimension,
      elements: groups.flatMap(\.direction))
    let found = try PatchLines(directions, geometry, tolerance: tolerance)
    var sums = Matrix(rows: found.lines.count, columns: outputs)
    var sizes = [Double](repeating: 0, count: found.lines.count)
    var isMerged = [Bool](repeating: false, count: found.lines.count)
    termCount = found.rows.count
    for (g, group) in groups.enumerated() {
      let mass = group.members.reduce(0) { $0 + masses[$1.neuron] }
      for k in 0..<found.positionCount {
        let row = found.rows[g * found.positionCount + k]
        for o in 0..<outputs {
          let value = map.weights[k] * row.length * totals[g, map.windows[k] * outputs + o]
          if row.line < 0 { constants[o] += 0.5 * value } else { sums[row.line, o] += value }
        }
        guard row.line >= 0 else { continue }
        sizes[row.line] += map.weights[k] * row.length * mass
        let spread = group.members.reduce(row.distance) { max($0, $1.distance) }
        if spread > Self.sameNormal { isMerged[row.line] = true }
      }
    }
    for index in found.lines.indices where isMerged[index] {
      mergedLineCount += 1
      mergeSlack += sizes[index]
    }
    for (index, line) in found.lines.enumerated() {
      let largest = sums.row(index).reduce(0) { max($0, abs($1)) }
      guard largest > UnitNeurons.negligible * sizes[index] else { continue }
      lines.append(line)
      jumps += sums.row(index)
    }
  }
}
