package import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Upper bound on the dual norm of linear networks with circular filters as large as the images, frequency by frequency.
///
/// With `g_oe[p] = sum_i Lambda[i, o] x_i[e, p]`, the correlation that a unit filter is multiplied by is
///
///     T[(o, k), (e, t)] = g_oe[k + t] ,        so        |T|_op = max_f |G_f|_op ,   G_f[o, e] = sum_p g_oe[p] exp(-i f . p)
///
/// because shifts become factors of modulus one under the transform (not divided by anything). It is the exact dual norm of
/// `MaskedDualNorm` for this architecture, for any channels and outputs. Nothing of the solver's spectra is used: the
/// transform is its definition, two products with tables of cosines and sines.
///
/// Rounding: with `u = 2^-53` and `M_oe = sum_i |Lambda[i, o]| |x_i[e, .]|_1`, a table entry is off by at most `24 u` (its angle
/// by three roundings of at most `2 pi`), so a sum of `n` products, one of `W` and one of `2 H` move a coefficient by at
/// most `u M_oe (n + sqrt(2) (W + 24) + 2 (2 H + 24))` and terms of order `u^2`, less than `4 u M_oe (n + W + H + 24)`. The bound
/// is increased by the root of the sum of squares of those over outputs and channels, which exceeds what they change in `|G_f|_op`.
///
/// - Accuracy: Equals the singular value of all patches to 1e-11 relative on small images (`CircularDualNormTests`).
package enum CircularDualNorm {
  /// The bound for a dual point.
  ///
  /// - Parameters:
  ///   - rows: Images `[n, channels d]`.
  ///   - shape: Sizes of the images.
  ///   - dual: Dual point `Lambda`, `[n, c]`.
  /// - Returns: The bound; infinite when the data overflow.
  /// - Throws: `LAPACK.Failure` when the singular value iteration of a frequency does not converge.
  /// - Complexity: O(`c channels (n d + d (height + width))` time; memory of a few correlations `[c, channels d]`.
  package static func upperBound(
    _ rows: Matrix, shape: CircularImages, dual: Matrix
  ) throws -> Double {
    let planeCount = dual.columns * shape.channels
    let correlation = BLAS.product(dual, .transposed, rows)
    guard correlation.firstNonFiniteIndex == nil else { return .infinity }
    var spectra = Spectra(correlation.elements, planeCount: planeCount, shape)
    var best = 0.0
    while let block = spectra.next() {
      for f in 0..<block.re.count / planeCount {
        best = max(best, try norm(block, f, shape.channels, dual.columns, above: best))
      }
    }
    let size = Double(2 * max(shape.channels, dual.columns) + 8)
    let terms = Double(rows.rows + shape.height + shape.width + 24)
    return best * (1 + size * 0x1p-48) + terms * 0x1p-51 * mass(rows, shape, dual) * (1 + 1e-9)
  }

  /// The largest singular value of one frequency, or less than `best` when it is no larger than that.
  private static func norm(
    _ block: Spectra.Block, _ f: Int, _ channels: Int, _ outputs: Int, above best: Double
  ) throws -> Double {
    let planes = channels * outputs
    let entries = f * planes..<(f + 1) * planes
    let square = entries.reduce(0.0) {
      $0 + block.re[$1] * block.re[$1] + block.im[$1] * block.im[$1]
    }
    let frobenius = square.squareRoot()
    guard channels > 1, outputs > 1, frobenius * (1 + Double(planes + 8) * 0x1p-52) > best else {
      return min(channels, outputs) > 1 ? 0 : frobenius
    }
    // [[Re, -Im], [Im, Re]] has the singular values of Re + i Im, each twice.
    var real = Matrix(rows: 2 * outputs, columns: 2 * channels)
    for o in 0..<outputs {
      for e in 0..<channels {
        let (re, im) = (
          block.re[entries.lowerBound + o * channels + e],
          block.im[entries.lowerBound + o * channels + e]
        )
        (real[o, e], real[outputs + o, channels + e]) = (re, re)
        (real[o, channels + e], real[outputs + o, e]) = (-im, im)
      }
    }
    return try LAPACK.singularValues(real).values.first ?? 0
  }

  /// The root of `sum_oe M_oe^2`.
  private static func mass(_ rows: Matrix, _ shape: CircularImages, _ dual: Matrix) -> Double {
    let d = shape.pixelCount
    var lengths = Matrix(rows: rows.rows, columns: shape.channels)
    for i in 0..<rows.rows {
      for e in 0..<shape.channels {
        let start = i * rows.columns + e * d
        lengths[i, e] = rows.elements[start..<start + d].reduce(0) { $0 + abs($1) }
      }
    }
    var sizes = dual
    for e in sizes.elements.indices { sizes.elements[e] = abs(sizes.elements[e]) }
    return BLAS.norm(BLAS.product(sizes, .transposed, lengths).elements)
  }
}

