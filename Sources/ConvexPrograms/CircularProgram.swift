public import Convolutions
public import Tensors

/// The convex program of a circular linear network with full-size filters, in the Fourier domain.
///
/// Filters as large as the images, stride 1, circular padding, one output weight per position: `f(x) = <x, z>` with
/// `z = sum_j w_j * u_j` (circular convolution). With the unitary transform `F` of `d` points,
/// `F(u * w) = sqrt(d) (F u)(F w)`. For several channels, `u_j` has a spectrum per channel; for several outputs, `w_j` has
/// one per output. The largest `<g, z>` of a neuron with `|u| = |w| = 1` is
///
///     max sqrt(d) sum_f u^_f' G^_f w^_f  =  sqrt(d) max_f |G^_f|_op ,
///
/// since `sum_f |u^_f|^2 = sum_f |w^_f|^2 = 1`; conjugate pairs of frequencies make `u` and `w` real. So
/// `min sum_j |u_j| |w_j| = (1 / sqrt d) sum_f |Z^_f|_*` with matrices `Z^_f` of shape `[channels, c]`. With one channel or one
/// output these are vectors, the norm is the sum of their lengths, and one neuron per problem suffices:
/// `u^_f = Z^_f / (|Z^_f|^1/2 d^1/4)` and `w^_f = |Z^_f|^1/2 / d^1/4`, or the other way around. With several of both the
/// program is a nuclear norm per frequency, and is refused.
///
/// Variables `v_f = m_f Z^_f / sqrt(d)`, for one of each pair of conjugate frequencies and `m_f = 2` (1 for those without
/// a partner), turn the regularizer into `sum_f |v_f|` and `<x, z>` into `sum_f Re (conj(v_f) X_f)` with the plain, not
/// unitary, transform `X_f`: a group lasso on features that FFTW returns. They are computed once; an iteration costs
/// O(`n d`).
///
/// - Accuracy: Equals the nuclear-norm program to 1e-9 on small sizes (`CircularProgramTests`).
/// - Source: Ergen & Pilanci, *Implicit Convex Regularizers of CNN Architectures*, ICLR 2021 (spectral l1 norm, one
///   channel); several channels and outputs are derived above.
public struct CircularProgram: Sendable {
  /// The group lasso over `frequencyCount` blocks of `2 channels` rows: `(re, im)` of each channel.
  public let composite: CompositeProgram
  /// How images are cut into patches.
  public let geometry: PatchGeometry
  private let spectrum: CircularSpectrum

  /// Whether a geometry with a pooling is that of a circular network with full-size filters.
  ///
  /// - Parameters:
  ///   - geometry: How images are cut into patches.
  ///   - pooling: Pooling of the responses.
  /// - Returns: Whether the padding is circular, filters have the size of the images, there are no stride, dilation and
  ///   bias, and every position has its own weight.
  public static func isCircular(_ geometry: PatchGeometry, _ pooling: Pooling) -> Bool {
    geometry.padding == .circular && geometry.filterHeight == geometry.imageHeight
      && geometry.filterWidth == geometry.imageWidth && !geometry.hasBias
      && geometry.patchesPerSample == geometry.imageHeight * geometry.imageWidth
      && pooling.kind == .none
  }

  /// Whether the program of a linear problem has this form, and one of channels and outputs is single.
  static func isApplicable(to problem: TrainingProblem) -> Bool {
    problem.activation == .linear && isCircular(problem.geometry, problem.pooling)
      && !problem.hasOutputBias
      && (problem.geometry.channels == 1 || problem.outputCount == 1)
  }

