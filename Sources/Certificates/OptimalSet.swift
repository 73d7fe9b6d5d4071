public import ConvexPrograms
public import Tensors

/// All optimal networks of one problem: the masses that neurons of fixed directions may have.
///
/// With a dual point `Lambda` of the optimum, neurons of an optimal network have filters `u` of largest dual correlation
/// `|C(u)|_F = lambda`, `C(u) = Phi(u)' Lambda`, and output weights along `C(u)`. Optimal networks of any width are those of
///
///     { x >= 0 : sum_j x_j f_j = f },      f_j = predictions of neuron j at mass |u_j| |W_j|_F = 1
///
/// up to the order of neurons and their splitting; `f`, the predictions of the network given, are those of all optima, up to
/// constants that the loss does not see and the output bias.
///
/// `neurons` lists the directions; what the list covers is said by `coverage`. Statements hold to `tolerance`: a filter
/// counts as one of largest correlation from `(1 - tolerance) lambda` on, and singular values of the unit outputs below
/// `rankTolerance` of the largest count as zero.
///
/// - Source: Mishkin & Pilanci, *Optimal Sets and Solution Paths of ReLU Networks*, ICML 2023; windows, several outputs
///   and the directions of a loss that is flat (softmax, output bias) are this package's.
public struct OptimalSet: Sendable {
  /// One direction of neurons.
  public struct Neuron: Sendable {
    /// Unit filter `u`, of length `h`.
    public let filter: [Double]
    /// Gate of gated networks, of length `h`; nil otherwise.
    public let gate: [Double]?
    /// Output weights of unit Frobenius norm, `[a, c]`.
    public let outputWeights: Matrix
    /// `|u| |W|_F` in the network given; 0 where it does not use the direction.
    public let mass: Double
    /// `|C(u)|_F / lambda`: 1 up to the accuracy of the network.
    public let correlation: Double
  }

  /// Which filters were looked at.
  public enum Coverage: Sendable, Equatable {
    /// It is proven that every filter of a correlation of at least `(1 - tolerance) lambda` is within the radius of one of
    /// the neurons.
    case allCells(radius: Double)
    /// The search over all cells did not end; there may be further directions.
    case incomplete
    /// All filters of the gates given, of which so many have different patterns.
    case givenCells(Int)
    /// All filters of the linear network.
    case allFilters
  }

  /// The directions.
  public let neurons: [Neuron]
  /// What `neurons` covers.
  public let coverage: Coverage
  /// Faces or blocks on which filters of largest correlation form arcs or spheres: of these, only the directions of the
  /// network given are listed, and dimension and ranges are lower bounds.
  public let flatCount: Int
  /// Singular values of the outputs `f_j` after scaling each to unit length, in descending order.
  public let spectrum: [Double]
  /// Numerical rank of the outputs.
  public let rank: Int
  /// Smallest and largest mass of each neuron over all optima.
  public let ranges: [ClosedRange<Double>]
  /// `(1 - tolerance) lambda` is the least correlation of a neuron.
  public let tolerance: Double
  /// Singular values below this share of the largest count as zero.
  public let rankTolerance: Double
  /// Sum of the masses, the same for all optima.
  public let totalMass: Double
  /// Network that was given.
  public let network: Network

  /// Outputs `f_j` as the loss sees them, `[n c, m]`.
  let outputs: Matrix
  /// The same with the means that an output bias takes up; empty for networks without one.
  let biasedOutputs: Matrix
  /// The polytope of masses.
  let polytope: MassPolytope
  /// Loss of the training data.
  let loss: any Loss
  /// Threads that passes over the data use.
  let threads: Int

  /// Dimension of the set: directions that some optimum uses, minus the rank of their outputs.
  public var dimension: Int { used.count - usedRank }
  /// Whether there is one optimal network, up to the order of neurons and splitting; nil where that is not decided: of
  /// several directions on a face only those of the network given are listed, or the search did not end.
  public var isUnique: Bool? {
    if dimension > 0 { return false }
    return flatCount > 0 || coverage == .incomplete ? nil : true
  }
  /// Neurons with a positive mass in some optimum.
  public var used: [Int] { ranges.indices.filter { ranges[$0].upperBound > negligible } }
  /// Masses up to this are zero.
  public var negligible: Double { 1e-8 * totalMass }
  let usedRank: Int
}

