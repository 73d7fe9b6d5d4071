public import ConvexPrograms
public import Convolutions
public import Tensors

/// The normal form of a two-layer network: neurons of different lines in one half-space, and an explicit linear part.
///
/// `f(x) = sum_p T_p (sum_k P[., k] relu(v_p . x_k)) + L(x) + b` with unit directions `v_p`, no two of them collinear, the
/// first entry of each that is not nearly zero positive, and in circular geometries the largest of its orbit under the
/// shifts that do not change the neuron. Networks that are one function for one of these reasons (scaling, splitting,
/// opposite pairs, order, shifts) have one form, up to rounding:
///
/// 1. neurons that do nothing are dropped, the others get unit filters;
/// 2. filters that respond with a constant become part of the linear part;
/// 3. filters in the other half-space turn around: `relu(z) = relu(-z) + z`, and `z` joins the linear part;
/// 4. filters move to the representative of their orbit;
/// 5. neurons of one direction are merged, and dropped where their output weights cancel;
/// 6. the constant of the linear part joins the output bias if there is one, and the smallest of its equal weights are
///    taken.
///
/// The choice of the half-space is not continuous: forms of networks that are close as functions need not be close entry by
/// entry. `EvenOddForm` compares functions. Two networks that agree on the samples of a training set are not one function.
///
/// With max pooling filters cannot turn around, so that steps 2 and 3 are left out and the log says so. A linear network has
/// no neurons in this form, only the linear part.
///
/// - Accuracy: Function, invariance and idempotence on 200 degenerate networks of four geometries
///   (`CanonicalFormTests`).
/// - Source: Berner, Elbraechter & Grohs, *How degenerate is the parametrization of neural networks with the ReLU
///   activation function?*, NeurIPS 2019, for redundant and opposite directions; orbits and the linear part are added here.
public struct CanonicalForm: Sendable {
  /// Default of the largest distance of unit filters that count as one direction.
  public static let defaultTolerance = 1e-9

  /// How images are cut into patches.
  public let geometry: PatchGeometry
  /// How responses are pooled.
  public let pooling: Pooling
  /// What neurons do with responses.
  public let activation: Activation
  /// Unit directions `[p, h]`, in lexicographic order, largest first.
  public let directions: Matrix
  /// Output weights on unit filters, `[p, a c]`; entry `q c + o`.
  public let coefficients: Matrix
  /// The linear part.
  public let linear: LinearPart
  /// Output bias of length `c`; nil for networks without one.
  public let outputBias: [Double]?
  /// Number of outputs `c`.
  public let outputCount: Int
  /// What was done, in order.
  public let steps: [CanonicalizationStep]
  /// Number `e` with `|f(x) - f'(x)| <= e * inputSize(x)` for every `x`, rounding aside.
  public let errorBound: Double
  /// Largest distance of unit filters that counted as one direction.
  public let tolerance: Double
  /// How much of the linear part the function determines; nil where that was not computed.
  public let identifiability: LinearPart.Identifiability?
  /// Number of shifts that do not change a neuron; 1 where there is only the identity.
  public let shiftCount: Int

  /// Number of neurons `p`.
  public var neuronCount: Int { directions.rows }
  /// Whether filters could be turned into the half-space; false with max pooling.
  public var isOriented: Bool { pooling.kind != .max }

  /// The normal form of a network.
  ///
  /// - Parameters:
  ///   - network: A network with finite weights that is not gated.
  ///   - tolerance: Largest distance of two unit filters that count as one direction, at least 0 and below 0.5.
  /// - Throws: `CertificateError` when a weight is not finite, the tolerance is out of range or the network is gated;
  ///   `LAPACK.Failure` when a factorization fails.
  /// - Complexity: O(`m h`) expected, O(`m h s`) with `s` shifts, and a singular value decomposition of shape
  ///   `[a h, pixels]` where that has at most two million entries.
  public init(_ network: Network, tolerance: Double = CanonicalForm.defaultTolerance) throws {
    var work = CanonicalWork(
      network, units: try UnitNeurons(network, tolerance: tolerance), tolerance: tolerance)
    work.orient()
    work.merge()
    identifiability = try work.settleLinearPart()
    geometry = network.geometry
    pooling = network.pooling
    activation = network.activation
    outputCount = network.outputCount
    self.tolerance = tolerance
    directions = Matrix(
      rows: work.directions.count, columns: network.geometry.patchDimension,
      elements: work.directions.flatMap { $0 })
    coefficients = Matrix(
      rows: work.coefficients.count, columns: work.units.coefficients.columns,
      elements: work.coefficients.flatMap { $0 })
    linear = work.linear
    outputBias = work.outputBias
    steps = work.steps
    errorBound = work.errorBound
    shiftCount = work.orbit?.count ?? 1
  }

  /// The sizes that `errorBound` multiplies: `(sum_q (sum_k P[q, k] |x_k|)^2)^(1/2)` for each image.
  ///
  /// With max pooling the largest `|x_k|` of a window stands for the sum.
  ///
  /// - Parameter images: Batch of shape `[n, channels, height, width]`, as the network sees it.
  /// - Returns: `n` sizes.
  /// - Throws: `CertificateError` when the images are not of the geometry's size.
  public func inputSize(of images: Tensor) throws -> [Double] {
    let rows = try PatchReader.rows(of: images, geometry: geometry)
    let map = try pooling.map(for: geometry)
    let count = geometry.patchesPerSample
    return (0..<images.shape[0]).map { i in
      var sizes = [Double](repeating: 0, count: map.outputCount)
      for k in 0..<count {
        let norm = BLAS.norm(Array(rows.row(i * count + k)))
        let q = map.windows[k]
        sizes[q] = map.isLinear ? sizes[q] + map.weights[k] * norm : max(sizes[q], norm)
      }
      return BLAS.norm(sizes)
    }
  }

  /// Outputs of the form on images, by its definition.
  ///
  /// - Parameter images: Batch of shape `[n, channels, height, width]`, as the network sees it.
  /// - Returns: Outputs `[n, c]`.
  /// - Throws: `CertificateError` when the images are not of the geometry's size.
  /// - Complexity: O(`n K h p`).
  public func predictions(of images: Tensor) throws -> Matrix {
    let rows = try PatchReader.rows(of: images, geometry: geometry)
    let map = try pooling.map(for: geometry)
    let (count, c, h) = (geometry.patchesPerSample, outputCount, geometry.patchDimension)
    var result = Matrix(rows: images.shape[0], columns: c)
    let responses = BLAS.product(rows, .plain, directions, .transposed)
    for i in 0..<images.shape[0] {
      var pooled = Matrix(rows: map.outputCount, columns: neuronCount)
      var patches = Matrix(rows: map.outputCount, columns: h)
      for k in 0..<count {
        let (row, q) = (i * count + k, map.windows[k])
        for p in 0..<neuronCount where responses[row, p] > 0 {
          pooled[q, p] =
            map.isLinear
            ? pooled[q, p] + map.weights[k] * responses[row, p]
            : max(pooled[q, p], responses[row, p])
        }
        if map.isLinear { for e in 0..<h { patches[q, e] += map.weights[k] * rows[row, e] } }
      }
      for q in 0..<map.outputCount {
        for o in 0..<c {
          for p in 0..<neuronCount { result[i, o] += coefficients[p, q * c + o] * pooled[q, p] }
          for e in 0..<h { result[i, o] += linear.weights[q * c + o, e] * patches[q, e] }
        }
      }
      for (o, b) in (outputBias ?? []).enumerated() { result[i, o] += b }
    }
    return result
  }
}