  /// The program of a batch of images.
  ///
  /// - Parameters:
  ///   - images: Batch of shape `[n, channels, height, width]`.
  ///   - geometry: Geometry with full-size filters, circular padding and stride 1.
  ///   - loss: Loss with the targets of the same `n` samples.
  ///   - lambda: Regularization strength, not negative.
  ///   - threads: Threads to use; the results do not depend on it.
  /// - Throws: `ProgramError` when the geometry is another one, there are several channels and several outputs, or
  ///   the images have another shape.
  /// - Complexity: O(`n channels d log d`) time, O(`n channels d`) memory.
  public init(
    images: Tensor, geometry: PatchGeometry, loss: any Loss, lambda: Double, threads: Int = 1
  ) throws {
    guard Self.isCircular(geometry, Pooling(.none)) else {
      throw ProgramError(
        place: "circular program",
        expected: "circular padding, filters as large as the images, stride 1, no bias",
        found: "padding \(geometry.padding.rawValue), filters of "
          + "\(geometry.filterHeight) x \(geometry.filterWidth) on images of "
          + "\(geometry.imageHeight) x \(geometry.imageWidth)"
          + (geometry.hasBias ? " with bias" : ""),
        advice: "Smaller filters have a nuclear norm in place of the l1 norm; use GatedProgram.")
    }
    guard geometry.channels == 1 || loss.outputCount == 1 else {
      throw ProgramError(
        place: "circular program", expected: "one channel or one output",
        found: "\(geometry.channels) channels and \(loss.outputCount) outputs",
        advice: "With several of both the norm is nuclear in every frequency; use GatedProgram.")
    }
    let expected = [
      loss.sampleCount, geometry.channels, geometry.imageHeight, geometry.imageWidth,
    ]
    guard images.shape == expected else {
      throw ProgramError(
        place: "circular program", expected: "images of shape \(expected)",
        found: "\(images.shape)", advice: "Give one target per image, and the images' geometry.")
    }
    let spectrum = CircularSpectrum(rows: geometry.imageHeight, columns: geometry.imageWidth)
    let features = Self.features(of: images, spectrum, threads: threads)
    self.geometry = geometry
    self.spectrum = spectrum
    composite = CompositeProgram(
      map: DenseFeatureMap(features: features, threads: threads), loss: loss,
      regularizer: GroupNorm(blockCount: spectrum.frequencyCount), lambda: lambda)
  }

  /// Spectra of the images, `[n, frequencies * channels * 2]`.
  private static func features(
    of images: Tensor, _ spectrum: CircularSpectrum, threads: Int
  ) -> Matrix {
    let (n, channels) = (images.shape[0], images.shape[1])
    let spectra = spectrum.transformed(
      Matrix(rows: n * channels, columns: spectrum.pointCount, elements: images.elements),
      threads: threads)
    guard channels > 1 else { return spectra }
    let count = spectrum.frequencyCount
    var result = Matrix(rows: n, columns: 2 * channels * count)
    for i in 0..<n {
      for c in 0..<channels {
        for f in 0..<count {
          for part in 0..<2 {
            result[i, (f * channels + c) * 2 + part] = spectra[i * channels + c, 2 * f + part]
          }
        }
      }
    }
    return result
  }

  /// The network of a point: one neuron, or none for zero.
  ///
  /// Its objective equals the program's at the point, up to rounding.
  ///
  /// - Parameter point: Weights of shape `[2 channels frequencies, c]`.
  /// - Returns: The network, balanced, with real filters.
  /// - Throws: `ProgramError` when shapes do not agree.
  /// - Complexity: O(`channels c d log d`).
  public func network(from point: Matrix) throws -> Network {
    let (channels, c, d) = (geometry.channels, point.columns, spectrum.pointCount)
    let count = spectrum.frequencyCount
    precondition(
      point.rows == 2 * channels * count,
      "network(from:): expected \(2 * channels * count) rows, found \(point.rows)")
    let isZero = point.elements.allSatisfy { $0 == 0 }
    // Spectra of one side carry the phases: that of the filters with one output, else that of the output weights.
    let planes = max(channels, c)
    var phased = Matrix(rows: planes, columns: 2 * count)
    var plain = Matrix(rows: 1, columns: 2 * count)
    let root = Double(d).squareRoot()
    for f in 0..<count {
      // Entry of v_f for a plane and a part; one of channel and output is the only one.
      func entry(_ plane: Int, _ part: Int) -> Double {
        c == 1 ? point[(f * channels + plane) * 2 + part, 0] : point[2 * f + part, plane]
      }
      let norm = (0..<planes).reduce(0) {
        $0 + entry($1, 0) * entry($1, 0) + entry($1, 1) * entry($1, 1)
      }.squareRoot()
      guard norm > 0 else { continue }
      // |Z^_f| of the unitary transform, and plain transforms of filter and weights, which are sqrt(d) as large.
      let modulus = norm * root / Double(spectrum.multiplicities[f])
      let length = modulus.squareRoot() * root / root.squareRoot()
      plain[0, 2 * f] = length
      for plane in 0..<planes {
        for part in 0..<2 { phased[plane, 2 * f + part] = length * entry(plane, part) / norm }
      }
    }
    let (withPhases, without) = (spectrum.planes(of: phased), spectrum.planes(of: plain))
    let (filters, weights) = c == 1 ? (withPhases, without) : (without, withPhases)
    return try Network(
      geometry: geometry, pooling: Pooling(.none), activation: .linear,
      filters: Matrix(
        rows: isZero ? 0 : 1, columns: channels * d, elements: isZero ? [] : filters.elements),
      outputWeights: Matrix(
        rows: isZero ? 0 : d, columns: c, elements: isZero ? [] : weights.transposed.elements)
    ).balanced()
  }
}
