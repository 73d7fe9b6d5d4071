import Arrangements
public import Convolutions
public import Tensors

/// The convex program of a circular convolution with one ReLU after it, over all cells.
///
/// The network is `f(x) = sum_j a_j (x' U_j w_j)_+`: a circular convolution with a full-size filter `u_j`, `|u_j| <= 1`,
/// a linear layer `w_j`, ReLU, and an output weight `a_j`; weight decay on `w_j` and `a_j`. As in `CircularProgram`, the
/// cheapest `u * w = v` with `|u| <= 1` has `|w| = |F v|_1 / sqrt(d)`, so with the cells `D_i` of the samples `X`
///
///     minimize (1/n) loss(sum_i D_i X (v_i - v'_i), y) + (lambda / sqrt d) sum_i (|F v_i|_1 + |F v'_i|_1)
///     subject to (2 D_i - I) X v_i >= 0,  (2 D_i - I) X v'_i >= 0 .
///
/// Coordinates: block `b` of a point has the pixels of one `v`; the first half of the blocks has sign +1, the other -1.
///
/// - Source: Ergen & Pilanci, *Implicit Convex Regularizers of CNN Architectures*, ICLR 2021 (circular networks of three
///   layers); the constant is checked numerically (`CircularReLUTests`).
public struct CircularReLUProgram: Sendable {
  /// Samples `[n, d]`, pixels in row, column order.
  public let samples: Matrix
  /// Squared loss against one target per sample.
  public let loss: SquaredLoss
  /// Regularization strength in the mean-loss objective.
  public let lambda: Double
  /// Signs of the samples in each block, shape `[blocks, n]`.
  ///
  /// `+1` or `-1`; 0 for samples that are zero.
  public let signs: Matrix
  /// Sign of the output weight of each block.
  public let outputSigns: [Double]
  /// Transform of the pixels.
  public let spectrum: CircularSpectrum

  /// The program over all cells of a batch.
  ///
  /// - Parameters:
  ///   - images: Batch of shape `[n, 1, height, width]`.
  ///   - loss: Squared loss with one target per sample.
  ///   - lambda: Regularization strength, not negative.
  ///   - maximumCells: Most cells, both of each pair.
  /// - Throws: `ProgramError` when there are several channels or outputs, `ArrangementError` when there may be
  ///   more cells, or the samples are zero or span too many dimensions.
  public init(
    images: Tensor, loss: SquaredLoss, lambda: Double, maximumCells: Int = 2000
  ) throws {
    guard images.shape.count == 4, images.shape[1] == 1, loss.outputCount == 1,
      images.shape[0] == loss.sampleCount
    else {
      throw ProgramError(
        place: "circular ReLU program",
        expected: "images of shape [\(loss.sampleCount), 1, height, width] and one output",
        found: "shape \(images.shape) and \(loss.outputCount) outputs",
        advice: "Give one channel, and one target per image.")
    }
    let spectrum = CircularSpectrum(rows: images.shape[2], columns: images.shape[3])
    let samples = Matrix(
      rows: images.shape[0], columns: spectrum.pointCount, elements: images.elements)
    let arrangement = try CentralArrangement(normals: samples)
    var rows: [[Double]] = []
    for half in try CellEnumeration(arrangement, maximumCells: UInt64(maximumCells)).cells {
      for pattern in [half, half.complement] {
        let all = arrangement.essential.expand(pattern)
        rows.append(
          (0..<samples.rows).map { i in
            samples.row(i).allSatisfy { $0 == 0 } ? 0 : all[i] ? 1 : -1
          })
      }
    }
    self.samples = samples
    self.loss = loss
    self.lambda = lambda
    self.spectrum = spectrum
    signs = Matrix(rows + rows)
    outputSigns =
      [Double](repeating: 1, count: rows.count) + [Double](repeating: -1, count: rows.count)
  }

  /// Number of blocks, twice the number of cells.
  public var blockCount: Int { signs.rows }

  /// Predictions of a point, length `n`: `sum_b s_b D_b X v_b`.
  ///
  /// - Parameter point: Shape `[blocks, d]`.
  /// - Returns: One prediction per sample.
  public func predictions(of point: Matrix) -> [Double] {
    let responses = BLAS.product(point, .plain, samples, .transposed)
    var result = [Double](repeating: 0, count: samples.rows)
    for b in 0..<blockCount {
      for i in result.indices where signs[b, i] > 0 {
        result[i] += outputSigns[b] * responses[b, i]
      }
    }
    return result
  }

  /// The adjoint of `predictions(of:)`, shape `[blocks, d]`.
  public func adjoint(_ dual: [Double]) -> Matrix {
    var weights = Matrix(rows: blockCount, columns: samples.rows)
    for b in 0..<blockCount {
      for i in dual.indices where signs[b, i] > 0 { weights[b, i] = outputSigns[b] * dual[i] }
    }
    return BLAS.product(weights, .plain, samples)
  }

  /// `(1 / sqrt d) |F v_b|_1` of each block, with the unitary transform.
  public func norms(of point: Matrix) -> [Double] {
    let spectra = spectrum.transformed(point)
    return (0..<point.rows).map { b in
      moduli(spectra, b).enumerated().reduce(0) {
        $0 + Double(spectrum.multiplicities[$1.offset]) * $1.element
      } / Double(spectrum.pointCount)
    }
  }

  /// The dual of that norm of each block: `sqrt d max_f |F g|`.
  public func dualNorms(of slope: Matrix) -> [Double] {
    let spectra = spectrum.transformed(slope)
    return (0..<slope.rows).map { moduli(spectra, $0).max() ?? 0 }
  }

  /// Shortens the moduli of the unitary spectra: the proximal point of `step` times the norm.
  public func shrink(_ point: inout Matrix, step: Double) {
    var spectra = spectrum.transformed(point)
    // The plain transform is sqrt(d) times the unitary one, whose threshold is step / sqrt(d).
    for b in 0..<point.rows {
      for (f, modulus) in moduli(spectra, b).enumerated() {
        let factor = modulus > step ? 1 - step / modulus : 0
        spectra[b, 2 * f] *= factor
        spectra[b, 2 * f + 1] *= factor
      }
    }
    point = spectrum.planes(of: spectra)
  }

  /// Predictions, and the objective of a point inside its cones.
  public func objective(of point: Matrix) -> Double {
    let predictions = predictions(of: point)
    return loss.value(at: Matrix(rows: samples.rows, columns: 1, elements: predictions))
      + lambda * norms(of: point).reduce(0, +)
  }

  private func moduli(_ spectra: Matrix, _ b: Int) -> [Double] {
    (0..<spectrum.frequencyCount).map { f in
      let (re, im) = (spectra[b, 2 * f], spectra[b, 2 * f + 1])
      return (re * re + im * im).squareRoot()
    }
  }
}
