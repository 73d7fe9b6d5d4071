import ConvexPrograms
import Tensors

/// Dual points whose bound by moments proves more than that of the gradient.
///
/// Any dual point with dual norm at most `lambda` proves a lower bound, and the gradient at a good network is the best of them
/// where the dual norm is known. Where it is only bounded, other points may have so much smaller bounds that they prove more.
/// The bound by moments is itself the dual norm of a larger class of networks: those whose neurons are measures on the
/// sphere that only have to agree with their moments (`MomentRelaxation`). So points are found as for networks: each bound
/// leaves a neuron of the larger class for either sign; the best weights of all neurons so far give predictions, whose
/// gradient is where the next point is looked for, part of the way from the best point so far. Every point is
/// proven by itself, so how it was found does not matter.
///
/// - Source: Fully corrective Frank-Wolfe steps with a stability center, as in bundle methods (Lemarechal, Nemirovskii &
///   Nesterov, *New Variants of Bundle Methods*, 1995).
struct MomentDualAscent {
  private let loss: any Loss
  private let lambda: Double
  private let patches: PooledPatches
  /// Weight of each patch position.
  private let weights: Matrix
  /// Unit directions of the patches that are not zero, their lengths times pooling weights, and their samples.
  private var directions: [Double] = []
  private var sizes: [Double] = []
  private var samples: [Int] = []
  /// Neurons of the larger class: outputs for the samples at weight one.
  private var neurons: [[Double]] = []
  private var neuronWeights: [Double] = []

  /// Rounds of an order, steps of each sign in the first and in later rounds.
  private static let limits = (rounds: 40, firstSteps: 14, steps: 4)

  /// An ascent for one output and one window.
  init(_ patches: PooledPatches, weights: Matrix, loss: any Loss, lambda: Double) {
    precondition(
      weights.rows == 1 && loss.outputCount == 1,
      "MomentDualAscent: \(weights.rows) windows and \(loss.outputCount) outputs, expected one")
    (self.patches, self.weights, self.loss, self.lambda) = (patches, weights, loss, lambda)
    let count = patches.patchesPerSample
    for r in 0..<patches.rows.rows where weights[0, r % count] != 0 {
      let row = Array(patches.rows.row(r))
      let length = BLAS.norm(row)
      guard length > 0 else { continue }
      directions += row.map { $0 / length }
      sizes.append(length * weights[0, r % count])
      samples.append(r / count)
    }
  }

  /// The best lower bound that points near a gradient prove.
  ///
  /// - Parameters:
  ///   - gradient: Gradient of the loss at a good network, `[n, 1]`.
  ///   - needed: Lower bounds at or above this need not be better.
  ///   - effort: Limits of time.
  /// - Returns: A proven lower bound on the objective, 0 when there is none.
  /// - Throws: `LAPACK.Failure` when an eigenvalue iteration does not converge.
  /// - Complexity: O(`n K s^2 + 30 s^3`) for each of at most 360 steps of an order, for `s` monomials.
  mutating func lowerBound(
    near gradient: Matrix, needed: Double, effort: BoundEffort
  ) throws -> Double {
    let clock = ContinuousClock()
    let end = clock.now.advanced(by: .seconds(min(effort.seconds, 1e9)))
    let isOver = { clock.now >= end || effort.isInterrupted() }
    var center = (point: gradient, bound: 0.0)
    for order in MomentDualNorm.orders(dimension: patches.patchDimension) {
      let forms = SphereForms(dimension: patches.patchDimension, order: order)
      // Neurons of a lower order belong to a larger class still.
      (neurons, neuronWeights) = ([], [])
      try ascend(&center, forms, needed: needed, isOver: isOver)
      if center.bound >= needed || isOver() { break }
    }
    return center.bound
  }

  /// Rounds of one order.
  private mutating func ascend(
    _ center: inout (point: Matrix, bound: Double), _ forms: SphereForms, needed: Double,
    isOver: () -> Bool
  ) throws {
    var relaxations: [MomentRelaxation?] = [nil, nil]
    var (point, share, failures) = (center.point, 0.3, 0)
    for round in 0..<Self.limits.rounds {
      let steps = round == 0 ? Self.limits.firstSteps : Self.limits.steps
      let norm = try dualNorm(of: point, forms, &relaxations, steps: steps, isOver: isOver)
      let direction = DualDirection(gradient: point, of: loss)
      let bound = norm > 0 ? direction.lowerBound(limit: lambda / norm * (1 - 1e-12)) : 0
      if bound > center.bound {
        failures = bound > center.bound * 1.002 ? 0 : failures + 1
        center = (point, bound)
        share = min(0.6, 1.2 * share)
      } else if round > 0 {
        failures += 1
        share *= 0.7
      }
      guard center.bound < needed, failures < 6, !isOver() else { return }
      let next = reweighted()
      for e in point.elements.indices {
        point.elements[e] = (1 - share) * center.point.elements[e] + share * next.elements[e]
      }
      guard point.firstNonFiniteIndex == nil else { return }
    }
  }

