import CKernels
import Tensors

/// Bounds a correlation with one entry on simplicial cones, by pairs of rows of opposite sign.
///
/// Each pair `(x . u)_+ - (y . u)_+` has three linear majorants by its values on the rays: the chord of
/// the first part alone, that chord minus `y . u`, and the chord of `((x - y) . u)_+`. Choosing for every
/// pair the one that is least at a point gives an atom, and the least atom at every point is a concave
/// majorant of `F` on the cone: exact in the negative parts, and loose by the chords. `ConeProjection`
/// bounds its maximum. The same with the parts exchanged bounds `-F`.
final class PairConeBound: ConeBound {
  private let pairs: SignedPairs
  private let h: Int
  private let lanes: Int
  /// Distance between the products with one ray and with the next.
  private let stride: Int
  private let projection: ConeProjection
  private let tolerance: Double
  private let everything: [Int32]
  private let kept: UnsafeMutablePointer<Int32>
  private let p: UnsafeMutablePointer<Double>
  private let q: UnsafeMutablePointer<Double>
  private let c: UnsafeMutablePointer<Double>
  private let atom: UnsafeMutablePointer<Double>
  private let line: UnsafeMutablePointer<Double>
  private let best: UnsafeMutablePointer<Double>
  private let edgeWeights: UnsafeMutablePointer<Double>
  private let scores: UnsafeMutablePointer<Double>
  private var m = 0

  init(_ pairs: SignedPairs, dimension: Int) {
    self.pairs = pairs
    h = dimension
    lanes = (dimension + 7) / 8 * 8
    projection = ConeProjection(dimension: dimension, lanes: lanes)
    tolerance = Double(dimension + 2) * 0x1p-52
    let count = pairs.weights.count
    everything = (0..<count).map { Int32($0) }
    func memory(_ count: Int) -> UnsafeMutablePointer<Double> {
      let result = UnsafeMutablePointer<Double>.allocate(capacity: count)
      result.initialize(repeating: 0, count: count)
      return result
    }
    kept = .allocate(capacity: count + 1)
    kept.initialize(repeating: 0, count: count + 1)
    stride = (count + 8) / 8 * 8
    p = memory(stride * dimension)
    q = memory(stride * dimension)
    c = memory(stride)
    (atom, line, best) = (memory(lanes), memory(lanes), memory(lanes))
    (edgeWeights, scores) = (memory(dimension * lanes), memory(dimension * lanes))
  }

  deinit {
    kept.deallocate()
    for memory in [p, q, c, atom, line, best, edgeWeights, scores] { memory.deallocate() }
  }

  func assess(_ node: ConeNode, cut: Double) {
    projection.set(node.rays)
    decide(node)
    for j in 0..<lanes {
      line[j] = 0
      if j < h { for k in 0..<h { line[j] += node.linear[k] * node.rays[j * h + k] } }
    }
    node.candidate = nil
    for j in 0..<lanes { atom[j] = j < h ? 1 : 0 }
    propose(node, at: atom)
    let (upper, upperTau) = bound(sign: 1, cut: cut)
    let (lower, lowerTau) = bound(sign: -1, cut: cut)
    node.bound = max(upper, lower)
    guard node.bound > cut else { return }
    let isUpper = upper >= lower
    let tau = isUpper ? upperTau : lowerTau
    for j in 0..<lanes { best[j] = tau[j] }
    propose(node, at: best)
    chooseEdge(node, sign: isUpper ? 1 : -1)
  }

  /// Folds the pairs that are decided on the cone into the linear part.
  private func decide(_ node: ConeNode) {
    let members = node.members ?? everything
    m = node.linear.withUnsafeMutableBufferPointer { linear in
      members.withUnsafeBufferPointer { buffer in
        guard let linear = linear.baseAddress, let list = buffer.baseAddress else { return 0 }
        return pairs.plus.elements.withUnsafeBufferPointer { plus in
          pairs.minus.elements.withUnsafeBufferPointer { minus in
            ck_cone_pairs(
              plus.baseAddress, minus.baseAddress, pairs.weights, list, members.count,
              projection.columns, h, lanes, tolerance, kept, p, q, c, stride, linear)
          }
        }
      }
    }
    node.members = Array(UnsafeBufferPointer(start: kept, count: m))
  }

  /// Upper bound on `sign F`, and the ray coordinates of the majorant's maximiser.
  private func bound(sign: Double, cut: Double) -> (Double, [Double]) {
    let (first, second) = sign > 0 ? (p, q) : (q, p)
    projection.removeAtoms()
    for j in 0..<lanes { best[j] = j < h ? 1 : 0 }
    var bound = Double.infinity
    for round in 0...ConeAtoms.limit {
      for j in 0..<lanes { atom[j] = sign * line[j] }
      ck_cone_pair_atom(first, second, c, m, h, stride, best, atom)
      if round > 0 {
        // The point of the present majorant is exact for the new atom: no gain, no further.
        var (now, new) = (0.0, 0.0)
        for j in 0..<h {
          now += best[j] * projection.combined[j]
          new += best[j] * atom[j]
        }
        guard ConeAtoms.isGain(from: now, to: new) else { break }
      }
      projection.add(atom)
      bound = min(bound, projection.solve())
      for j in 0..<lanes { best[j] = projection.tau[j] }
      if bound <= cut || (round == 0 && bound > ConeAtoms.sharpening * cut) { break }
    }
    return (bound, (0..<lanes).map { best[$0] })
  }

  /// Evaluates the correlation at a point of the cone and notes it when it is the largest so far.
  private func propose(_ node: ConeNode, at tau: UnsafePointer<Double>) {
    let (filter, length) = projection.filter(at: tau)
    guard length > 0 else { return }
    var value = ck_cone_pair_value(p, q, c, m, h, stride, tau)
    for j in 0..<h { value += tau[j] * line[j] }
    let norm = abs(value) / length
    if norm > node.candidate?.norm ?? 0 { node.candidate = (filter, norm) }
  }

  private func chooseEdge(_ node: ConeNode, sign: Double) {
    let (first, second) = sign > 0 ? (p, q) : (q, p)
    projection.writeEdgeWeights(at: best, into: edgeWeights)
    for i in 0..<h * lanes { scores[i] = 0 }
    ck_cone_pair_scores(
      first, second, c, m, h, stride, lanes, best, edgeWeights, scores)
    node.edge = projection.edge(scores: scores, depth: node.depth)
  }
}
