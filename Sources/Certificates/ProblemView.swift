import ConvexPrograms
import Convolutions
import Tensors

/// An upper bound on a dual norm, and how it was found.
struct DualNormBound {
  /// The bound.
  var norm: Double
  /// Its kind.
  var kind: Certificate.BoundKind
  /// Cones, arcs or faces that a search looked at for it.
  var nodeCount = 0
}

/// The data, pooling and class of networks of one certificate, read by code of the certifier alone.
struct ProblemView {
  /// Patches of the data, in the coordinates of the directions where there are some.
  let patches: PooledPatches
  /// Patches of the data in their own coordinates; whole images, with one window, where `circularImages` is set.
  let allPatches: PooledPatches
  /// The images of a linear architecture with circular filters as large as they are; nil for all others.
  let circularImages: CircularImages?
  /// Directions that filters are restricted to, `[r, h]`; nil for all filters.
  let directions: Matrix?
  /// Pooling of the responses.
  let windows: PooledWindows
  /// The networks that bounds speak about.
  let scope: Certificate.Scope
  /// The architecture, as far as claims distinguish it.
  let subject: Certificate.Subject
  /// Distinct patterns of the gates given, for gated networks and for ReLU networks over given cells.
  let masks: [[UInt64]]?
  /// What the view was made for.
  private let geometry: PatchGeometry
  private let pooling: Pooling
  let activation: Activation
  private let gates: Matrix?
  private let patternOfGate: [[Double]: [UInt64]]

  /// A view of images under an architecture.
  ///
  /// - Throws: `CertificateError` when shapes do not agree.
  init(
    images: Tensor, geometry: PatchGeometry, pooling: Pooling, activation: Activation,
    gates: Matrix?, directions: Matrix? = nil, threads: Int
  ) throws {
    try Self.checkGates(gates, activation: activation, dimension: geometry.patchDimension)
    (self.geometry, self.pooling, self.activation, self.gates) = (
      geometry, pooling, activation, gates
    )
    circularImages =
      directions == nil ? CircularImages(geometry, pooling, activation) : nil
    windows =
      circularImages == nil
      ? try PatchReader.windows(of: pooling, geometry: geometry) : .linear(.identity(1))
    let weights: Matrix? = if case .linear(let weights) = windows { weights } else { nil }
    if activation == .relu, gates != nil { try Self.checkCells(weights, directions) }
    let allPatches = PooledPatches(
      rows: circularImages == nil
        ? try PatchReader.rows(of: images, geometry: geometry)
        : try PatchReader.wholeImages(images, geometry: geometry),
      sampleCount: images.shape[0], threads: threads)
    var patternOfGate: [[Double]: [UInt64]] = [:]
    let masks = gates.map { gates in
      let patterns = allPatches.patterns(of: gates)
      for (row, pattern) in patterns.enumerated() { patternOfGate[Array(gates.row(row))] = pattern }
      return Self.distinct(patterns)
    }
    self.patternOfGate = patternOfGate
    patches = directions.map { Self.project(allPatches, on: $0) } ?? allPatches
    (self.allPatches, self.directions, self.masks) = (allPatches, directions, masks)
    scope =
      masks.map { .givenCells($0.count) }
      ?? directions.map { .leadingDirections($0.rows) } ?? .allCells
    subject =
      switch (weights, activation) {
      case (nil, .relu): .maxPooledReLU
      case (nil, _): .maxPooled
      case (_, .relu): .relu
      case (_, .gated): .gated
      case (_, .linear): .linear
      case (_, .quadratic): .quadratic
      case (_, .polynomial): .polynomial
      }
  }

  /// Whether the view serves an architecture.
  func serves(
    _ geometry: PatchGeometry, _ pooling: Pooling, _ activation: Activation, gates: Matrix?,
    directions: Matrix?
  ) -> Bool {
    (self.geometry, self.pooling, self.activation) == (geometry, pooling, activation)
      && self.gates == gates && self.directions == directions
  }

