public import ConvexPrograms
import Convolutions
public import Tensors

/// The independent verifier for data that are read a block of samples at a time.
///
/// It proves what `Certifier` proves, by the same code on each block: one pass over the data for the predictions and one for the
/// dual norm, in double precision throughout. Nothing of the size of the patches is kept. Its lower bounds are those of gated
/// networks over the gates given, of linear networks, and of ReLU networks over all cells by `StreamedReLUBound`, which is looser than
/// the bounds of `Certifier`; with max pooling it recomputes the objective and proves no bound other than 0.
public struct StreamedCertifier: Sendable {
  private let source: any SampleSource
  private let loss: any Loss
  private let lambda: Double
  private let threads: Int
  private let blockBytes: Int

  /// A verifier for networks on one data set at one strength.
  ///
  /// - Parameters:
  ///   - source: The `n` samples.
  ///   - loss: Loss with the targets of the same samples.
  ///   - lambda: Regularization strength in the mean-loss objective, finite and not negative.
  ///   - threads: Threads that passes over the data use; the results do not depend on it.
  ///   - blockBytes: About the memory of the patches of a block; the bits of results depend on it.
  public init(
    source: any SampleSource, loss: any Loss, lambda: Double, threads: Int = 1,
    blockBytes: Int = 16 << 20
  ) {
    self.source = source
    self.loss = loss
    self.lambda = lambda
    self.threads = threads
    self.blockBytes = blockBytes
  }

  /// Measures a network against the best network of its class.
  ///
  /// - Parameters:
  ///   - network: The network to certify, whoever trained it.
  ///   - gates: All gates of the gated program, `[P, h]`, used by the network or not; nil for other activations.
  ///   - targetGap: Relative gap that the verdict asks for.
  /// - Returns: The certificate, and the predictions of the network, `[n, c]`.
  /// - Throws: `CertificateError` when weights, samples or `lambda` are not finite, shapes do not agree, or the activation is
  ///   of degree two; what the source throws; `LAPACK.Failure` when a spectral iteration does not converge.
  /// - Complexity: O(`n K h (m + P)`) time in two passes, O(`n c + P a c h`) memory beside a block.
  /// - Accuracy: As `Certifier.certify`; its objective and bound agree to 1e-12 (`StreamedCertifierTests`).
  public func certify(
    _ network: Network, gates: Matrix?, targetGap: Double
  ) throws -> (certificate: Certificate, predictions: Matrix) {
    try network.requirePiecewiseLinear(for: "certificate of samples in blocks")
    guard source.sampleCount == loss.sampleCount, source.sampleCount > 0 else {
      throw CertificateError(
        place: "samples", expected: "\(loss.sampleCount), one per target, and at least one",
        found: "\(source.sampleCount)", advice: "Give as many images as targets.")
    }
    let verifier = Certifier(
      images: source.batch(0..<1), loss: loss, lambda: lambda, threads: threads)
    try verifier.checkStrength()
    try verifier.checkNetwork(network, targetGap: targetGap)
    guard gates == nil || network.activation == .gated else {
      throw CertificateError(
        place: "gates", expected: "none for a network that is not gated", found: "some",
        advice: "Certify ReLU networks over given cells with all samples in memory.")
    }
    var forward = ForwardPass(network, gates: gates, loss: loss)
    try forEachView(of: network, gates: gates) { samples, view in
      try forward.add(samples, view, network)
    }
    let (value, gradient) = loss.valueAndGradient(at: forward.predictions)
    let penalty = lambda * network.regularization
    let decay = value + lambda * network.weightDecay
    guard decay.isFinite, gradient.firstNonFiniteIndex == nil else {
      throw CertificateError(
        place: "objective", expected: "a finite number", found: "\(decay)",
        advice: "The weights are too large for this data. Train the network again.")
    }
    let dual =
      network.outputBias == nil
      ? DualDirection(gradient: gradient, of: loss) : DualDirection(balancing: gradient, of: loss)
    let norm = try dualNormUpperBound(dual.point, network, gates)
    let lower = verifier.lowerBound(dual, norm: norm)
    var certificate = Certificate(
      objective: value + penalty, loss: value, regularization: penalty,
      weightDecayObjective: max(decay, value + penalty), lowerBound: lower,
      unrestrictedLowerBound: nil, dualNormUpperBound: norm.map { $0 / dual.factor },
      lambda: lambda, scope: forward.scope,
      bound: norm == nil ? .none : network.activation == .relu ? .spectral : .exact,
      neuronCount: network.neuronCount, targetGap: targetGap,
      verdict: verifier.verdict(
        objective: value + penalty, lower: lower, outside: forward.firstOutside,
        targetGap: targetGap),
      subject: forward.subject)
    certificate.hasOutputBias = network.outputBias != nil
    return (certificate, forward.predictions)
  }

  /// The bound over all samples, of `MaskedDualNorm` or `StreamedReLUBound`; nil for max pooling.
  private func dualNormUpperBound(
    _ dual: Matrix, _ network: Network, _ gates: Matrix?
  ) throws -> Double? {
    guard network.pooling.kind != .max else { return nil }
    let largest = dual.elements.reduce(0) { max($0, abs($1)) }
    guard largest > 0 else { return 0 }
    let factor = Double(sign: .plus, exponent: Int(largest.exponent), significand: 1)
    var scaled = dual
    for e in scaled.elements.indices { scaled.elements[e] /= factor }
    let bound =
      network.activation == .relu
      ? try bound(overAllCells: scaled, network) : try bound(overGates: scaled, network, gates)
    return bound.isNaN ? .infinity : max(bound * factor, .leastNormalMagnitude)
  }