/// Transforms of real planes by their definition, some columns of frequencies at a time.
private struct Spectra {
  /// Coefficients of some frequencies: those of all planes side by side, frequency after frequency.
  struct Block {
    var re: [Double]
    var im: [Double]
  }

  private let planes: Matrix
  private let planeCount: Int
  private let (height, width): (Int, Int)
  private let (rowCosines, rowSines): (Matrix, Matrix)
  private let step: Int
  private var first = 0

  init(_ elements: [Double], planeCount: Int, _ shape: CircularImages) {
    // Transposing planes only renames frequencies; the longer side is cut into blocks.
    let isTall = shape.height > shape.width
    height = isTall ? shape.width : shape.height
    width = isTall ? shape.height : shape.width
    self.planeCount = planeCount
    let d = shape.pixelCount
    planes = Matrix(
      rows: planeCount * height, columns: width,
      elements: isTall
        ? (0..<planeCount).flatMap { plane in
          Matrix(
            rows: shape.height, columns: shape.width,
            elements: Array(elements[plane * d..<(plane + 1) * d])
          ).transposed.elements
        } : elements)
    (rowCosines, rowSines) = Self.table(size: height, frequencies: 0..<height)
    step = max(1, min(width / 2 + 1, 1 << 21 / width))
  }

  /// The next columns of frequencies; nil after the last.
  ///
  /// The others are conjugates of these.
  mutating func next() -> Block? {
    let end = min(first + step, width / 2 + 1)
    guard first < end else { return nil }
    let (cosines, sines) = Self.table(size: width, frequencies: first..<end)
    first = end
    let (re, im) = (BLAS.product(planes, .plain, cosines), BLAS.product(planes, .plain, sines))
    let columns = cosines.columns
    let count = height * columns
    var block = Block(
      re: [Double](repeating: 0, count: count * planeCount),
      im: [Double](repeating: 0, count: count * planeCount))
    for plane in 0..<planeCount {
      func part(_ matrix: Matrix) -> Matrix {
        Matrix(
          rows: height, columns: columns,
          elements: Array(matrix.elements[plane * count..<(plane + 1) * count]))
      }
      // exp(-i a) exp(-i b) = (cos a cos b - sin a sin b) - i (cos a sin b + sin a cos b).
      let (real, other) = (part(re), part(im))
      let (cc, ss) = (
        BLAS.product(rowCosines, .plain, real), BLAS.product(rowSines, .plain, other)
      )
      let (cs, sc) = (
        BLAS.product(rowCosines, .plain, other), BLAS.product(rowSines, .plain, real)
      )
      for f in 0..<count {
        block.re[f * planeCount + plane] = cc.elements[f] - ss.elements[f]
        block.im[f * planeCount + plane] = -(cs.elements[f] + sc.elements[f])
      }
    }
    return block
  }

  /// Cosines and sines of `2 pi f p / size`; symmetric where all frequencies are asked for.
  private static func table(size: Int, frequencies: Range<Int>) -> (Matrix, Matrix) {
    var cosines = Matrix(rows: size, columns: frequencies.count)
    var sines = cosines
    for p in 0..<size {
      for (index, f) in frequencies.enumerated() {
        let angle = 2 * Double.pi * Double(p * f % size) / Double(size)
        (cosines[p, index], sines[p, index]) = (cos(angle), sin(angle))
      }
    }
    return (cosines, sines)
  }
}