extension OptimalSet {
  /// The set of given directions.
  ///
  /// - Throws: `LAPACK.Failure` when a factorization fails.
  init(
    neurons: [Neuron], coverage: Coverage, flatCount: Int, outputs: Matrix, network: Network,
    loss: any Loss, tolerance: Double, rankTolerance: Double, threads: Int
  ) throws {
    (self.neurons, self.coverage, self.flatCount) = (neurons, coverage, flatCount)
    (self.network, self.loss, self.threads) = (network, loss, threads)
    (self.tolerance, self.rankTolerance) = (tolerance, rankTolerance)
    self.outputs = OptimalSet.visible(outputs, loss, hasOutputBias: network.outputBias != nil)
    biasedOutputs =
      network.outputBias == nil
      ? Matrix(rows: 0, columns: 0) : OptimalSet.visible(outputs, loss, hasOutputBias: false)
    let masses = neurons.map(\.mass)
    totalMass = masses.reduce(0, +)
    let columns = OutputRank(self.outputs, tolerance: rankTolerance)
    (spectrum, rank) = (columns.spectrum, columns.rank)
    var polytope = try MassPolytope(equations: try columns.equations(), member: masses)
    ranges = try neurons.indices.map { j in
      var weights = [Double](repeating: 0, count: neurons.count)
      weights[j] = 1
      let highest = try polytope.maximize(weights).value
      weights[j] = -1
      let lowest = -(try polytope.maximize(weights).value)
      return min(lowest, highest)...highest
    }
    self.polytope = polytope
    let bound = 1e-8 * totalMass
    let used = ranges.indices.filter { [ranges] in ranges[$0].upperBound > bound }
    usedRank = OutputRank(self.outputs.selectingColumns(used), tolerance: rankTolerance).rank
  }

  /// Outputs without what the loss or the output bias takes up: the mean over the outputs of each sample for softmax, the
  /// mean over samples of each output for networks with an output bias.
  ///
  /// - Parameters:
  ///   - outputs: `[n c, m]`, row `i c + t`.
  ///   - loss: The loss.
  ///   - hasOutputBias: Whether networks have an output bias.
  /// - Returns: The projection, same shape.
  static func visible(_ outputs: Matrix, _ loss: any Loss, hasOutputBias: Bool) -> Matrix {
    var result = outputs
    let (n, c) = (loss.sampleCount, loss.outputCount)
    if loss is SoftmaxLoss {
      for i in 0..<n { result.subtractMean(ofRows: stride(from: i * c, to: (i + 1) * c, by: 1)) }
    }
    if hasOutputBias {
      for t in 0..<c { result.subtractMean(ofRows: stride(from: t, to: n * c, by: c)) }
    }
    return result
  }
}

extension Matrix {
  /// Subtracts from some rows their mean.
  mutating func subtractMean(ofRows rows: StrideTo<Int>) {
    let count = rows.reduce(0) { sum, _ in sum + 1 }
    guard count > 0 else { return }
    for j in 0..<columns {
      let mean = rows.reduce(0.0) { $0 + self[$1, j] } / Double(count)
      for r in rows { self[r, j] -= mean }
    }
  }

  /// Some of the columns, in the order given.
  func selectingColumns(_ indices: [Int]) -> Matrix {
    var result = Matrix(rows: rows, columns: indices.count)
    for r in 0..<rows { for (k, j) in indices.enumerated() { result[r, k] = self[r, j] } }
    return result
  }
}

/// The numerical rank of neuron outputs, each scaled to unit length.
///
/// - Complexity: O(`rows m^2`).
struct OutputRank {
  /// Singular values, descending.
  let spectrum: [Double]
  /// Singular values above `tolerance` times the largest.
  let rank: Int
  private let rightVectors: Matrix
  private let lengths: [Double]

  init(_ outputs: Matrix, tolerance: Double) {
    let m = outputs.columns
    lengths = (0..<m).map { j in
      BLAS.norm((0..<outputs.rows).map { outputs[$0, j] })
    }
    let largest = lengths.reduce(0, max)
    var scaled = outputs
    for r in 0..<outputs.rows {
      for j in 0..<m {
        // A column that is zero but for rounding is dependent as it is.
        scaled[r, j] = lengths[j] > 1e-13 * largest ? outputs[r, j] / lengths[j] : 0
      }
    }
    let svd = try? LAPACK.singularValues(scaled)
    spectrum = svd?.values ?? []
    let bound = tolerance * (spectrum.first ?? 0)
    rank = spectrum.filter { $0 > bound }.count
    rightVectors = svd?.vt ?? Matrix(rows: 0, columns: m)
  }

  /// Orthonormal rows that span the same equations as the outputs, `[rank, m]`.
  ///
  /// - Throws: `LAPACK.Failure` when a factorization fails.
  func equations() throws -> Matrix {
    var rows = rightVectors.selectingRows(Array(0..<rank))
    for i in 0..<rank { for j in 0..<rows.columns { rows[i, j] *= lengths[j] } }
    guard rank > 0 else { return rows }
    return try LAPACK.singularValues(rows).vt
  }

  /// Orthonormal rows that span the combinations of the outputs that vanish, `[m - rank, m]`.
  ///
  /// - Throws: `LAPACK.Failure` when a factorization fails.
  func nullSpace() throws -> Matrix {
    let rows = try equations()
    let projection = BLAS.product(rows, .transposed, rows, .plain)
    let (_, vectors) = try LAPACK.symmetricEigen(projection)
    return vectors.selectingRows(Array(0..<projection.rows - rank))
  }
}
