import Arrangements
public import ConvexPrograms
import Convolutions
import Tensors

extension Certifier {
  /// What kind of point a ReLU network is in the landscape of its weights.
  ///
  /// The network is taken as it is, neither balanced nor pruned.
  ///
  /// - Parameters:
  ///   - network: A ReLU network with a linear pooling.
  ///   - kinkTolerance: Sines of angles up to this between a filter and a hyperplane count as zero.
  ///   - denseLimit: Most free weights for which the whole Hessian is made; above, its smallest eigenvalue is estimated.
  /// - Returns: The point with its evidence; a minimum that is not certified is a result, not an error.
  /// - Throws: `CertificateError` for other activations, max pooling, lambda 0, numbers that are not finite and shapes that do
  ///   not agree; `LAPACK.Failure` when a factorization fails.
  /// - Complexity: O(`n c p^2 + p^3`) for `p` free weights up to the limit, then O(`n c p`) for each of up to 200 products.
  public func criticalPoint(
    of network: Network, kinkTolerance: Double = CriticalPoint.kinkTolerance,
    denseLimit: Int = CriticalPoint.denseWeightLimit
  ) throws -> CriticalPoint {
    let view = try landscapeView(of: network).view
    guard case .linear(let weights) = view.windows else {
      throw CertificateError(
        place: "landscape", expected: "a linear pooling", found: "\(network.pooling)",
        advice: "Under max pooling the pieces are other ones; only the dual norm is available.")
    }
    guard lambda > 0 else {
      throw CertificateError(
        place: "landscape", expected: "lambda above 0", found: "\(lambda)",
        advice: "Without weight decay no minimum is isolated: neurons can be rescaled.")
    }
    let (inner, outer) = (network.filterNorms, network.outputNorms)
    let zero = (0..<network.neuronCount).filter { inner[$0] == 0 || outer[$0] == 0 }
    let kept = (0..<network.neuronCount).filter { !zero.contains($0) }
    let lines = EssentialRows(view.allPatches.rows)
    let faces = try kept.map {
      try FaceCoordinates(
        of: Array(network.filters.row($0)), view.allPatches, lines, tolerance: kinkTolerance)
    }
    let own = network.selecting(neurons: kept)
    let (moved, distance) = Self.projected(own, on: faces)
    for (j, (now, before)) in zip(moved.filterNorms, own.filterNorms).enumerated()
    where now < 0.9 * before || Self.crosses(own, moved, neuron: j, faces[j], lines) {
      throw Self.misplaced(kept[j], found: "hyperplanes that meet beyond others")
    }
    let system = try SensitivitySystem(
      view.allPatches, weights: weights, network: moved, faces: faces, loss: loss, lambda: lambda,
      predictions: view.predictions(of: moved, masks: nil))
    let determinant = DeterminantIdentity(
      network, view.allPatches, weights: weights,
      predictions: view.predictions(of: network, masks: nil))
    var analysis = PointAnalysis(system, denseLimit: denseLimit)
    analysis.neurons = kept
    analysis.moved = moved
    analysis.zeroNeurons = zero
    analysis.projectionDistance = distance
    // What zero neurons have in weights has a slope of lambda times that.
    analysis.lostWeight = BLAS.norm(zero.map { inner[$0] + outer[$0] })
    return try analysis.point(lines, neuronCount: network.neuronCount, determinant: determinant)
  }

  /// Whether a filter changes its side of a hyperplane that is not of its face, or comes to lie on one.
  private static func crosses(
    _ before: Network, _ after: Network, neuron j: Int, _ face: FaceCoordinates,
    _ lines: EssentialRows
  ) -> Bool {
    let sides = [before, after].map {
      face.distances(of: Array($0.filters.row(j)), toOthersOf: lines)
    }
    return !zip(sides[0], sides[1]).allSatisfy { $0 > 0 && $1 > 0 || $0 < 0 && $1 < 0 }
  }

  /// The error of a filter whose hyperplanes do not meet near it.
  static func misplaced(_ neuron: Int, found: String) -> CertificateError {
    CertificateError(
      place: "landscape, filter of neuron \(neuron)",
      expected: "hyperplanes within the kink tolerance that meet near the filter", found: found,
      advice: "Lower the kink tolerance.")
  }

  /// The network with every filter moved to its face, and how far the weights move.
  static func projected(
    _ network: Network, on faces: [FaceCoordinates]
  ) -> (network: Network, distance: Double) {
    var result = network
    for (j, face) in faces.enumerated() where face.normals.rows > 0 {
      let filter = Matrix([Array(network.filters.row(j))])
      let inside = BLAS.product(
        BLAS.product(filter, .plain, face.basis, .transposed), .plain, face.basis)
      for e in 0..<filter.columns { result.filters[j, e] = inside[0, e] }
    }
    var difference = result.filters.elements
    BLAS.add(-1, network.filters.elements, to: &difference)
    return (result, BLAS.norm(difference))
  }
}
