import Arrangements
public import ConvexPrograms
import Convolutions
import Tensors

extension Certifier {
  /// Most free coordinates of a network whose Hessian is inverted.
  public static let largestCoordinateCount = 6000

  /// Derivatives of an optimal network in lambda and in the targets.
  ///
  /// - Parameters:
  ///   - network: A network of a small gap and without dependent neurons, as `prune` leaves it; it is balanced first.
  ///   - set: The optimal set at the network, which says whether other neurons could enter; nil when that was not looked at,
  ///     which is then an obstacle.
  /// - Returns: The derivatives, and why they may not exist.
  /// - Throws: `CertificateError` for max pooling, for a network that is not optimal within its faces, and for more than
  ///   `largestCoordinateCount` coordinates; `LAPACK.Failure` when a factorization fails.
  /// - Complexity: O(`n c p^2 + p^3`) for `p` coordinates, `m (h + a c)` at most.
  /// - Accuracy: Against central differences of networks trained anew within `1e-4` (`SensitivityTests`).
  public func sensitivity(of network: Network, set: OptimalSet? = nil) throws -> Sensitivity {
    try check(network, targetGap: 0)
    try network.requirePiecewiseLinear(for: "sensitivity")
    let network = network.balanced()
    let view = try ownView(of: network)
    guard case .linear(let weights) = view.windows else {
      throw CertificateError(
        place: "sensitivity", expected: "a linear pooling", found: "\(network.pooling)",
        advice: "Derivatives under max pooling are not available in this version.")
    }
    let patches = view.allPatches
    let masks = network.gates.map { patches.patterns(of: $0) }
    let faces = try faces(of: network, patches, masks)
    let predictions = CertifiedPredictions(
      patches: patches, windows: view.windows, activation: network.activation,
      filters: network.filters, masks: masks, outputWeights: network.outputWeights,
      outputBias: network.outputBias
    ).values()
    let system = try SensitivitySystem(
      patches, weights: weights, network: network, faces: faces, loss: loss, lambda: lambda,
      predictions: predictions)
    guard system.count <= Self.largestCoordinateCount else {
      throw CertificateError(
        place: "sensitivity", expected: "at most \(Self.largestCoordinateCount) free weights",
        found: "\(system.count)", advice: "Prune the network first.")
    }
    return try sensitivity(system, set)
  }

  private func faces(
    of network: Network, _ patches: PooledPatches, _ masks: [[UInt64]]?
  ) throws -> [FaceCoordinates] {
    let h = patches.patchDimension
    switch network.activation {
    case .gated:
      return (masks ?? []).map { FaceCoordinates(mask: $0, dimension: h) }
    case .linear, .quadratic, .polynomial:
      let all = [UInt64](repeating: .max, count: (patches.rows.rows + 63) / 64)
      return (0..<network.neuronCount).map { _ in FaceCoordinates(mask: all, dimension: h) }
    case .relu:
      let lines = EssentialRows(patches.rows)
      return try (0..<network.neuronCount).map {
        try FaceCoordinates(of: Array(network.filters.row($0)), patches, lines)
      }
    }
  }

  private func sensitivity(_ system: SensitivitySystem, _ set: OptimalSet?) throws -> Sensitivity {
    let p = system.count
    let hessian = system.hessian()
    let (values, vectors) = try LAPACK.symmetricEigen(hessian)
    let smallest = values.first.map { $0 / lambda } ?? .infinity
    let kinkMargin = try system.kinkMargin()
    var obstacles = obstacles(smallest, kinkMargin, set)
    var inverse = Matrix(rows: p, columns: p)
    if p > 0, smallest > 1e-9 {
      inverse = try LAPACK.solvePositiveDefinite(hessian, .identity(p))
    } else if p > 0 {
      // Directions without curvature stay where they are.
      let kept = values.indices.filter { values[$0] > 1e-9 * lambda }
      var scaled = vectors.selectingRows(kept)
      for (row, k) in kept.enumerated() {
        for e in 0..<p { scaled[row, e] /= values[k] }
      }
      inverse = BLAS.product(scaled, .transposed, vectors.selectingRows(kept), .plain)
    }
    let penalized = system.penalized()
    let step = BLAS.product(
      inverse, .plain, Matrix(rows: p, columns: 1, elements: penalized)
    ).elements.map { -$0 }
    let samples = sampleDerivatives(system, inverse, step)
    if samples.hasExtremeLeverage {
      obstacles.append("a sample determines its own prediction: without it the network is another")
    }
    let lossSlope = zip(system.gradient.elements, samples.slopes.elements).reduce(0) {
      $0 + $1.0 * $1.1
    }
    let (filters, outputWeights, outputBias) = system.weights(of: step)
    return Sensitivity(
      obstacles: obstacles, smallestCurvature: smallest, kinkMargin: kinkMargin,
      coordinateCount: p, objectiveSlope: system.network.regularization, lossSlope: lossSlope,
      massSlope: BLAS.dot(penalized, step), filterSlopes: filters,
      outputWeightSlopes: outputWeights, outputBiasSlopes: outputBias,
      predictionSlopes: samples.slopes,
      degreesOfFreedom: samples.leverages.reduce(0, +), leverages: samples.leverages,
      leaveOneOutPredictions: samples.without, leaveOneOutLoss: loss.value(at: samples.without),
      system: system, inverse: inverse)
  }