  private func bound(overAllCells dual: Matrix, _ network: Network) throws -> Double {
    var gathered: StreamedReLUBound?
    try forEachView(of: network, gates: nil) { samples, view in
      guard case .linear(let weights) = view.windows else { return }
      var bound =
        gathered
        ?? StreamedReLUBound(
          weights: weights, patchDimension: view.patches.patchDimension, outputCount: dual.columns)
      gathered = nil
      bound.add(view.patches, dual: dual.selectingRows(Array(samples)))
      gathered = bound
    }
    return try gathered?.value() ?? 0
  }

  private func bound(
    overGates dual: Matrix, _ network: Network, _ gates: Matrix?
  ) throws -> Double {
    var sums: [Matrix] = []
    var (mass, size) = (0.0, 0)
    try forEachView(of: network, gates: gates) { samples, view in
      guard case .linear(let weights) = view.windows else { return }
      let part = dual.selectingRows(Array(samples))
      let masks = gates.map { view.patterns(of: $0) }
      size = weights.rows * dual.columns
      mass += view.massBound(part)
      let count = masks?.count ?? 1
      if sums.isEmpty {
        sums = [Matrix](
          repeating: Matrix(rows: size, columns: view.patches.patchDimension), count: count)
      }
      sums.withUnsafeMutableBufferPointer { sums in
        nonisolated(unsafe) let sums = sums
        Parallel.forEachChunk(of: count, chunk: 1, threads: threads) { g, _ in
          let own = MaskedDualNorm.correlation(
            view.patches, weights: weights, mask: masks?[g], dual: part)
          BLAS.add(1, own.elements, to: &sums[g].elements)
        }
      }
    }
    let norm = try sums.reduce(0) { try max($0, MaskedDualNorm.spectralNorm($1)) }
    let margin = PooledPatches.roundingMargin(
      mass: mass, size: size, sampleCount: source.sampleCount,
      patchesPerSample: network.geometry.patchesPerSample,
      patchDimension: network.geometry.patchDimension)
    return norm * (1 + 1e-9) + margin
  }

  /// Calls the body with consecutive samples and the view of their patches.
  private func forEachView(
    of network: Network, gates: Matrix?, _ body: (Range<Int>, ProblemView) throws -> Void
  ) throws {
    let geometry = network.geometry
    let perSample =
      8
      * max(
        geometry.patchesPerSample * geometry.patchDimension, loss.outputCount * loss.outputCount)
    let block = max(1, blockBytes / max(1, perSample))
    for lower in stride(from: 0, to: source.sampleCount, by: block) {
      let samples = lower..<min(lower + block, source.sampleCount)
      let images = source.batch(samples)
      try source.requireReadable()
      try check(images, first: lower)
      let view = try ProblemView(
        images: images, geometry: geometry, pooling: network.pooling,
        activation: network.activation, gates: gates, threads: threads)
      guard view.circularImages == nil else {
        throw CertificateError(
          place: "certificate of samples in blocks",
          expected: "filters that are not circular and as large as the images", found: "such ones",
          advice: "Certify with all samples in memory.")
      }
      try body(samples, view)
    }
  }

  private func check(_ images: Tensor, first: Int) throws {
    if let index = images.firstNonFiniteIndex {
      throw CertificateError(
        place: "images, element \(first * images.strideOfFirstAxis + index)",
        expected: "a finite number", found: "\(images.elements[index])", advice: "Repair the data.")
    }
    let largest = images.elements.reduce(0) { max($0, abs($1)) }
    guard largest == 0 || largest >= 0x1p-200 else {
      throw CertificateError(
        place: "images from sample \(first) on", expected: "entries of at least 1e-60",
        found: "at most \(largest)", advice: "Scale the data to moderate units.")
    }
  }
}

/// What the first pass over the data gathers.
private struct ForwardPass {
  var predictions: Matrix
  private(set) var subject = Certificate.Subject.relu
  private let gates: Matrix?
  /// Of every gate given, then of every neuron's gate: which of them have had the same pattern so far.
  private var classes: [Int]
  private let gateCount: Int

  init(_ network: Network, gates: Matrix?, loss: any Loss) {
    predictions = Matrix(rows: loss.sampleCount, columns: loss.outputCount)
    self.gates = gates
    gateCount = gates?.rows ?? 0
    classes = [Int](repeating: 0, count: gateCount + (network.gates?.rows ?? 0))
  }

  /// Adds the predictions of some samples, and tells patterns apart that differ there.
  mutating func add(_ samples: Range<Int>, _ view: ProblemView, _ network: Network) throws {
    subject = view.subject
    let masks = network.gates.map { view.patterns(of: $0) }
    let part = view.predictions(of: network, masks: masks)
    let start = samples.lowerBound * part.columns
    predictions.elements.replaceSubrange(
      start..<start + part.elements.count, with: part.elements)
    guard let gates else { return }
    var numbers: [[UInt64]: Int] = [:]
    for (i, pattern) in (view.patterns(of: gates) + (masks ?? [])).enumerated() {
      let key = [UInt64(classes[i])] + pattern
      let number = numbers[key] ?? numbers.count
      numbers[key] = number
      classes[i] = number
    }
  }

  /// The class of networks that the bound speaks about.
  var scope: Certificate.Scope {
    gates == nil ? .allCells : .givenCells(Set(classes[..<gateCount]).count)
  }

  /// The first neuron whose gate has none of the patterns given.
  var firstOutside: Int? {
    guard gates != nil else { return nil }
    let known = Set(classes[..<gateCount])
    return classes[gateCount...].firstIndex { !known.contains($0) }.map { $0 - gateCount }
  }
}
