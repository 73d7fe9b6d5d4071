/// A simplicial cone of filters, with what is undecided on it.
final class ConeNode {
  /// Unit rays, `[h, h]`, one a row.
  let rays: [Double]
  /// How often the cone was split.
  let depth: Int
  /// The linear part of the correlation on the cone: all terms decided so far, `[a c, h]`.
  var linear: [Double]
  /// Terms (or pairs) not decided; `nil` for all of them, with the linear part of the whole space.
  var members: [Int32]?
  /// Upper bound on the norm over unit filters in the cone, without the margin for rounding.
  var bound = Double.infinity
  /// The two rays between which the cone is split.
  var edge = (0, 1)
  /// A filter of the cone that may have a large norm, with that norm.
  var candidate: (filter: [Double], norm: Double)?

  init(rays: [Double], depth: Int, linear: [Double], members: [Int32]?) {
    (self.rays, self.depth) = (rays, depth)
    (self.linear, self.members) = (linear, members)
  }

  /// The two halves, with the edge's midpoint (of unit length) in place of one of its ends.
  func halves(dimension h: Int) -> [ConeNode] {
    var middle = (0..<h).map { rays[edge.0 * h + $0] + rays[edge.1 * h + $0] }
    let length = middle.reduce(0) { $0 + $1 * $1 }.squareRoot()
    middle = middle.map { $0 / length }
    return [edge.0, edge.1].map { replaced in
      var rays = rays
      for k in 0..<h { rays[replaced * h + k] = middle[k] }
      return ConeNode(rays: rays, depth: depth + 1, linear: linear, members: members)
    }
  }
}

/// Bounds a correlation on one cone after another.
protocol ConeBound: AnyObject {
  /// Bounds the norm on a cone, narrows the node's members, and chooses the edge to split at.
  ///
  /// - Parameters:
  ///   - node: A node whose members and linear part may be its parent's.
  ///   - cut: Bounds at or below this need not be sharper; the edge is then not chosen.
  func assess(_ node: ConeNode, cut: Double)
}

extension ConeProjection {
  /// The longest edge of the cone.
  var longestEdge: (Int, Int) {
    var (edge, least) = ((0, min(1, h - 1)), 2.0)
    for i in 0..<h {
      for j in 0..<i {
        let cosine = cosine(i, j)
        if cosine < least { (edge, least) = ((i, j), cosine) }
      }
    }
    return edge
  }

  /// The edge of largest score, among those not much shorter than the longest.
  ///
  /// Every sixth level, and where no score is positive, it is the longest, so that cones shrink.
  ///
  /// - Parameters:
  ///   - scores: Gains `[h, lanes]`, symmetric up to rounding.
  ///   - depth: Depth of the node.
  /// - Returns: The numbers of the two rays.
  func edge(scores: UnsafePointer<Double>, depth: Int) -> (Int, Int) {
    let longest = longestEdge
    guard depth % 6 != 5 else { return longest }
    let room = (1 - cosine(longest.0, longest.1)) / 16
    var (edge, best) = (longest, 0.0)
    for i in 0..<h {
      for j in 0..<i where scores[i * lanes + j] > best && 1 - cosine(i, j) > room {
        (edge, best) = ((i, j), scores[i * lanes + j])
      }
    }
    return edge
  }

  private func cosine(_ i: Int, _ j: Int) -> Double {
    var product = 0.0
    for k in 0..<h { product += rays[i * h + k] * rays[j * h + k] }
    return product
  }

  /// Weights of the edges at the maximiser: `min(tau_i, tau_j)` of coordinates raised a little.
  func writeEdgeWeights(at point: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>) {
    let total = (0..<h).reduce(0) { $0 + point[$1] }
    for i in 0..<h {
      for j in 0..<lanes {
        out[i * lanes + j] =
          j < h && j != i ? min(point[i], point[j]) + 0.05 * total : 0
      }
    }
  }

  /// The filter with given ray coordinates, of unit length, and the length it had.
  func filter(at point: UnsafePointer<Double>) -> (filter: [Double], length: Double) {
    var u = [Double](repeating: 0, count: h)
    for j in 0..<h { for k in 0..<h { u[k] += point[j] * rays[j * h + k] } }
    let length = u.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return (length > 0 ? u.map { $0 / length } : u, length)
  }
}
