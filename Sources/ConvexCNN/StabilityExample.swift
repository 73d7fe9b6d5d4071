import Certificates
import ConvexPrograms
import Convolutions
import Tensors

/// Small networks that are close as functions and far apart as parameters, or the other way round, with their numbers.
///
/// - Source: Berner, Elbraechter & Grohs, *How degenerate is the parametrization of neural networks with the ReLU
///   activation function?*, NeurIPS 2019, names four reasons and shows the descent. Formulas and numbers are this package's.
public struct StabilityExample: Sendable, Equatable, Codable {
  /// The examples.
  public enum Name: String, Sendable, CaseIterable, Codable {
    /// A neuron without output weights: nothing keeps its filter.
    case unbalanced
    /// Two filters of one direction.
    case redundant
    /// Filters around the origin with their opposites.
    case opposite
    /// Opposite filters that add up to a linear function.
    case oppositeLinear = "opposite-linear"
    /// Functions of small values and large slopes.
    case uniformNorm = "uniform-norm"
    /// A minimum over parameters that is none over functions.
    case localMinimum = "local-minimum"
    /// Gradient descent towards zero from `relu(x) - relu(x - 1)`.
    case descent
    /// A filter and its cyclic shift.
    case circularShift = "circular-shift"
    /// A network with biases and two of its lifts to the stable space.
    case lift
  }

  /// Which example.
  public let name: Name
  /// What is looked at, in one sentence.
  public let title: String
  /// Names of the columns of numbers.
  public let columns: [String]
  /// The numbers, row after row.
  public let rows: [[Finite]]
  /// What the checks of inverse stability say of the last row, or what else is to be known.
  public let remarks: [String]
  /// What the numbers show.
  public let claim: String

  /// Computes an example.
  ///
  /// - Parameter name: Which one.
  /// - Returns: Its numbers, computed now and not recorded.
  /// - Throws: An error of a computation; none is expected.
  public static func example(_ name: Name) throws -> StabilityExample {
    switch name {
    case .unbalanced: try unbalanced()
    case .redundant: try redundant()
    case .opposite: try opposite()
    case .oppositeLinear: try oppositeLinear()
    case .uniformNorm: try uniformNorm()
    case .localMinimum: try localMinimum()
    case .descent: try descent()
    case .circularShift: try circularShift()
    case .lift: try lift()
    }
  }

  init(
    _ name: Name, _ title: String, columns: [String], rows: [[Double]], remarks: [String],
    claim: String
  ) {
    self.name = name
    self.title = title
    self.columns = columns
    self.rows = rows.map { $0.map { Finite($0) } }
    self.remarks = remarks
    self.claim = claim
  }

  /// A dense network on two inputs.
  static func plane(_ filters: [[Double]], _ weights: [Double]) throws -> Network {
    try Network(
      geometry: try PatchGeometry(length: 2, filterLength: 2), pooling: Pooling(.sum),
      activation: .relu, filters: Matrix(filters),
      outputWeights: Matrix(rows: weights.count, columns: 1, elements: weights))
  }

  /// Rows of a family of functions `g_k` near one network, and the remarks of the last.
  private static func family(
    _ network: Network, _ nearby: (Double) throws -> Network, least: Double
  ) throws -> (rows: [[Double]], remarks: [String]) {
    var rows: [[Double]] = []
    var remarks: [String] = []
    for k in [1.0, 10, 100, 1000] {
      let result = try InverseStability(network, nearby(k))
      rows.append([
        k, result.distance.upper, result.asGiven.matching.distance, least,
        InverseStability.bound(beta: 1, distance: result.distance.upper),
      ])
      remarks =
        ["as given: \(result.asGiven.verdict.name)"] + result.asGiven.verdict.reasons
        + ["normal forms: \(result.canonical.verdict.name)"]
    }
    return (rows, remarks)
  }

  private static let familyColumns = [
    "k", "as functions", "parameters", "every choice >=", "2 sqrt(2 eps)",
  ]

  private static func unbalanced() throws -> StabilityExample {
    // Every network of g_k has filter (0, t): the first entry is 1 away from that of (1, 0).
    let (rows, remarks) = try family(
      try plane([[1, 0]], [0]),
      { k in try plane([[0, (1 / k).squareRoot()]], [(1 / k).squareRoot()]) }, least: 1)
    return StabilityExample(
      .unbalanced, "u = (1, 0) with output weight 0, and g_k(x) = relu(x2) / k",
      columns: familyColumns, rows: rows, remarks: remarks,
      claim: "Functions 1/k apart, parameters always 1: an idle filter is far from the one needed.")
  }