  private func obstacles(
    _ curvature: Double, _ kinkMargin: Double?, _ set: OptimalSet?
  ) -> [String] {
    var result: [String] = []
    if curvature <= 1e-9 {
      result.append(
        "the Hessian is not positive definite (smallest eigenvalue \(Float(curvature)) lambda): "
          + "neurons depend on each other, prune first, or the network is not a strict minimum")
    }
    if let kinkMargin, kinkMargin <= 1e-6 {
      result.append(
        kinkMargin < 0
          ? "a filter is not stationary on the hyperplanes it lies on, or they are too many to tell"
          : "a filter lies on hyperplanes that hardly hold it (slope \(Float(kinkMargin)) of theirs)"
      )
    }
    guard let set else {
      result.append("whether other neurons could enter was not looked at")
      return result
    }
    if set.coverage == .incomplete {
      result.append("the search for other neurons did not end")
    }
    let idle = set.neurons.filter { $0.mass <= set.negligible }.count
    if idle > 0 {
      result.append(
        "\(idle) filters of largest correlation have no neuron: these may enter on a side")
    }
    return result
  }

  /// Derivatives sample by sample: predictions by lambda, leverages, and predictions without the sample.
  ///
  /// With `A = J H^-1 J'` of the sample, the Hessian `L` and the gradient `g` of its loss, one Newton step without it leads
  /// to `f + A (I - L A)^-1 g`.
  private func sampleDerivatives(
    _ system: SensitivitySystem, _ inverse: Matrix, _ step: [Double]
  ) -> (slopes: Matrix, leverages: [Double], without: Matrix, hasExtremeLeverage: Bool) {
    let (n, c) = (loss.sampleCount, loss.outputCount)
    var slopes = Matrix(rows: n, columns: c)
    var leverages = [Double](repeating: 0, count: n)
    var without = system.predictions
    var hasExtremeLeverage = false
    system.forEachChunk { samples, jacobian in
      let moved = BLAS.product(
        jacobian, .transposed, Matrix(rows: step.count, columns: 1, elements: step), .plain)
      let rows = jacobian.transposed
      let solved = BLAS.product(rows, .plain, inverse, .plain)
      let weighted = system.weighted(jacobian, samples).transposed
      for (s, i) in samples.enumerated() {
        let own = (0..<c).map { s * c + $0 }
        let image = solved.selectingRows(own)
        let a = BLAS.product(rows.selectingRows(own), .plain, image, .transposed)
        let la = BLAS.product(weighted.selectingRows(own), .plain, image, .transposed)
        var rest = Matrix.identity(c)
        BLAS.add(-1, la.elements, to: &rest.elements)
        let g = Matrix(rows: c, columns: 1, elements: Array(system.gradient.row(i)))
        let shift = try? BLAS.product(a, .plain, LAPACK.solve(rest, g), .plain)
        for t in 0..<c {
          slopes[i, t] = moved[s * c + t, 0]
          leverages[i] += la[t, t]
          without[i, t] += shift?[t, 0] ?? 0
        }
        if shift == nil || leverages[i] > Double(c) - 1e-9 { hasExtremeLeverage = true }
      }
    }
    return (slopes, leverages, without, hasExtremeLeverage)
  }
}
