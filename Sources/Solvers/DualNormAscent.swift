import Arrangements
public import ConvexPrograms
import Convolutions
package import Tensors

/// Multi-start ascent on the dual norm `max_{|u| <= 1} |Phi(u)' nu|_F`: heuristic pricing.
///
/// Every value found is a lower bound of the maximum, so nothing found here proves anything over all cells.
///
/// From a unit filter `u` the step goes towards `gradient / |gradient|`: inside a cell that is power iteration on a
/// positive semidefinite matrix and never decreases the norm. Where the cell changes the step is shortened until
/// the norm rises.
package struct DualNormAscent: Sendable {
  /// Directions tried.
  var starts: Int
  /// Most steps from each start.
  var steps: Int
  /// Directions kept, at most, unless ascent is brief.
  var kept: Int
  /// Whether ascent ends with the best directions of short runs, without going on along faces.
  var isBrief: Bool
  /// Norm below which the maxima found are where to search on (`hop`); 0 for never.
  var hopsBelow: Double
  /// The part of the samples to look at first.
  private var parts = SampleParts()
  /// Seed of the random directions.
  var seed: UInt64

  init(
    starts: Int = 128, steps: Int = 40, kept: Int = 24, isBrief: Bool = false,
    hopsBelow: Double = 0, parts: SampleParts, seed: UInt64
  ) {
    self.init(
      starts: starts, steps: steps, kept: kept, isBrief: isBrief, hopsBelow: hopsBelow, seed: seed)
    self.parts = parts
  }

  package init(
    starts: Int = 128, steps: Int = 40, kept: Int = 24, isBrief: Bool = false,
    hopsBelow: Double = 0, seed: UInt64
  ) {
    self.hopsBelow = hopsBelow
    self.kept = kept
    self.starts = starts
    self.steps = steps
    self.isBrief = isBrief
    self.seed = seed
  }

  /// Distinct local maximisers, largest norm first.
  ///
  /// - Parameters:
  ///   - problem: Data and architecture.
  ///   - dual: Dual point of shape `[n, c]`.
  ///   - known: Filters to start from besides the random ones, `[m, h]`.
  /// - Returns: Unit filters of shape `[r, h]` and their norms, both in descending order of the norm.
  package func maximizers(
    of problem: TrainingProblem, dual: Matrix, known: Matrix? = nil
  ) -> (filters: Matrix, norms: [Double]) {
    var filters = randomDirections(problem)
    // Where passes take long, a part of the samples shows where to look.
    let part = try? parts.forAscent(problem).map { samples in
      (problem: try problem.part(samples), dual: dual.selectingRows(samples))
    }
    if let part {
      let (found, norms) = ascend(part.problem, part.dual, filters, steps: steps)
      filters = DualNormAscent.distinct(found, norms, limit: kept).filters
    }
    if let known {
      filters = Matrix(
        rows: filters.rows + known.rows, columns: filters.columns,
        elements: filters.elements + known.withUnitRows.elements)
    }
    if part != nil {
      let (found, norms) = ascend(problem, dual, filters, steps: max(4, steps / 4))
      return DualNormAscent.distinct(found, norms, limit: kept)
    }
    // Most starts end in the same few maxima: a short ascent for all, a long one for the best of each.
    var (found, norms) = ascend(problem, dual, filters, steps: max(4, steps / 4))
    (found, norms) = DualNormAscent.distinct(
      found, norms, limit: isBrief ? 12 : max(kept, starts / 4))
    (found, norms) = ascend(problem, dual, found, steps: steps)
    (found, norms) = DualNormAscent.distinct(found, norms, limit: kept)
    // The rows of faces are kept, of which there may be as many as patches.
    if isBrief || problem.isStreamed { return (found, norms) }
    for tolerance in [1e-3, 1e-5] {
      // Where ascent jams at a kink, it goes on along the face; what rises is kept.
      let faces = ActivationFaces(of: found, in: problem, tolerance: tolerance)
      let (moved, movedNorms) = ascend(
        problem, dual, faces.projected(found).withUnitRows, steps: steps / 2, faces: faces)
      for j in norms.indices where movedNorms[j] > norms[j] {
        norms[j] = movedNorms[j]
        for e in 0..<found.columns { found[j, e] = moved[j, e] }
      }
      (found, norms) = ascend(problem, dual, found, steps: steps / 2)
    }
    if let largest = norms.max(), largest < hopsBelow {
      (found, norms) = hop(problem, dual, found, norms)
    }
    return DualNormAscent.distinct(found, norms, limit: kept, cosine: Self.regionCosine)
  }

  func ascend(
    _ problem: TrainingProblem, _ dual: Matrix, _ start: Matrix, steps: Int,
    faces: ActivationFaces? = nil
  ) -> (filters: Matrix, norms: [Double]) {
    var filters = start
    let h = filters.columns
    func evaluate(_ filters: Matrix, _ indices: [Int]) -> (norms: [Double], gradients: Matrix) {
      let (norms, gradients) = problem.dualNorms(of: filters, dual: dual)
      guard let faces else { return (norms, gradients) }
      return (norms, faces.selecting(indices).projected(gradients))
    }
    var (norms, gradients) = evaluate(filters, Array(0..<filters.rows))
    var lengths = [Double](repeating: 1, count: filters.rows)
    var active = Array(0..<filters.rows)
    for _ in 0..<steps {
      guard !active.isEmpty else { break }
      var trial = gradients.selectingRows(active).withUnitRows
      for (row, j) in active.enumerated() {
        for e in 0..<h {
          trial[row, e] = filters[j, e] + lengths[j] * (trial[row, e] - filters[j, e])
        }
      }
      trial = trial.withUnitRows
      let (trialNorms, trialGradients) = evaluate(trial, active)
      var remaining: [Int] = []
      for (row, j) in active.enumerated() {
        let gain = trialNorms[row] - norms[j]
        if gain > 0 {
          for e in 0..<h {
            filters[j, e] = trial[row, e]
            gradients[j, e] = trialGradients[row, e]
          }
          norms[j] = trialNorms[row]
          lengths[j] = min(1, 2 * lengths[j])
        } else {
          lengths[j] *= 0.25
        }
        let isFlat = gain > 0 && gain <= 1e-12 * norms[j] && lengths[j] == 1
        if lengths[j] > 1e-7, norms[j] > 0, !isFlat { remaining.append(j) }
      }
      active = remaining
    }
    return (filters, norms)
  }

  /// The best filter of each direction, largest norm first.
  package static func distinct(
    _ filters: Matrix, _ norms: [Double], limit: Int, cosine: Double = 0.9999
  ) -> (filters: Matrix, norms: [Double]) {
    let order = norms.indices.sorted { norms[$0] == norms[$1] ? $0 < $1 : norms[$0] > norms[$1] }
    var kept: [Int] = []
    for j in order where norms[j] > 0 {
      if kept.count == limit { break }
      let isNew = kept.allSatisfy { other in
        BLAS.dot(Array(filters.row(j)), Array(filters.row(other))) < cosine
      }
      if isNew { kept.append(j) }
    }
    return (filters.selectingRows(kept), kept.map { norms[$0] })
  }

  /// Unit directions: a third Gaussian, a third Gaussian in coordinates in which patches are white, a third differences
  /// of two patches.
  ///
  /// White coordinates make the responses of a random filter to all patches vary alike; plain Gaussian filters mostly
  /// see the common brightness of a patch.
  private func randomDirections(_ problem: TrainingProblem) -> Matrix {
    var generator = SeededGenerator(seed: seed)
    let h = problem.geometry.patchDimension
    let whitening = whiteningMap(problem, &generator)
    var result = Matrix(rows: starts, columns: h)
    for row in 0..<starts {
      var direction = (0..<h).map { _ in generator.normal() }
      if row % 3 == 1 {
        direction =
          BLAS.product(
            Matrix([direction]), .plain, whitening, .plain
          ).elements
      } else if row % 3 == 2 {
        let (first, second) = (
          randomPatch(problem, &generator), randomPatch(problem, &generator)
        )
        for e in 0..<h { direction[e] = first[e] - second[e] + 0.05 * direction[e] }
      }
      for e in 0..<h { result[row, e] = direction[e] }
    }
    return result.withUnitRows
  }

  /// `C^{-1/2}` for the second moments `C` of the patches of a few random samples, shape `[h, h]`.
  private func whiteningMap(
    _ problem: TrainingProblem, _ generator: inout SeededGenerator
  ) -> Matrix {
    let h = problem.geometry.patchDimension
    var moments = Matrix(rows: h, columns: h)
    for _ in 0..<min(200, problem.sampleCount) {
      let patches = problem.patches(ofSample: generator.integer(below: problem.sampleCount))
      let part = BLAS.product(patches, .transposed, patches, .plain)
      BLAS.add(1, part.elements, to: &moments.elements)
    }
    guard let (values, vectors) = try? LAPACK.symmetricEigen(moments),
      let largest = values.last, largest > 0
    else { return .identity(h) }
    var scaled = vectors
    for (i, value) in values.enumerated() {
      let factor = 1 / max(value, 1e-6 * largest).squareRoot()
      for e in 0..<h { scaled[i, e] *= factor }
    }
    return BLAS.product(vectors, .transposed, scaled, .plain)
  }

  private func randomPatch(
    _ problem: TrainingProblem, _ generator: inout SeededGenerator
  ) -> [Double] {
    let patches = problem.patches(ofSample: generator.integer(below: problem.sampleCount))
    return Array(patches.row(generator.integer(below: patches.rows)))
  }
}

/// The dual norm of the loss gradient at zero predictions (with an output bias: at the best constant): a lower bound of `lambdaMax` for ReLU.
///
/// Found by ascent, and for filters of two entries by a sweep over all cells, which takes less time and is exact up to
/// rounding.
///
/// - Parameters:
///   - problem: A problem with ReLU activation; its `lambda` is not used.
///   - seed: Seed of the random starts.
/// - Returns: The largest norm found; for `lambda` above the true maximum the solution is zero.
public func estimatedLambdaMax(_ problem: TrainingProblem, seed: UInt64 = 0) -> Double {
  let zero = Matrix(rows: problem.sampleCount, columns: problem.outputCount)
  let dual = problem.reducedLoss.gradient(at: zero)
  if problem.activation == .relu, problem.geometry.patchDimension == 2, !problem.isStreamed {
    return AngularSweep().price(problem.patchTerms.correlation(with: dual), PricingRequest())
      .largestNorm
  }
  let ascent = DualNormAscent(starts: 192, steps: 200, seed: seed)
  return ascent.maximizers(of: problem, dual: dual).norms.first ?? 0
}
