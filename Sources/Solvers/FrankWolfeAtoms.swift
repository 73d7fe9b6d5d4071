import ConvexPrograms
import Tensors

/// The atoms `Phi(u) G` in use, each with its share of the budget.
///
/// Atom `j` has weight `weights[j] >= 0`; the weights sum to `tau`. What is missing to the budget is the weight of zero.
struct FrankWolfeAtoms {
  /// Entries `h` of a filter.
  let patchDimension: Int
  /// Unit filters, one after the other.
  private(set) var filters: [[Double]] = []
  /// Unit output weights, each `[a, c]`.
  private(set) var directions: [[Double]] = []
  /// Weights, not negative.
  private(set) var weights: [Double] = []
  /// Predictions `Phi(u) G` of each atom, each `[n, c]`; empty where they are not kept.
  private(set) var images: [[Double]] = []

  init(patchDimension: Int) { self.patchDimension = patchDimension }

  var count: Int { weights.count }
  /// `tau = sum_j weights[j]`.
  var mass: Double { weights.reduce(0, +) }

  /// The filters that came last, `[m, h]`.
  func recentFilters(_ limit: Int) -> Matrix {
    let last = filters.suffix(limit)
    return Matrix(rows: last.count, columns: patchDimension, elements: last.flatMap { $0 })
  }

  /// All weights times a factor.
  mutating func scale(by factor: Double) {
    for j in weights.indices { weights[j] *= factor }
  }

  /// Adds weight to an atom, which is joined with an equal one.
  mutating func add(_ atom: FrankWolfeState.Atom, weight: Double, keepsImage: Bool) {
    for j in weights.indices
    where Self.areEqual(filters[j], atom.filter)
      && Self.areEqual(directions[j], atom.direction)
    {
      weights[j] += weight
      return
    }
    filters.append(atom.filter)
    directions.append(atom.direction)
    weights.append(weight)
    if keepsImage { images.append(atom.image.elements) }
  }

  /// Adds to the weight of one atom; what is left of rounding below zero is cut off.
  mutating func add(_ weight: Double, to j: Int) { weights[j] = max(0, weights[j] + weight) }

  /// Removes atoms without weight.
  mutating func prune() {
    let kept = weights.indices.filter { weights[$0] > 0 }
    guard kept.count < count else { return }
    let hasImages = !images.isEmpty
    filters = kept.map { filters[$0] }
    directions = kept.map { directions[$0] }
    if hasImages { images = kept.map { images[$0] } }
    weights = kept.map { weights[$0] }
  }

  /// Replaces all weights.
  mutating func replaceWeights(by new: [Double]) { weights = new }

  /// `sum_j weights[j] Phi(u_j) G_j`; the images must be kept.
  func sum(like shape: Matrix) -> Matrix {
    var result = Matrix(rows: shape.rows, columns: shape.columns)
    for (image, weight) in zip(images, weights) { BLAS.add(weight, image, to: &result.elements) }
    return result
  }

  /// The network of the atoms, not balanced.
  func network(for problem: TrainingProblem) throws -> Network {
    try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: problem.activation,
      filters: Matrix(rows: count, columns: patchDimension, elements: filters.flatMap { $0 }),
      outputWeights: Matrix(
        rows: count * problem.windowCount, columns: problem.outputCount,
        elements: zip(directions, weights).flatMap { direction, weight in
          direction.map { $0 * weight }
        }))
  }

  private static func areEqual(_ a: [Double], _ b: [Double]) -> Bool {
    BLAS.dot(a, b) >= 1 - 1e-14
  }
}