  /// The pattern of each gate of a network; those of the gates given are known.
  func patterns(of gates: Matrix) -> [[UInt64]] {
    let known = (0..<gates.rows).map { patternOfGate[Array(gates.row($0))] }
    let missing = known.indices.filter { known[$0] == nil }
    var rest = allPatches.patterns(of: gates.selectingRows(missing))[...]
    return known.map { $0 ?? rest.removeFirst() }
  }

  /// An upper bound on the dual norm of a dual point over the class, and how it was found; nil where none is known.
  ///
  /// Dual norms are homogeneous: the point is brought to moderate size first, and so are patches of extreme size, so that
  /// squares do not underflow.
  ///
  /// - Parameters:
  ///   - dual: Dual point, `[n, c]`.
  ///   - target: Bounds at or below this need not be sharper.
  ///   - hints: Filters that may have a large norm, `[m, h]`.
  ///   - effort: How hard to work for ReLU networks.
  /// - Returns: The bound, at least the dual norm, and its kind.
  /// - Throws: `LAPACK.Failure` when an eigenvalue iteration does not converge.
  func dualNormUpperBound(
    _ dual: Matrix, target: Double = 0, hints: Matrix? = nil,
    effort: BoundEffort = .withoutSearch
  ) throws -> DualNormBound? {
    let largest = dual.elements.reduce(0) { max($0, abs($1)) }
    guard largest > 0 else {
      return subject == .maxPooled ? nil : DualNormBound(norm: 0, kind: .exact)
    }
    let factor = Double(sign: .plus, exponent: Int(largest.exponent), significand: 1)
    var scaled = dual
    for e in scaled.elements.indices { scaled.elements[e] /= factor }
    // Scaling patches scales dual norms for homogeneous activations of degree one alone.
    let (patches, size) =
      directions == nil && activation.isPiecewiseLinear ? patches.moderate : (patches, 1)
    guard
      var result = try scaledBound(
        scaled, patches, target: target / factor / size, hints: hints, effort: effort)
    else { return nil }
    guard result.norm > 0 else {
      result.norm = result.norm.isNaN ? .infinity : 0
      return result
    }
    // The product must not be rounded to less; coordinates of patches are rounded, directions orthonormal to 1e-12.
    let spread = directions == nil ? 1 : 1 + 1e-11
    let norm = (result.norm * spread + projectionError(scaled)) * factor * size
    result.norm = max(norm, .leastNormalMagnitude)
    return result
  }

  /// What the rounding of patches in the coordinates of the directions can change.
  private func projectionError(_ dual: Matrix) -> Double {
    guard directions != nil else { return 0 }
    return Double(allPatches.patchDimension + 8) * 0x1p-50 * massBound(dual)
  }

  /// A bound on the dual norm of every point whose entries are at most those of `dual` in size, without any search.
  func massBound(_ dual: Matrix) -> Double {
    let weights: Matrix =
      switch windows {
      case .linear(let weights): weights
      case .maximum(let windows):
        Matrix(rows: 1, columns: windows.reduce(0) { $0 + $1.count }, repeating: 1)
      }
    return allPatches.massBound(weights: weights, dual: dual)
  }

  /// An upper bound on the dual norm over all filters, from one over filters in the span of the directions.
  ///
  /// - Returns: The bound; nil without directions or with max pooling.
  /// - Throws: `LAPACK.Failure` when an eigenvalue iteration does not converge.
  func unrestrictedUpperBound(_ dual: Matrix, restricted: Double) throws -> Double? {
    guard let directions, case .linear(let weights) = windows else { return nil }
    let bridge = try Self.bridge(
      allPatches, weights: weights, directions: directions, dual: dual)
    return bridge.isFinite ? (restricted + bridge) * (1 + 1e-15) : nil
  }

