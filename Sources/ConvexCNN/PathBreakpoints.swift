package import ConvexPrograms
import Convolutions
import Solvers
import Tensors

/// Locates the strengths at which neurons enter or leave.
///
/// Neurons of neighbors are the same when their unit matrices `u W'` (and gates) nearly agree. Where some have no partner
/// the interval is halved, in logarithms, until it is as narrow as asked for; directions that only turned find their
/// partners on the way.
package struct PathBreakpoints {
  /// Neurons below this share of the regularizer count as absent.
  static let massShare = 1e-5
  /// Least inner product of the unit matrices of one neuron at two strengths.
  static let sameness = 0.95
  /// Solves that the search may spend.
  static let solveLimit = 2000

  let run: PathRun
  let tolerance: Double
  let secondsLeft: () -> Double
  private(set) var found: [PathStudy.Breakpoint] = []
  private(set) var isComplete = true
  private var solves = 0

  init(_ run: PathRun, tolerance: Double, secondsLeft: @escaping () -> Double) {
    (self.run, self.tolerance, self.secondsLeft) = (run, tolerance, secondsLeft)
  }

  /// Gap of the solutions whose active sets are compared.
  private var sharpGap: Double {
    min(run.trainer.configuration.gap, run.cells.program == nil ? 1e-7 : 1e-10)
  }

  /// Searches all intervals of a path.
  ///
  /// - Parameter points: Solutions along decreasing strength.
  /// - Throws: As `RegularizationPath.point`.
  mutating func locate(along points: [RegularizationPath.Point]) throws {
    var above: RegularizationPath.Point?
    for point in points {
      guard let sharp = try solved(at: point.lambda, from: point) else { return }
      if let above { try split(above, sharp) }
      above = sharp
    }
    found.sort { $0.upper > $1.upper }
  }

  private mutating func solved(
    at lambda: Double, from start: RegularizationPath.Point
  ) throws -> RegularizationPath.Point? {
    guard secondsLeft() > 0, !run.trainer.isInterrupted(), solves < Self.solveLimit else {
      isComplete = false
      return nil
    }
    solves += 1
    return try run.path.point(
      at: lambda, from: start,
      limits: SolveLimits(
        relativeGap: sharpGap, iterations: run.cells.program == nil ? 1000 : 200_000,
        seconds: secondsLeft(), isInterrupted: run.trainer.isInterrupted))
  }

  private mutating func split(
    _ above: RegularizationPath.Point, _ below: RegularizationPath.Point
  ) throws {
    let (old, new) = (Self.neurons(of: above.network), Self.neurons(of: below.network))
    let (left, entered) = Self.unmatched(old, new)
    guard !left.isEmpty || !entered.isEmpty else { return }
    guard above.lambda > below.lambda * (1 + tolerance) else {
      for (neuron, enters) in left.map({ ($0, false) }) + entered.map({ ($0, true) }) {
        found.append(
          PathStudy.Breakpoint(
            upper: above.lambda, lower: below.lambda, enters: enters, direction: neuron.direction,
            mass: neuron.mass))
      }
      return
    }
    let lambda = (above.lambda * below.lambda).squareRoot()
    guard let middle = try solved(at: lambda, from: above) else { return }
    try split(above, middle)
    try split(middle, below)
  }

  /// A neuron that counts, with unit vectors.
  package struct Neuron {
    let direction: [Double]
    let weights: [Double]
    let gate: [Double]?
    let mass: Double
  }

  /// The neurons that carry more than `massShare` of the regularizer.
  package static func neurons(of network: Network) -> [Neuron] {
    let (inner, outer) = (network.filterNorms, network.outputNorms)
    let least = massShare * network.regularization
    let size = network.windowCount * network.outputCount
    return (0..<network.neuronCount).compactMap { j in
      let mass = inner[j] * outer[j]
      guard mass > least else { return nil }
      return Neuron(
        direction: network.filters.row(j).map { $0 / inner[j] },
        weights: network.outputWeights.elements[j * size..<(j + 1) * size].map { $0 / outer[j] },
        gate: network.gates.map { Array($0.row(j)) }, mass: mass)
    }
  }

  /// The neurons of each side without a partner on the other; best pairs are matched first.
  package static func unmatched(_ old: [Neuron], _ new: [Neuron]) -> (old: [Neuron], new: [Neuron])
  {
    var pairs: [(i: Int, j: Int, product: Double)] = []
    for (i, a) in old.enumerated() {
      for (j, b) in new.enumerated() where a.gate == b.gate {
        let product = BLAS.dot(a.direction, b.direction) * BLAS.dot(a.weights, b.weights)
        if product >= sameness { pairs.append((i, j, product)) }
      }
    }
    pairs.sort { ($0.product, $1.i, $1.j) > ($1.product, $0.i, $0.j) }
    var (isOld, isNew) = (Set(old.indices), Set(new.indices))
    for pair in pairs where isOld.contains(pair.i) && isNew.contains(pair.j) {
      isOld.remove(pair.i)
      isNew.remove(pair.j)
    }
    return (isOld.sorted().map { old[$0] }, isNew.sorted().map { new[$0] })
  }
}
