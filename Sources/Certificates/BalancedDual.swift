import ConvexPrograms
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A dual point near a gradient whose entries sum to exactly zero over the samples, output by output.
///
/// An unpenalized output bias `b` adds `1' Lambda = 0` to the dual constraints, since
/// `inf_b L(F + 1 b') = sup { <F, Lambda> - L*(Lambda) : 1' Lambda = 0 }`. As `b` is unbounded, no violation however small
/// proves anything, so the point is made of integers in units of a power of two, and the sums are zero in exact
/// arithmetic. So are those of the real multiple `s point`; its rounding to doubles moves the conjugate by less than the
/// margin of `DualScale`, whose derivation allows each entry three roundings.
///
/// - Squared loss: the mean of each output is taken off, and its remainder unit by unit. Every point is in the domain.
/// - Logistic and softmax loss: with `y` the class of sample `i`, the numbers `p_ik = n Lambda_ik >= 0` for `k != y` and
///   `Lambda_iy = -sum_k Lambda_ik` are flows from class `y` to class `k`. The sums are zero when the total flows are a
///   circulation. What leaves a class beyond what enters it is taken off along paths to classes where it is the reverse,
///   so flows only shrink, and the point stays in the domain, where they are not negative and sum to at most 1.
struct BalancedDual {
  /// The dual point, `[n, c]`.
  let point: Matrix
  /// The point is about `factor` times the gradient; `factor` is above 1/2 and at most 1.
  let factor: Double

  /// A balanced point near a gradient.
  ///
  /// - Parameters:
  ///   - gradient: Finite gradient of the loss at some predictions, `[n, c]`.
  ///   - loss: The loss, with its targets.
  init(_ gradient: Matrix, of loss: any Loss) {
    switch loss {
    case let loss as LogisticLoss:
      let classes = loss.labels.map { $0 > 0 ? 0 : 1 }
      var flows = Matrix(rows: gradient.rows, columns: 2)
      for (i, label) in loss.labels.enumerated() {
        flows[i, 1 - classes[i]] = -label * gradient[i, 0]
      }
      let (units, scale) = Self.balanced(flows, classes: classes, classCount: 2)
      // Output +1 falls by what leaves class 0 and rises by what leaves class 1.
      point = Matrix(
        rows: gradient.rows, columns: 1,
        elements: (0..<gradient.rows).map { Double(units[2 * $0]) * scale.unit })
      factor = scale.factor
    case let loss as SoftmaxLoss:
      let (units, scale) = Self.balanced(
        gradient, classes: loss.classes, classCount: loss.outputCount)
      point = Matrix(
        rows: gradient.rows, columns: gradient.columns,
        elements: units.map { Double($0) * scale.unit })
      factor = scale.factor
    default:
      point = Self.centered(gradient)
      factor = 1
    }
  }

  /// Predictions of the best network without neurons; nil when no constant is best.
  static func bestConstants(of loss: any Loss) -> Matrix? {
    let (n, c) = (loss.sampleCount, loss.outputCount)
    var bias = [Double](repeating: 0, count: c)
    switch loss {
    case let loss as LogisticLoss:
      let positive = loss.labels.count { $0 > 0 }
      bias[0] = log(Double(positive) / Double(n - positive))
    case let loss as SoftmaxLoss:
      for k in 0..<c {
        bias[k] = log(Double(loss.classes.count { $0 == k }) / Double(n))
      }
    case let loss as SquaredLoss:
      for k in 0..<c {
        bias[k] = (0..<n).reduce(0) { $0 + loss.targets[$1, k] / Double(n) }
      }
    default: return nil
    }
    guard bias.allSatisfy(\.isFinite) else { return nil }
    return Matrix(rows: n, columns: c, elements: (0..<n).flatMap { _ in bias })
  }

  /// Units of at most `2^51` whose sums over `count` of them fit 63 bits.
  private static func bits(_ count: Int) -> Int { min(51, 62 - exponent(count)) }

  /// The least `t` with `2^t >= count`.
  private static func exponent(_ count: Int) -> Int {
    var t = 0
    while 1 << t < count { t += 1 }
    return t
  }

  private static func power(_ exponent: Int) -> Double {
    Double(sign: .plus, exponent: exponent, significand: 1)
  }

