public import Convolutions
public import Tensors

/// A network of three layers with one ReLU: circular convolution, one weight per position, ReLU, output weight.
///
/// `f(x) = sum_j a_j (sum_k w_j[k] sum_t u_j[t] x[k + t])_+`, pixel coordinates modulo the sizes of the image, `|u_j| = 1`.
/// Its objective in the mean-loss units is `(1/n) sum_i loss + (lambda/2) sum_j (|w_j|^2 + a_j^2)`, the least of which over
/// factors of given neurons is the regularizer of `CircularReLUProgram`.
public struct CircularReLUNetwork: Sendable, Equatable {
  /// Rows of an image.
  public let height: Int
  /// Columns of an image.
  public let width: Int
  /// Filters `u_j` of length one, `[m, d]`, pixels in row, column order.
  public let filters: Matrix
  /// Weights `w_j`, one per position, `[m, d]`.
  public let positionWeights: Matrix
  /// Output weights `a_j`, length `m`.
  public let outputWeights: [Double]

  /// Number of neurons `m`.
  public var neuronCount: Int { outputWeights.count }

  /// A network with given weights.
  ///
  /// - Parameters:
  ///   - height: Rows of an image.
  ///   - width: Columns of an image.
  ///   - filters: `[m, height * width]`, of length one.
  ///   - positionWeights: `[m, height * width]`.
  ///   - outputWeights: Length `m`.
  public init(
    height: Int, width: Int, filters: Matrix, positionWeights: Matrix, outputWeights: [Double]
  ) {
    let shape = [outputWeights.count, height * width]
    precondition(
      [filters.rows, filters.columns] == shape
        && [positionWeights.rows, positionWeights.columns] == shape,
      "CircularReLUNetwork: expected two matrices of shape \(shape), found "
        + "[\(filters.rows), \(filters.columns)] and "
        + "[\(positionWeights.rows), \(positionWeights.columns)]")
    (self.height, self.width) = (height, width)
    (self.filters, self.positionWeights) = (filters, positionWeights)
    self.outputWeights = outputWeights
  }

  /// The cheapest network of given neurons `(x . v_j)_+`, each with a sign.
  ///
  /// With plain transforms, `V_f = U_f W_f`: the moduli `|V_f|` are shared equally, the phases go to `w`. Then
  /// `|u|^2 = |w|^2 = (1/d) sum_f |V_f|`, and lengths are moved from `u` to `w` and from `w` to `a` until `|u| = 1` and
  /// `|w| = |a|`.
  ///
  /// - Parameters:
  ///   - combined: `v_j = |a_j| u_j * w_j`, `[m, d]`; none is zero.
  ///   - signs: Signs of the output weights, length `m`.
  ///   - spectrum: Transform of the pixels.
  /// - Complexity: O(`m d log d`).
  /// - Accuracy: `|a_j| u_j * w_j` is `v_j` to 1e-13 relative (`CircularReLUNetworkTests`).
  public init(combined: Matrix, signs: [Double], spectrum: CircularSpectrum) {
    precondition(
      combined.rows == signs.count, "expected \(combined.rows) signs, found \(signs.count)")
    (height, width) = (spectrum.rows, spectrum.columns)
    let spectra = spectrum.transformed(combined)
    var (plain, phased) = (spectra, spectra)
    for j in 0..<spectra.rows {
      for f in 0..<spectrum.frequencyCount {
        let (re, im) = (spectra[j, 2 * f], spectra[j, 2 * f + 1])
        let root = (re * re + im * im).squareRoot().squareRoot()
        (plain[j, 2 * f], plain[j, 2 * f + 1]) = (root, 0)
        (phased[j, 2 * f], phased[j, 2 * f + 1]) = root > 0 ? (re / root, im / root) : (0, 0)
      }
    }
    var (filters, weights) = (spectrum.planes(of: plain), spectrum.planes(of: phased))
    var outputs = signs
    for j in 0..<combined.rows {
      let length = BLAS.norm(Array(filters.row(j)))
      // |w| grows to length^2, half of which in logarithms goes to a.
      let cost = length * BLAS.norm(Array(weights.row(j)))
      for p in 0..<combined.columns {
        filters[j, p] /= length
        weights[j, p] *= length / cost.squareRoot()
      }
      outputs[j] *= cost.squareRoot()
    }
    (self.filters, positionWeights, outputWeights) = (filters, weights, outputs)
  }

  /// Filters and positions combined, `(u_j * w_j)[p] = sum_k w_j[k] u_j[p - k]`, added up from the definition.
  ///
  /// - Complexity: O(`m d^2`).
  public var combined: Matrix {
    var result = Matrix(rows: neuronCount, columns: height * width)
    for j in 0..<neuronCount {
      for k in 0..<height * width {
        for t in 0..<height * width {
          let row = (k / width + t / width) % height
          let column = (k % width + t % width) % width
          result[j, row * width + column] += positionWeights[j, k] * filters[j, t]
        }
      }
    }
    return result
  }

  /// Predictions, one per image.
  ///
  /// - Parameter samples: Images `[n, d]`, pixels in row, column order.
  /// - Returns: Length `n`.
  /// - Complexity: O(`m d (n + d)`).
  public func predictions(of samples: Matrix) -> [Double] {
    precondition(
      samples.columns == height * width,
      "expected images of \(height * width) pixels, found \(samples.columns)")
    let responses = BLAS.product(samples, .plain, combined, .transposed)
    return (0..<samples.rows).map { i in
      outputWeights.indices.reduce(0) { $0 + outputWeights[$1] * max(0, responses[i, $1]) }
    }
  }

  /// Loss and `(lambda/2) sum_j (|w_j|^2 + a_j^2)` of the network as it is, by a forward pass through its layers.
  ///
  /// - Parameters:
  ///   - samples: Images `[n, d]`.
  ///   - loss: Loss with one target per image.
  ///   - lambda: Regularization strength.
  /// - Returns: The sum of both.
  public func objective(on samples: Matrix, loss: SquaredLoss, lambda: Double) -> Double {
    let predictions = predictions(of: samples)
    let weights = positionWeights.elements + outputWeights
    return loss.value(at: Matrix(rows: samples.rows, columns: 1, elements: predictions))
      + 0.5 * lambda * BLAS.dot(weights, weights)
  }
}