  private static func redundant() throws -> StabilityExample {
    // One of the two filters has to become (0, t): its first entry moves by 1.
    let two = 2.0.squareRoot()
    let (rows, remarks) = try family(
      try plane([[1, 0], [1, 0]], [1, 1]),
      { k in
        let root = (1 / k).squareRoot()
        return try plane([[two, 0], [0, root]], [two, root])
      }, least: 1)
    return StabilityExample(
      .redundant, "2 relu(x1) as two equal neurons, and g_k(x) = 2 relu(x1) + relu(x2) / k",
      columns: familyColumns, rows: rows, remarks: remarks,
      claim: "Functions 1/k apart, parameters always 1, although all neurons are balanced.")
  }

  private static func opposite() throws -> StabilityExample {
    // g_k needs a filter on the line of (1, -1), and none of the six is nearer to it than 1/2.
    let directions: [[Double]] = [[1, 0], [0, 1], [-1, -1]]
    let network = try plane(
      directions + directions.map { $0.map { -$0 } }, [1, 1, 1, -1, -1, -1])
    let least = directions.map { abs($0[0] + $0[1]) / 2 }.min() ?? 0
    let (rows, remarks) = try family(
      network,
      { k in
        let root = (1 / k).squareRoot()
        return try plane([[root, -root]], [root])
      }, least: least)
    return StabilityExample(
      .opposite,
      "0 as (1,0), (0,1), (-1,-1) of weight 1 and their opposites of weight -1, and "
        + "g_k(x) = relu(x1 - x2) / k", columns: familyColumns, rows: rows, remarks: remarks,
      claim: "Functions 1/k apart, parameters at least 1/2: no filter is near the line needed.")
  }

  private static func oppositeLinear() throws -> StabilityExample {
    let filters: [[Double]] = [[1, 0], [-1, 0], [0, 1], [0, -1]]
    let (rows, remarks) = try family(
      try plane(filters, [1, -1, 1, -1]),
      { k in
        let root = (1 / k).squareRoot()
        return try plane(filters + [[root, -root]], [1, -1, 1, -1, root])
      }, least: .nan)
    return StabilityExample(
      .oppositeLinear,
      "x1 + x2 as opposite pairs, and the same with relu(x1 - x2) / k in a fifth neuron",
      columns: familyColumns, rows: rows,
      remarks: remarks + [
        "With four neurons every network of g_k has a filter on the line of (1, -1), 1/2 away."
      ],
      claim: "Opposite pairs carry a linear part; with as many neurons g_k is at least 1/2 away.")
  }

  private static func uniformNorm() throws -> StabilityExample {
    let geometry = try PatchGeometry(length: 1, filterLength: 1, hasBias: true)
    let rows = try [1.0, 10, 100, 1000].map { k -> [Double] in
      let root = k.squareRoot()
      let network = try Network(
        geometry: geometry, pooling: Pooling(.sum), activation: .relu,
        filters: Matrix([[root, 0], [root, -root / (k * k)]]),
        outputWeights: Matrix([[root], [-root]]))
      let form = try EvenOddForm(network)
      let points = Tensor(
        shape: [2001, 1, 1, 1], elements: (0...2000).map { Double($0) / 1000 - 1 })
      let largest = form.values(at: points).elements.reduce(0) { max($0, abs($1)) }
      return [k, largest, try form.largestGradient().upper, root]
    }
    return StabilityExample(
      .uniformNorm, "g_k(x) = k relu(x) - k relu(x - 1/k^2) on [-1, 1], and 0",
      columns: ["k", "largest value", "largest slope", "every choice >="], rows: rows,
      remarks: ["The kink at 0 needs |u| |w| = k in one neuron, so that an entry is sqrt(k)."],
      claim: "Values tend to 0 while slopes and parameters grow: nothing holds in the uniform norm."
    )
  }

  private static func circularShift() throws -> StabilityExample {
    let geometry = try PatchGeometry(length: 3, filterLength: 3, padding: .circular)
    func network(_ filter: [Double]) throws -> Network {
      try Network(
        geometry: geometry, pooling: Pooling(.sum), activation: .relu, filters: Matrix([filter]),
        outputWeights: Matrix([[1]]))
    }
    let result = try InverseStability(network([1, 0.5, 0.2]), network([0.2, 1, 0.5]))
    return StabilityExample(
      .circularShift, "u = (1, 0.5, 0.2) and its shift (0.2, 1, 0.5), circular, summed",
      columns: ["as functions", "parameters", "beta", "canonical parameters", "canonical beta"],
      rows: [
        [
          result.distance.upper, result.asGiven.matching.distance,
          result.asGiven.incidence.beta, result.canonical.matching.distance,
          result.canonical.incidence.beta,
        ]
      ],
      remarks: ["as given: \(result.asGiven.verdict.name)"] + result.asGiven.verdict.reasons
        + ["normal forms: \(result.canonical.verdict.name)"],
      claim: "Shifts are one neuron: canonicalize before parameters are compared.")
  }
}