  /// The gradient without the mean of each column, which is exactly zero then.
  private static func centered(_ gradient: Matrix) -> Matrix {
    var result = Matrix(rows: gradient.rows, columns: gradient.columns)
    let largest = gradient.elements.reduce(0) { max($0, abs($1)) }
    // Points so small prove nothing; zero is a valid one.
    guard largest > 0x1p-900 else { return result }
    let unit = power(Int(largest.exponent) + 1 - bits(gradient.rows))
    for k in 0..<gradient.columns {
      var units = (0..<gradient.rows).map { Int64((gradient[$0, k] / unit).rounded()) }
      let sum = units.reduce(0, +)
      var (mean, rest) = sum.quotientAndRemainder(dividingBy: Int64(gradient.rows))
      if rest < 0 { (mean, rest) = (mean - 1, rest + Int64(gradient.rows)) }
      for i in units.indices { units[i] -= mean + (Int64(i) < rest ? 1 : 0) }
      for (i, value) in units.enumerated() { result[i, k] = Double(value) * unit }
    }
    return result
  }

  /// Flows between classes, shrunk to a circulation.
  ///
  /// - Parameters:
  ///   - flows: `Lambda_ik` for `k != classes[i]`, `[n, classCount]`; other entries are not read.
  ///   - classes: Class of each sample.
  ///   - classCount: Number of classes.
  /// - Returns: `[n, classCount]` integers with zero sums of rows and columns, what a unit of them is, and the factor.
  private static func balanced(
    _ flows: Matrix, classes: [Int], classCount: Int
  ) -> (units: [Int64], scale: (unit: Double, factor: Double)) {
    let (n, c, t) = (flows.rows, classCount, exponent(flows.rows))
    let bits = bits(n * c)
    var units = [Int64](repeating: 0, count: n * c)
    var totals = [Int64](repeating: 0, count: c * c)
    for (i, y) in classes.enumerated() {
      for k in 0..<c where k != y {
        let share = min(1, max(0, Double(n) * flows[i, k]))
        units[i * c + k] = Int64((share * power(bits)).rounded(.down))
        totals[y * c + k] += units[i * c + k]
      }
    }
    let targets = circulation(below: totals, nodeCount: c)
    for y in 0..<c {
      let members = classes.indices.filter { classes[$0] == y }
      for k in 0..<c where k != y && targets[y * c + k] < totals[y * c + k] {
        shrink(
          &units, at: members.map { $0 * c + k }, from: totals[y * c + k],
          to: targets[y * c + k])
      }
    }
    for (i, y) in classes.enumerated() {
      units[i * c + y] = 0
      units[i * c + y] = -units[i * c..<(i + 1) * c].reduce(0, +)
    }
    return (units, (power(-bits - t), Double(n) / power(t)))
  }

  /// Numbers that are not negative, shrunk until their sum is a smaller one.
  private static func shrink(
    _ units: inout [Int64], at indices: [Int], from total: Int64, to target: Int64
  ) {
    let ratio = Double(target) / Double(total)
    let before = indices.map { units[$0] }
    var missing = target
    for index in indices {
      units[index] = min(units[index], Int64(Double(units[index]) * ratio))
      missing -= units[index]
    }
    for (position, index) in indices.enumerated() where missing != 0 {
      let change =
        missing > 0
        ? min(missing, before[position] - units[index]) : max(missing, -units[index])
      units[index] += change
      missing -= change
    }
  }

  /// The circulation that is left of flows between nodes when paths from surplus to shortage are taken off.
  ///
  /// Every flow is a circulation and paths from nodes that more leaves than enters to nodes of the other kind, so there
  /// always is a path along positive flows. Each empties an edge or settles a node: at most `c^2 + c` paths.
  ///
  /// - Parameters:
  ///   - flows: Flow from node `y` to node `k` at `y * c + k`, not negative, zero where `y = k`.
  ///   - nodeCount: Number of nodes `c`.
  /// - Returns: Flows that are nowhere larger; zero should no path be found.
  private static func circulation(below flows: [Int64], nodeCount: Int) -> [Int64] {
    var flows = flows
    let c = nodeCount
    var surplus = (0..<c).map { node in
      (0..<c).reduce(Int64(0)) { $0 + flows[node * c + $1] - flows[$1 * c + node] }
    }
    while let source = surplus.indices.first(where: { surplus[$0] > 0 }) {
      var previous = [Int?](repeating: nil, count: c)
      var queue = [source]
      var sink: Int?
      while sink == nil, !queue.isEmpty {
        let node = queue.removeFirst()
        if surplus[node] < 0 {
          sink = node
        } else {
          for next in 0..<c
          where next != source && previous[next] == nil && flows[node * c + next] > 0 {
            previous[next] = node
            queue.append(next)
          }
        }
      }
      guard let sink else { return flows.map { _ in 0 } }
      var edges: [Int] = []
      var node = sink
      while let before = previous[node] {
        edges.append(before * c + node)
        node = before
      }
      let amount = edges.reduce(min(surplus[source], -surplus[sink])) { min($0, flows[$1]) }
      for edge in edges { flows[edge] -= amount }
      surplus[source] -= amount
      surplus[sink] += amount
    }
    return flows
  }
}
