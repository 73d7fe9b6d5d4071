import Arrangements
import ConvexPrograms
import Tensors

/// The evidence about one point, put together.
struct PointAnalysis {
  let system: SensitivitySystem
  let denseLimit: Int
  /// Numbers of the neurons of the system in the network.
  var neurons: [Int] = []
  /// Numbers of the neurons left out.
  var zeroNeurons: [Int] = []
  /// The network of the system.
  var moved: Network
  /// How far filters were moved to their faces.
  var projectionDistance = 0.0
  /// Norm of the weights of neurons left out.
  var lostWeight = 0.0

  init(_ system: SensitivitySystem, denseLimit: Int) {
    (self.system, self.denseLimit, moved) = (system, denseLimit, system.network)
  }

  func point(
    _ lines: EssentialRows, neuronCount: Int, determinant: DeterminantIdentity?
  ) throws -> CriticalPoint {
    let slopes = system.slope()
    let sizes = system.jacobianBounds()
    let slope =
      BLAS.norm([BLAS.norm(slopes), system.lambda * lostWeight])
      + system.slopeRounding(sizes)
    let curvature = system.count > 0 ? try CurvatureBounds(system, denseLimit: denseLimit) : nil
    let kinks = try system.kinks()
    let relativeSlope = relativeSlope(slopes)
    let radii = Radii(
      system, lines, slope: slope, curvature: curvature?.proven ?? 0,
      sigma: (curvature?.lossCurvature ?? 0).squareRoot(), sizes)
    let (imbalance, unbalanced) = imbalance()
    var obstacles = zeroNeurons.map { CriticalPoint.Obstacle.zeroNeuron($0) }
    if system.network.outputBias != nil, system.biasBasis.rows < system.outputs {
      obstacles.append(.freeOutputBias)
    }
    if curvature == nil { obstacles.append(.noWeights) }
    if let curvature, !(curvature.proven > 0) {
      obstacles.append(isDependent(curvature) ? .dependentOutputs : .curvature)
    }
    if curvature.map({ $0.proven > 0 }) ?? false, radii.existence == nil {
      obstacles.append(imbalance > 1e-6 ? .unbalanced(neuron: unbalanced) : .notStationary)
    }
    for (j, own) in Dictionary(grouping: kinks, by: \.neuron).sorted(by: { $0.key < $1.key }) {
      guard let curvature,
        let drift = radii.existence, system.faces[j].isWellConditioned,
        try isHeld(j, own, drift: drift, curvature, sizes)
      else {
        obstacles.append(.kink(neuron: neurons[j]))
        continue
      }
    }
    return CriticalPoint(
      neuronCount: neuronCount, kinks: kinks.map { $0.renumbered(neurons) },
      projectionDistance: projectionDistance, slope: slope, relativeSlope: relativeSlope,
      imbalance: imbalance, curvature: curvature, pieceRadius: radii.piece,
      isolationRadius: radii.isolation, convexityRadius: radii.convexity,
      existenceRadius: radii.existence, threshold: ResidualThreshold(system),
      determinant: determinant, moved: moved, obstacles: obstacles)
  }

  /// Whether the smallest eigenvalue is zero up to rounding since outputs of neurons are dependent.
  private func isDependent(_ curvature: CurvatureBounds) -> Bool {
    curvature.independence <= 0 && curvature.smallestEigenvalue > -1e-6 * system.lambda
  }

  /// The largest share of a neuron's slope in lambda times its weights, or of the bias's in that of all weights.
  ///
  /// Small neurons count like large ones: near zero everything is small.
  private func relativeSlope(_ slopes: [Double]) -> Double {
    let sizes = zip(system.network.filterNorms, system.network.outputNorms).map {
      BLAS.norm([$0, $1])
    }
    var result = lostWeight > 0 ? 1.0 : 0
    for (j, size) in sizes.enumerated() {
      let own = BLAS.norm(Array(slopes[system.offsets[j]..<system.offsets[j + 1]]))
      let share = own / (system.lambda * size)
      result = share <= result ? result : share.isNaN ? .infinity : share
    }
    let rest = BLAS.norm(Array(slopes[(system.offsets.last ?? 0)...]))
    let total = BLAS.norm(sizes)
    return rest == 0 ? result : max(result, total > 0 ? rest / (system.lambda * total) : .infinity)
  }

  private func imbalance() -> (value: Double, neuron: Int) {
    let pairs = zip(system.network.filterNorms, system.network.outputNorms)
    let values = pairs.map { abs($0 - $1) / ($0 + $1) }
    guard let worst = values.indices.max(by: { values[$0] < values[$1] }) else { return (0, 0) }
    return (values[worst], neurons[worst])
  }

