import Tensors

/// Filters of locally largest norm of one correlation, found by ascent from given points.
///
/// From a unit filter the step goes towards the normalized gradient; inside a cell that is power
/// iteration and never decreases the norm. Where the cell changes, the step is shortened until the
/// norm rises.
struct CorrelationAscent {
  private let correlation: PooledCorrelation
  /// Local maxima, largest first.
  private(set) var found: [(filter: [Double], norm: Double)] = []
  /// Most maxima kept.
  private let capacity: Int

  init(_ correlation: PooledCorrelation, capacity: Int = 32) {
    self.correlation = correlation
    self.capacity = capacity
  }

  /// The largest norm found, 0 at first.
  var largestNorm: Double { found.first?.norm ?? 0 }

  /// Ascends from a point and keeps where it ends.
  mutating func climb(from start: [Double]) {
    let length = BLAS.norm(start)
    guard length > 0, length.isFinite else { return }
    var u = start.map { $0 / length }
    var (norm, gradient) = correlation.normAndGradient(at: u)
    guard norm.isFinite else { return }
    search: for _ in 0..<200 {
      let slope = BLAS.norm(gradient)
      // The norm is `gradient . u`: where they agree the gradient points along `u`, and no step leads anywhere.
      guard slope > 0, norm < slope * (1 - 0x1p-50) else { break }
      var step = 1.0
      while step > 1e-4 {
        let moved = zip(u, gradient).map { (1 - step) * $0 + step * $1 / slope }
        let size = BLAS.norm(moved)
        if size > 1e-12 {
          let trial = moved.map { $0 / size }
          let (value, next) = correlation.normAndGradient(at: trial)
          if value > norm * (1 + 1e-12) {
            (u, norm, gradient) = (trial, value, next)
            continue search
          }
        }
        step *= 0.5
      }
      break
    }
    keep(u, norm)
  }

  /// Keeps a filter unless a better one points nearly the same way.
  private mutating func keep(_ u: [Double], _ norm: Double) {
    guard norm > 0 else { return }
    let isNear: (Int) -> Bool = { [found] in BLAS.dot(found[$0].filter, u) > 0.9999 }
    if let near = found.indices.first(where: isNear) {
      guard found[near].norm < norm else { return }
      found.remove(at: near)
    }
    let place = found.firstIndex { $0.norm < norm } ?? found.count
    found.insert((u, norm), at: place)
    if found.count > capacity { found.removeLast() }
  }
}
