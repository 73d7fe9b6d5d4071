/// Polynomials in `t^2` on one side of `|t|` for `|t| <= 1`, near where a measure has its mass.
///
/// With `T = t^2` they interpolate `f(T) = T^1/2` at nodes in `[0, 1]`, twice at inner nodes. The error of the polynomial `p`
/// of degree `d` is
///
///     f(T) - p(T) = f^(d+1)(s) / (d+1)! * prod_i (T - T_i),       f^(d+1) has the sign of (-1)^d,
///
/// so `p >= f` with `(d+1)/2` double nodes for odd `d`, with `d/2` double nodes and the node 1 for even `d`, and `p <= f` with
/// the nodes 0 and 1 and `(d-1)/2` double nodes for odd `d`, with the node 0 and `d/2` double nodes for even `d`. Any nodes are
/// valid; with those of the Gauss, Radau and Lobatto rules of a measure the mean of `p` is the best bound on the mean of `f`
/// that its moments up to degree `d` allow.
///
/// - Source: Interpolation error and principal representations are classical (Krein & Nudelman, *The Markov Moment
///   Problem and Extremal Problems*, AMS 1977).
package struct ModulusBounds: Sendable {
  /// Degree `d` in `T`, 1 to 4.
  package let degree: Int
  /// Moments of `T` for the uniform measure on the sphere, mixed into moments so that nodes stay apart.
  private let uniform: [Double]

  /// Largest degree.
  package static let largestDegree = 4
  /// Share of the uniform measure when nodes are chosen.
  private static let share = 0.02

  /// Bounds of a degree for directions of some dimension.
  package init(degree: Int, dimension: Int) {
    precondition(1...Self.largestDegree ~= degree, "ModulusBounds: degree \(degree) is not 1 to 4")
    self.degree = degree
    var moments = [1.0]
    for j in 0..<degree {
      moments.append(moments[j] * Double(2 * j + 1) / Double(dimension + 2 * j))
    }
    uniform = moments
  }

  /// Room for one evaluation.
  package struct Scratch {
    fileprivate var moments = [Double](repeating: 0, count: 6)
    fileprivate var nodes = [Double](repeating: 0, count: 6)
    fileprivate var values = [Double](repeating: 0, count: 6)
    fileprivate var errors = [Double](repeating: 0, count: 6)
    fileprivate var newton = [Double](repeating: 0, count: 6)
    fileprivate var newtonErrors = [Double](repeating: 0, count: 6)
    /// Coefficients of the last polynomial, of `1, T, ..., T^d`.
    package fileprivate(set) var polynomial = [Double](repeating: 0, count: 6)
    fileprivate var polynomialErrors = [Double](repeating: 0, count: 6)

    /// Room with nothing in it.
    package init() {}
  }

  /// Sets the polynomial above or below the modulus that is sharp for a measure.
  ///
  /// - Parameters:
  ///   - moments: Moments of `T` up to degree `d`; any finite numbers give a valid bound.
  ///   - isAbove: Whether the polynomial is above the modulus.
  ///   - scratch: Receives the polynomial.
  /// - Returns: A bound on the rounding of its values for `|t| <= 1`: the stored polynomial is on its side of `|t|` up to this.
  package func set(
    _ moments: UnsafePointer<Double>, isAbove: Bool, _ scratch: inout Scratch
  ) -> Double {
    let zeroIsNode = !isAbove
    let oneIsNode = isAbove == (degree % 2 == 0)
    let inner = (degree + 1 - (zeroIsNode ? 1 : 0) - (oneIsNode ? 1 : 0)) / 2
    for j in 0...degree {
      scratch.moments[j] = (1 - Self.share) * moments[j] + Self.share * uniform[j]
    }
    var count = degree + 1
    if zeroIsNode {
      for j in 0..<count - 1 { scratch.moments[j] = scratch.moments[j + 1] }
      count -= 1
    }
    if oneIsNode {
      for j in 0..<count - 1 { scratch.moments[j] -= scratch.moments[j + 1] }
    }
    var end = 0
    if zeroIsNode {
      scratch.nodes[0] = 0
      end = 1
    }
    let (first, second) = Self.gaussNodes(scratch.moments, count: inner)
    for node in [first, second].prefix(inner) {
      (scratch.nodes[end], scratch.nodes[end + 1]) = (node, node)
      end += 2
    }
    if oneIsNode { scratch.nodes[end] = 1 }
    return interpolate(&scratch)
  }

  /// The nodes of the rule of one or two points, moved into the open interval and apart.
  private static func gaussNodes(_ w: [Double], count: Int) -> (Double, Double) {
    func inside(_ x: Double) -> Double { x > 5e-4 ? min(x, 0.985) : 5e-4 }
    guard count > 1 else { return (count == 1 ? inside(w[1] / w[0]) : 0, 0) }
    let determinant = max(w[0] * w[2] - w[1] * w[1], 1e-9 * abs(w[0] * w[2]))
    let a = (w[1] * w[2] - w[0] * w[3]) / determinant
    let c = (w[1] * w[3] - w[2] * w[2]) / determinant
    let root = max(a * a - 4 * c, 0).squareRoot()
    let first = inside(0.5 * (-a - root))
    return (first, max(inside(0.5 * (root - a)), first + 0.01))
  }

  /// Divided differences and Newton's form, each with a running bound on its rounding.
  private func interpolate(_ s: inout Scratch) -> Double {
    let count = degree + 1
    for i in 0..<count {
      s.values[i] = s.nodes[i].squareRoot()
      s.errors[i] = s.values[i] * 0x1p-52
    }
    (s.newton[0], s.newtonErrors[0]) = (s.values[0], s.errors[0])
    for level in 1..<count {
      for i in 0..<count - level {
        let width = s.nodes[i + level] - s.nodes[i]
        if width == 0 {
          s.values[i] = 0.5 / s.nodes[i].squareRoot()
          s.errors[i] = s.values[i] * 0x1p-50
        } else {
          s.errors[i] = (s.errors[i + 1] + s.errors[i]) / width * (1 + 0x1p-48)
          s.values[i] = (s.values[i + 1] - s.values[i]) / width
          s.errors[i] += abs(s.values[i]) * 0x1p-50
        }
      }
      (s.newton[level], s.newtonErrors[level]) = (s.values[0], s.errors[0])
    }
    for i in 0..<count { (s.polynomial[i], s.polynomialErrors[i]) = (0, 0) }
    for level in stride(from: degree, through: 0, by: -1) {
      let node = s.nodes[level]
      for k in stride(from: degree, through: 0, by: -1) {
        let (lower, lowerError) = k > 0 ? (s.polynomial[k - 1], s.polynomialErrors[k - 1]) : (0, 0)
        let added = k == 0 ? s.newton[level] : 0
        let size = abs(lower) + node * abs(s.polynomial[k]) + abs(added)
        s.polynomialErrors[k] =
          (lowerError + node * s.polynomialErrors[k] + (k == 0 ? s.newtonErrors[level] : 0))
          * (1 + 0x1p-48) + size * 0x1p-50
        s.polynomial[k] = lower - node * s.polynomial[k] + added
      }
    }
    return (0..<count).reduce(0) { $0 + s.polynomialErrors[$1] } * (1 + 0x1p-40)
  }
}