  /// Whether the hyperplanes of a filter hold it strictly, at the exact point as well, which is at most `drift` away.
  ///
  /// Within `convexityRadius` the Hessian changes by at most its own size, so the gradient by at most twice that times the
  /// distance, and multipliers by that over the least singular value of the normals. Slopes of rows change with their output
  /// weights and with the gradient of the loss. Where the multipliers found do not settle it, since others may or since some
  /// hyperplane does not hold alone, the slopes along all rays that leave them do, if these are not too many.
  private func isHeld(
    _ j: Int, _ kinks: [Kink], drift: Double, _ curvature: CurvatureBounds,
    _ sizes: JacobianBounds
  ) throws -> Bool {
    let size =
      system.lambda + BLAS.norm(system.correlations[j].elements) + curvature.lossCurvature
      + normalCurvature(j)
    let largest = system.gradient.elements.reduce(0) { max($0, abs($1)) }
    let outer = BLAS.norm(Array(neuronWeights(j)))
    let gradient =
      2 * system.lossBounds.curvature * sizes.largest / Double(system.patches.sampleCount)
    let rowSlope =
      drift
      * (largest * Double(system.outputs).squareRoot() + gradient * (outer + drift))
    let isStrict = kinks.allSatisfy { kink in
      guard let fraction = kink.fraction else { return false }
      let change = 2 * size * drift / kink.conditioning + kink.mass * rowSlope
      let needed = CriticalPoint.fractionTolerance + 2 * change / kink.range
      return fraction > needed && 1 - fraction > needed
    }
    if isStrict { return true }
    guard let least = try system.leastLeavingSlope(of: j) else { return false }
    let change = 2 * size * drift + kinks.reduce(0) { $0 + $1.mass } * rowSlope
    return least.slope > CriticalPoint.fractionTolerance * least.scale + change
  }

  private func neuronWeights(_ j: Int) -> ArraySlice<Double> {
    let size = system.windows * system.outputs
    return system.network.outputWeights.elements[j * size..<(j + 1) * size]
  }

  /// Bounds the curvature of the squared loss along changes of a filter, in its face or not.
  private func normalCurvature(_ j: Int) -> Double {
    let n = system.patches.sampleCount
    let pooled = BLAS.norm(
      system.faces[j].pooled(system.patches, weights: system.weights, samples: 0..<n))
    let size = pooled * BLAS.norm(Array(neuronWeights(j)))
    return size * size / Double(n)
  }
}

/// Distances around a point, within its faces.
private struct Radii {
  /// To the next hyperplane.
  let piece: Double
  /// No other stationary point.
  let isolation: Double?
  /// Half of the curvature.
  let convexity: Double?
  /// An exact stationary point.
  let existence: Double?

  init(
    _ system: SensitivitySystem, _ lines: EssentialRows, slope: Double, curvature mu: Double,
    sigma: Double, _ sizes: JacobianBounds
  ) {
    piece = Self.pieceRadius(system, lines)
    guard mu > 0, mu.isFinite else {
      (isolation, convexity, existence) = (nil, nil, nil)
      return
    }
    let kappa = system.responseBound()
    let convexity: Double
    if system.loss is SquaredLoss {
      let product = sigma * kappa
      isolation = min(piece, product > 0 ? 2 * mu / (3 * product) : .infinity)
      // 3 sigma kappa rho + (3/2) kappa^2 rho^2 = mu / 2
      let root = (9 * product * product + 3 * kappa * kappa * mu).squareRoot()
      convexity = kappa > 0 ? mu / (3 * product + root) : .infinity
    } else {
      // With b and g of `LossBounds`, s and k the largest Jacobian and second derivative of a sample's predictions, the
      // Hessian changes by at most rho (3 b s k + g s^3) + rho^2 (b k^2 + g k s^2) / 2 = mu / 2.
      let (b, g) = (system.lossBounds.curvature, system.lossBounds.change)
      let (s, k) = (sizes.largest, sizes.largestSecond)
      let (linear, square) = (3 * b * s * k + g * s * s * s, 0.5 * (b * k * k + g * k * s * s))
      convexity = mu / (linear + (linear * linear + 2 * square * mu).squareRoot())
      isolation = min(piece, convexity)
    }
    self.convexity = convexity
    let distance = 2 * slope / mu
    existence = distance < min(convexity, piece) ? distance : nil
  }

  private static func pieceRadius(
    _ system: SensitivitySystem, _ lines: EssentialRows
  ) -> Double {
    var result = Double.infinity
    for (j, face) in system.faces.enumerated() {
      let filter = Array(system.network.filters.row(j))
      result = face.distances(of: filter, toOthersOf: lines).reduce(result) { min($0, abs($1)) }
    }
    return result
  }
}

extension Kink {
  /// The kink with the number of its neuron in the whole network.
  fileprivate func renumbered(_ neurons: [Int]) -> Kink {
    Kink(
      neuron: neurons[neuron], patch: patch, patchCount: patchCount, fraction: fraction,
      multiplier: multiplier, range: range, conditioning: conditioning, mass: mass)
  }
}
