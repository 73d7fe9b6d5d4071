import ConvexPrograms
import Convolutions
import Tensors

/// The data, pooling and class of networks of one certificate, read by code of the certifier alone.
struct ProblemView {
  /// Patches of the data.
  let patches: PooledPatches
  /// Pooling of the responses.
  let windows: PooledWindows
  /// The networks that bounds speak about.
  let scope: Certificate.Scope
  /// How dual norms are bounded.
  let bound: Certificate.BoundKind
  /// The architecture, as far as claims distinguish it.
  let subject: Certificate.Subject
  /// Distinct patterns of the gates given, for gated networks.
  private let masks: [[UInt64]]?

  /// A view of images under an architecture.
  ///
  /// - Throws: `CertificateError` when shapes do not agree.
  init(
    images: Tensor, geometry: PatchGeometry, pooling: Pooling, activation: Activation,
    gates: Matrix?, threads: Int
  ) throws {
    try Self.checkGates(gates, activation: activation, dimension: geometry.patchDimension)
    windows = try PatchReader.windows(of: pooling, geometry: geometry)
    let weights: Matrix? = if case .linear(let weights) = windows { weights } else { nil }
    let patches = PooledPatches(
      rows: try PatchReader.rows(of: images, geometry: geometry), sampleCount: images.shape[0],
      threads: threads)
    let masks = gates.map { Self.distinct(patches.patterns(of: $0)) }
    (self.patches, self.masks) = (patches, masks)
    scope = masks.map { .givenCells($0.count) } ?? .allCells
    if weights == nil {
      (bound, subject) = (.none, .maxPooled)
    } else {
      bound = activation == .relu ? .spectral : .exact
      subject =
        switch activation {
        case .relu: .relu
        case .gated: .gated
        case .linear: .linear
        }
    }
  }

  /// An upper bound on the dual norm of a dual point over the class; nil where none is known.
  ///
  /// Dual norms are homogeneous: the point is brought to moderate size first, and so are patches of extreme size, so that
  /// squares do not underflow.
  func dualNormUpperBound(_ dual: Matrix) throws -> Double? {
    guard case .linear(let weights) = windows else { return nil }
    let largest = dual.elements.reduce(0) { max($0, abs($1)) }
    guard largest > 0 else { return 0 }
    let factor = Double(sign: .plus, exponent: Int(largest.exponent), significand: 1)
    var scaled = dual
    for e in scaled.elements.indices { scaled.elements[e] /= factor }
    let (patches, size) = patches.moderate
    let bound =
      subject == .relu
      ? try SpectralDualNorm.upperBound(patches, weights: weights, dual: scaled)
      : try MaskedDualNorm.upperBound(patches, weights: weights, masks: masks, dual: scaled)
    guard bound > 0 else { return bound.isNaN ? .infinity : 0 }
    // The product must not be rounded to less.
    return max(bound * factor * size, .leastNormalMagnitude)
  }

  /// The first pattern that is none of the patterns given; nil when all are known.
  func firstUnknown(among patterns: [[UInt64]]) -> Int? {
    guard let masks else { return nil }
    let known = Set(masks)
    return patterns.firstIndex { !known.contains($0) }
  }

  private static func distinct(_ patterns: [[UInt64]]) -> [[UInt64]] {
    var seen: Set<[UInt64]> = []
    return patterns.filter { seen.insert($0).inserted }
  }

  private static func checkGates(
    _ gates: Matrix?, activation: Activation, dimension: Int
  ) throws {
    guard (activation == .gated) == (gates != nil) else {
      throw CertificateError(
        place: "gates", expected: activation == .gated ? "all gates of the program" : "none",
        found: gates.map { "\($0.rows)" } ?? "none",
        advice: "A gated network is certified over the gates given, any other over all filters.")
    }
    guard let gates else { return }
    guard gates.columns == dimension, gates.rows > 0 else {
      throw CertificateError(
        place: "gates", expected: "at least one gate of patch dimension \(dimension)",
        found: "shape [\(gates.rows), \(gates.columns)]",
        advice: "Use the gates the network was trained with.")
    }
    if let index = gates.firstNonFiniteIndex {
      throw CertificateError(
        place: "gates, element \(index)", expected: "a finite number",
        found: "\(gates.elements[index])", advice: "Use the gates the network was trained with.")
    }
  }
}
