import ConvexPrograms
import Tensors

/// A hyperplane of the patches on which a filter lies, with the multiplier that holds the filter there.
///
/// A row `x_r` on the hyperplane adds `s_r (x_r . d)_+` to the slope of the objective along a change `d` of the filter, with
/// `s_r = sum_q P[q, k] <G_i, W_q>`. With `g` the gradient by the filter where such rows are inactive, the filter is held when
/// `g + sum_l tau_l n_l = 0` for unit normals `n_l` and multipliers strictly between the slopes on both sides,
/// `-b_l < tau_l < a_l`: every row of the hyperplane then has a fractional activation strictly between 0 and 1. Where normals
/// are dependent, other multipliers than these may hold the filter, and `CriticalPoint` looks at all ways out instead.
public struct Kink: Sendable, Equatable {
  /// Number of the neuron.
  public let neuron: Int
  /// The first stacked patch `i K + k` on the hyperplane.
  public let patch: Int
  /// Number of patches on the hyperplane.
  public let patchCount: Int
  /// The fractional activation of that first patch; nil where the slopes on both sides do not add up to a positive number.
  public let fraction: Double?
  /// The multiplier of that patch itself: `fraction * s_r`; 0 without a fraction.
  public let multiplier: Double
  /// `a_l + b_l`: what all rows can change in the slope along the unit normal.
  public let range: Double
  /// Least singular value of the unit normals through the filter, on their span.
  let conditioning: Double
  /// Length of the rows times their pooling weights, summed: bounds the change of `range` by output weights.
  let mass: Double
}

extension SensitivitySystem {
  /// The hyperplanes on which filters lie, with multipliers.
  ///
  /// Multipliers are those nearest to the middle of their ranges; where the normals are independent there are no others.
  ///
  /// - Throws: `LAPACK.Failure` when an eigenvalue iteration does not converge.
  func kinks() throws -> [Kink] {
    try faces.enumerated().flatMap { j, face in
      face.normals.rows > 0 ? try kinks(of: j, face) : []
    }
  }

  private func kinks(of j: Int, _ face: FaceCoordinates) throws -> [Kink] {
    let size = windows * outputs
    let sides = (0..<face.normals.rows).map { self.sides(of: face, line: $0, neuron: j) }
    var multipliers = sides.map { 0.5 * ($0.above - $0.below) }
    var rest = Array(network.filters.row(j)).map { lambda * $0 }
    for w in 0..<size {
      BLAS.add(
        network.outputWeights.elements[j * size + w],
        Array(correlations[j].row(correlationRow(ofWeight: w))), to: &rest)
    }
    for (l, multiplier) in multipliers.enumerated() {
      BLAS.add(multiplier, Array(face.normals.row(l)), to: &rest)
    }
    // The least change of the multipliers that cancels what is left.
    let (values, vectors) = try LAPACK.symmetricEigen(
      BLAS.product(face.normals, .plain, face.normals, .transposed))
    let images = BLAS.product(
      face.normals, .plain, Matrix(rows: rest.count, columns: 1, elements: rest)
    ).elements
    var conditioning = Double.infinity
    for (v, value) in values.enumerated() where value > 1e-12 * (values.last ?? 0) {
      conditioning = min(conditioning, value.squareRoot())
      let vector = Array(vectors.row(v))
      BLAS.add(-BLAS.dot(vector, images) / value, vector, to: &multipliers)
    }
    return sides.indices.map { l in
      kink(j, face, l, sides[l], multiplier: multipliers[l], conditioning: conditioning)
    }
  }

  private func kink(
    _ j: Int, _ face: FaceCoordinates, _ line: Int, _ sides: (above: Double, below: Double),
    multiplier: Double, conditioning: Double
  ) -> Kink {
    let rows = face.rowsOnLine[line]
    let range = sides.above + sides.below
    let first = rows.first ?? (row: 0, isPositive: true)
    var fraction = range > 0 ? (multiplier + sides.below) / range : nil
    if !first.isPositive { fraction = fraction.map { 1 - $0 } }
    let mass = rows.reduce(0.0) { sum, entry in
      let k = entry.row % patches.patchesPerSample
      return sum + BLAS.norm(Array(patches.rows.row(entry.row)))
        * BLAS.norm((0..<windows).map { weights[$0, k] })
    }
    return Kink(
      neuron: j, patch: first.row, patchCount: rows.count, fraction: fraction,
      multiplier: (fraction ?? 0) * slope(ofRow: first.row, neuron: j), range: range,
      conditioning: conditioning, mass: mass)
  }
}
