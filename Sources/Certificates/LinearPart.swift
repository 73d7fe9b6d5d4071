import Convolutions
public import Tensors

/// A linear function of the pooled patches: `f(x)_o = sum_q sum_e L[q c + o, e] z_q[e]` with `z_q = sum_k P[q, k] x_k`.
///
/// Only the product of `L` with the pooled patches is a function of the image, so that `L` is unique where the `a h`
/// coordinates of all `z_q` are linearly independent as functions of the image.
public struct LinearPart: Sendable, Equatable {
  /// Weights `[a c, h]`; row `q c + o` for window `q` and output `o`.
  public internal(set) var weights: Matrix

  /// How many of the coordinates of the pooled patches are independent functions of the image.
  public struct Identifiability: Sendable, Equatable {
    /// Rank of the map from images to the `a h` coordinates.
    public let rank: Int
    /// The number `a h` of coordinates.
    public let coordinateCount: Int
    /// Whether the weights are determined by the function.
    public var isUnique: Bool { rank == coordinateCount }
  }

  /// Largest number of entries of the map from images to pooled patches that is factorized.
  static let entryLimit = 2_000_000
  /// Singular values up to this share of the largest are zero.
  static let rankTolerance = 1e-11

  /// A part that is zero.
  init(windows: Int, outputs: Int, patchDimension: Int) {
    weights = Matrix(rows: windows * outputs, columns: patchDimension)
  }

  /// Whether every weight is zero.
  public var isZero: Bool { weights.elements.allSatisfy { $0 == 0 } }

  /// Adds `coefficient (u . z_q)` for every window and output.
  ///
  /// - Parameters:
  ///   - coefficients: Length `a c`.
  ///   - filter: Length `h`.
  mutating func add(_ coefficients: [Double], _ filter: [Double]) {
    let h = weights.columns
    for (row, t) in coefficients.enumerated() where t != 0 {
      for e in 0..<h { weights.elements[row * h + e] += t * filter[e] }
    }
  }

  /// The smallest weights, in the sum of their squares, of the same function.
  ///
  /// - Returns: How much of the weights the function determines; nil where the map from images to pooled patches has
  ///   more than two million entries, and then the weights stay as they are.
  /// - Throws: `LAPACK.Failure` when a factorization fails.
  mutating func project(
    _ geometry: PatchGeometry, _ pooling: Pooling
  ) throws -> Identifiability? {
    let map = try pooling.map(for: geometry)
    let (a, h) = (map.outputCount, geometry.patchDimension)
    let pixels = geometry.channels * geometry.imageHeight * geometry.imageWidth
    guard a * h <= Self.entryLimit / (pixels + 1) else { return nil }
    let pooled = try Self.pooledPixels(geometry, map)
    let factors = try LAPACK.singularValues(pooled)
    let least = Self.rankTolerance * (factors.values.first ?? 0)
    let rank = factors.values.count { $0 > least }
    guard rank < a * h else { return Identifiability(rank: rank, coordinateCount: a * h) }
    let c = weights.rows / a
    for o in 0..<c {
      let own = (0..<a * h).map { weights[$0 / h * c + o, $0 % h] }
      var rest = [Double](repeating: 0, count: a * h)
      for r in 0..<rank {
        let vector = (0..<a * h).map { factors.u[$0, r] }
        BLAS.add(BLAS.dot(vector, own), vector, to: &rest)
      }
      for index in 0..<a * h { weights[index / h * c + o, index % h] = rest[index] }
    }
    return Identifiability(rank: rank, coordinateCount: a * h)
  }

  /// The map from pixels, and the constant 1 at the end, to pooled patches: `[a h, pixels + 1]`.
  private static func pooledPixels(_ geometry: PatchGeometry, _ map: PoolingMap) throws -> Matrix {
    let places = try PatchPlaces(geometry)
    let h = geometry.patchDimension
    var result = Matrix(rows: map.outputCount * h, columns: places.pixelCount + 1)
    for k in 0..<places.positionCount {
      for e in 0..<h {
        guard let pixel = places.pixel(position: k, entry: e) else { continue }
        result[map.windows[k] * h + e, pixel] += map.weights[k]
      }
    }
    return result
  }

  /// Neurons that make up this part: rank-one terms by singular values, the fewest there are.
  ///
  /// - Parameter least: Singular values up to this are left out.
  /// - Returns: Unit filters, coefficients of length `a c` on them, and the sum of what was left out.
  /// - Throws: `LAPACK.Failure` when the factorization fails.
  func terms(
    least: Double
  ) throws -> (filters: [[Double]], coefficients: [[Double]], rest: Double) {
    guard !isZero else { return ([], [], 0) }
    let factors = try LAPACK.singularValues(weights)
    var (filters, coefficients, rest) = ([[Double]](), [[Double]](), 0.0)
    for (r, value) in factors.values.enumerated() {
      guard value > least else {
        rest += value
        continue
      }
      filters.append(Array(factors.vt.row(r)))
      coefficients.append((0..<weights.rows).map { value * factors.u[$0, r] })
    }
    return (filters, coefficients, rest)
  }
}

/// Which pixel every entry of every patch of one sample is.
struct PatchPlaces {
  /// Number of pixels of a sample, all channels.
  let pixelCount: Int
  /// Number of patches `K`.
  let positionCount: Int
  private let patchDimension: Int
  private let places: [Int32]

  /// Reads the places off the patches of an image whose pixels are their own numbers.
  init(_ geometry: PatchGeometry) throws {
    let shape = [1, geometry.channels, geometry.imageHeight, geometry.imageWidth]
    pixelCount = shape.reduce(1, *)
    positionCount = geometry.patchesPerSample
    patchDimension = geometry.patchDimension
    let numbers = Tensor(shape: shape, elements: (0..<pixelCount).map { Double($0 + 1) })
    let rows = try PatchReader.rows(of: numbers, geometry: geometry)
    let (h, constant) = (patchDimension, Int32(pixelCount))
    places = rows.elements.enumerated().map { index, number in
      geometry.hasBias && index % h == h - 1 ? constant : Int32(number) - 1
    }
  }

  /// The pixel of an entry; `pixelCount` for the constant 1, nil beyond the rim of the image.
  func pixel(position: Int, entry: Int) -> Int? {
    let place = Int(places[position * patchDimension + entry])
    return place < 0 ? nil : place
  }
}
