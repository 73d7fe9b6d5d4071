public import Tensors

/// Finds filters of large dual norm, and bounds the dual norm of all filters.
///
/// Laws, checked by `PricingIdentityTests`: every norm returned is attained by its filter; the upper
/// bound is at least every norm, and at least `|F(u)|` for every unit filter `u` (infinite for an
/// oracle that does not look at all cells); results do not depend on the number of threads.
public protocol PricingOracle: Sendable {
  /// Largest patch dimension the oracle takes.
  var maximumDimension: Int { get }

  /// Looks for the filters of largest norm of a correlation.
  ///
  /// - Precondition: `correlation.patchDimension <= maximumDimension`.
  func price(_ correlation: PooledCorrelation, _ request: PricingRequest) -> Pricing
}

/// What a pricing is asked for, and when it may stop.
public struct PricingRequest: Sendable {
  /// Norms up to this need not be told apart: the search stops when the upper bound is at most this.
  public var target: Double
  /// Stops when the upper bound is within this of the largest norm found, relatively.
  public var relativeTolerance: Double
  /// Stops when filters of a norm above this are found; infinite to go on to the best.
  public var sufficient: Double
  /// Filters to start from, `[m, h]`; they need not be of unit length.
  public var starts: Matrix?
  /// Most nodes; the same limit gives the same result on every machine.
  public var nodeLimit: Int
  /// Most seconds of wall time.
  public var seconds: Double
  /// Threads to use; results do not depend on it.
  public var threads: Int
  /// Asked between rounds; true ends the search with the bound reached.
  public var isInterrupted: @Sendable () -> Bool

  /// A request with given values.
  public init(
    target: Double = 0, relativeTolerance: Double = 1e-6, sufficient: Double = .infinity,
    starts: Matrix? = nil, nodeLimit: Int = .max, seconds: Double = .infinity, threads: Int = 1,
    isInterrupted: @escaping @Sendable () -> Bool = { false }
  ) {
    self.target = target
    self.relativeTolerance = relativeTolerance
    self.sufficient = sufficient
    self.starts = starts
    self.nodeLimit = nodeLimit
    self.seconds = seconds
    self.threads = threads
    self.isInterrupted = isInterrupted
  }
}

extension PricingRequest {
  /// The request for `1 / unit` of a correlation.
  func divided(by unit: Double) -> PricingRequest {
    var request = self
    request.target = target / unit
    request.sufficient = sufficient / unit
    return request
  }

  /// Why to end a search before it went through all, if there is a reason.
  ///
  /// - Parameters:
  ///   - start: When it began.
  ///   - nodeCount: Nodes so far; nil for what no limit of nodes ends.
  /// - Returns: The reason, nil to go on.
  func interruption(since start: ContinuousClock.Instant, nodeCount: Int? = nil) -> Pricing.Ending?
  {
    if isInterrupted() { return .interrupted }
    if let nodeCount, nodeCount >= nodeLimit { return .nodeLimit }
    return (ContinuousClock.now - start) / .seconds(1) >= seconds ? .timeLimit : nil
  }

  /// Why a search that went through all ended.
  func ending(upperBound: Double, largestNorm: Double) -> Pricing.Ending {
    if upperBound <= largestNorm * (1 + relativeTolerance) { return .tolerance }
    return upperBound <= target ? .target : .rounding
  }
}

/// What a pricing found.
public struct Pricing: Sendable {
  /// Why a search ended.
  public enum Ending: String, Sendable {
    /// The upper bound is within the tolerance of the largest norm.
    case tolerance
    /// The upper bound is at most the target.
    case target
    /// Neither can be told: what is left between bound and norm may be rounding.
    case rounding
    /// Filters of sufficient norm were found.
    case sufficient
    /// The node limit came first.
    case nodeLimit = "node-limit"
    /// The time limit came first.
    case timeLimit = "time-limit"
    /// The caller asked to stop.
    case interrupted
  }

  /// Unit filters found, largest norm first, `[m, h]`; no two point the same way.
  public let filters: Matrix
  /// Norm of each filter.
  public let norms: [Double]
  /// Bound on the norm of every unit filter, rounding included; infinite where none is known.
  public let upperBound: Double
  /// Nodes, arcs or faces looked at.
  public let nodeCount: Int
  /// Why the search ended.
  public let ending: Ending
  /// Whether all faces were visited, so that the upper bound is the dual norm up to the rounding margin.
  public let isExact: Bool

  /// A pricing with all its parts.
  public init(
    filters: Matrix, norms: [Double], upperBound: Double, nodeCount: Int, ending: Ending,
    isExact: Bool = false
  ) {
    self.filters = filters
    self.norms = norms
    self.upperBound = upperBound
    self.nodeCount = nodeCount
    self.ending = ending
    self.isExact = isExact
  }

  /// The pricing of a correlation of no mass, or of one whose mass is not finite.
  static func trivial(_ correlation: PooledCorrelation) -> Pricing {
    Pricing(
      filters: Matrix(rows: 0, columns: correlation.patchDimension), norms: [],
      upperBound: correlation.mass == 0 ? 0 : .infinity, nodeCount: 0,
      ending: correlation.mass == 0 ? .tolerance : .rounding, isExact: correlation.mass == 0)
  }

  /// The pricing of a correlation, from that of `1 / unit` of it; `unit` is a power of two.
  func multiplied(by unit: Double) -> Pricing {
    let bound = upperBound * unit
    return Pricing(
      filters: filters, norms: norms.map { $0 * unit },
      upperBound: bound < Double.leastNormalMagnitude && bound > 0 ? bound.nextUp : bound,
      nodeCount: nodeCount, ending: ending, isExact: isExact)
  }

  /// The largest norm found, a lower bound of the dual norm; 0 when no filter was found.
  public var largestNorm: Double { norms.first ?? 0 }
}