  private func scaledBound(
    _ dual: Matrix, _ patches: PooledPatches, target: Double, hints: Matrix?, effort: BoundEffort
  ) throws -> DualNormBound? {
    if activation == .relu, let masks {
      guard case .linear(let weights) = windows, weights.rows * dual.columns == 1 else {
        throw CertificateError(
          place: "cells given", expected: "ReLU networks with one output and one window",
          found: "\(dual.columns) outputs, \(windows.count) windows",
          advice: "Certify the network over all cells.")
      }
      let norm = GivenCellsDualNorm.upperBound(
        patches, weights: weights, masks: masks, dual: dual)
      return DualNormBound(norm: norm, kind: .exact)
    }
    let isReLU = subject == .relu || subject == .maxPooledReLU
    guard isReLU else {
      if let circularImages {
        let bound = try CircularDualNorm.upperBound(
          patches.rows, shape: circularImages, dual: dual)
        return DualNormBound(norm: bound, kind: .exact)
      }
      guard case .linear(let weights) = windows else { return nil }
      guard activation.isPiecewiseLinear else {
        let moments = SecondMomentDualNorm(
          patches: patches, weights: weights, activation: activation)
        return DualNormBound(norm: try moments.upperBound(dual), kind: .exact)
      }
      return DualNormBound(
        norm: try MaskedDualNorm.upperBound(patches, weights: weights, masks: masks, dual: dual),
        kind: .exact)
    }
    let clock = ContinuousClock()
    let start = clock.now
    let inside = hints.map { hints in
      directions.map { BLAS.product(hints, .plain, $0, .transposed) } ?? hints
    }
    func searched(share: Double = 1) throws -> DualNormBound? {
      var rest = effort
      rest.seconds = share * (rest.seconds - (clock.now - start) / .seconds(1))
      return try SearchedDualNorm.upperBound(
        patches, windows: windows, dual: dual, target: target, hints: inside, effort: rest)
    }
    if effort.method == .exact || effort.method == .branch { return try searched() }
    // In the plane the exact norm costs less than any bound.
    if effort.method == .automatic, patches.patchDimension <= 2, let exact = try searched() {
      return exact
    }
    var best: DualNormBound?
    if case .linear(let weights) = windows {
      best = DualNormBound(
        norm: try SpectralDualNorm.upperBound(patches, weights: weights, dual: dual),
        kind: .spectral)
      let size = weights.rows * dual.columns
      if Self.usesMoments(effort, patches, size), best.map({ $0.norm > target }) ?? true {
        let bound = try MomentDualNorm.upperBound(
          patches, weights: weights, dual: dual, target: target, effort: effort)
        if best.map({ bound < $0.norm }) ?? true {
          best = DualNormBound(norm: bound, kind: .sdp)
        }
      }
    }
    // A search that ended before it covered the space bounds nothing.
    guard effort.method == .automatic, best.map({ $0.norm > target }) ?? true,
      // With so many entries the time is better spent on other dual points, when moments were used at all.
      let found = try searched(share: best?.kind == .sdp ? 0.2 : 1)
    else { return best }
    guard var best, best.norm <= found.norm else { return found }
    best.nodeCount = found.nodeCount
    return best
  }

  /// Whether moments are used; of `automatic` for filters with so many entries that the cones of the search are too many,
  /// and so few pooled correlations that bounding them one by one is worth it.
  private static func usesMoments(
    _ effort: BoundEffort, _ patches: PooledPatches, _ size: Int
  ) -> Bool {
    effort.method == .sdp
      || effort.method == .automatic && patches.patchDimension > 6 && size <= 4
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

  /// Refuses what has no bound over given cells.
  private static func checkCells(_ weights: Matrix?, _ directions: Matrix?) throws {
    guard weights == nil || directions != nil else { return }
    throw CertificateError(
      place: "cells given", expected: "linear pooling and filters in all directions",
      found: weights == nil ? "max pooling" : "\(directions?.rows ?? 0) directions",
      advice: "Certify the network over all cells.")
  }

  private static func checkGates(
    _ gates: Matrix?, activation: Activation, dimension: Int
  ) throws {
    guard (activation == .gated) == (gates != nil) || activation == .relu else {
      throw CertificateError(
        place: "gates", expected: activation == .gated ? "all gates of the program" : "none",
        found: gates.map { "\($0.rows)" } ?? "none",
        advice: "Gated networks are certified over the gates given, ReLU networks over given cells "
          + "or all filters, any other over all filters.")
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