  /// The bound on the dual norm of a point; adds the neurons that attain it in the larger class.
  private mutating func dualNorm(
    of point: Matrix, _ forms: SphereForms, _ relaxations: inout [MomentRelaxation?], steps: Int,
    isOver: () -> Bool
  ) throws -> Double {
    let h = patches.patchDimension
    let b = sizes.indices.map { sizes[$0] * point.elements[samples[$0]] }
    let mass = patches.massBound(weights: weights, dual: point)
    guard mass > 0, mass.isFinite else { return .infinity }
    let linear = MaskedDualNorm.correlation(patches, weights: weights, mask: nil, dual: point)
    let length = BLAS.norm(linear.elements)
    let axis = linear.elements.map { length > 0 ? $0 / length : 0 }
    let rows = Matrix(rows: sizes.count + 1, columns: h, elements: directions + axis)
    var largest = 0.0
    for (index, sign) in [1.0, -1].enumerated() {
      let coefficients = b.map { sign * $0 } + [length]
      var relaxation =
        relaxations[index].map {
          MomentRelaxation(continuing: $0, directions: rows, coefficients: coefficients)
        }
        ?? MomentRelaxation(
          forms, directions: rows, coefficients: coefficients, threads: patches.threads)
      for step in 0..<steps where step == 0 || !isOver() { try relaxation.step() }
      largest = max(largest, relaxation.bound)
      addNeuron(means: relaxation.means, axis: axis, sign: sign)
      relaxations[index] = relaxation
    }
    // Directions and lengths are within (h + 2) 2^-52 of the true ones.
    let margin =
      patches.roundingMargin(mass: mass, size: 1) + Double(4 * h + 64) * 0x1p-52 * mass
    return 0.5 * largest * (1 + 1e-12) + margin
  }

  /// Outputs of the neuron of means `E |v . u|`, against the sign of the point.
  private mutating func addNeuron(means: [Double], axis: [Double], sign: Double) {
    var outputs = [Double](repeating: 0, count: loss.sampleCount)
    let h = axis.count
    let along = sign * (means.last ?? 0)
    for r in sizes.indices {
      var product = 0.0
      for e in 0..<h { product += directions[r * h + e] * axis[e] }
      outputs[samples[r]] -= sign * 0.5 * sizes[r] * (means[r] + along * product)
    }
    guard outputs.allSatisfy(\.isFinite) else { return }
    neurons.append(outputs)
    neuronWeights.append(0)
  }

  /// The gradient at the predictions of the best weights, by accelerated proximal steps with backtracking.
  private mutating func reweighted() -> Matrix {
    let energy = neurons.reduce(0) { $0 + BLAS.dot($1, $1) }
    var inverseStep = max(energy / Double(loss.sampleCount), 1e-300)
    inverseStep *= 1e-3
    var (weights, ahead, momentum) = (neuronWeights, neuronWeights, 1.0)
    for _ in 0..<600 {
      let (value, gradient) = loss.valueAndGradient(at: predictions(ahead))
      let slopes = neurons.map { BLAS.dot($0, gradient.elements) + lambda }
      var next = weights
      for _ in 0..<60 {
        next = zip(ahead, slopes).map { max(0, $0 - $1 / inverseStep) }
        let change = zip(next, ahead).map { $0 - $1 }
        // The penalty is linear, so it is part of the smooth model on both sides.
        let model =
          value + zip(change, slopes).reduce(0) { $0 + $1.0 * ($1.1 - lambda) }
          + 0.5 * inverseStep * BLAS.dot(change, change)
        if loss.value(at: predictions(next)) <= model + 1e-14 * abs(value) { break }
        inverseStep *= 2
      }
      let grown = (1 + (1 + 4 * momentum * momentum).squareRoot()) / 2
      ahead = zip(next, weights).map { max(0, $0 + (momentum - 1) / grown * ($0 - $1)) }
      (weights, momentum) = (next, grown)
    }
    neuronWeights = weights
    return loss.gradient(at: predictions(weights))
  }

  private func predictions(_ weights: [Double]) -> Matrix {
    var result = Matrix(rows: loss.sampleCount, columns: 1)
    for (neuron, weight) in zip(neurons, weights) where weight > 0 {
      BLAS.add(weight, neuron, to: &result.elements)
    }
    return result
  }
}
