/// A direction in the plane, with order and equality decided without rounding.
///
/// Precondition of all of it: entries are zero or of size `2^-300` to `2^300`, so that no product
/// underflows or overflows.
package struct PlanarRay: Equatable {
  /// First coordinate.
  package let x: Double
  /// Second coordinate.
  package let y: Double

  /// A ray of given coordinates.
  package init(x: Double, y: Double) {
    self.x = x
    self.y = y
  }

  /// Whether the angle is in `[0, pi)`.
  package var isUpper: Bool { y > 0 || (y == 0 && x > 0) }
  /// The opposite direction.
  package var opposite: PlanarRay { PlanarRay(x: -x, y: -y) }

  /// The sign of `a.x b.y - a.y b.x`: 1 where `b` is counter-clockwise of `a` by less than half a turn.
  ///
  /// Rounding is monotone, so different rounded products are in the order of the products; of equal
  /// ones the remainders, which are exact, decide.
  package static func turn(_ a: PlanarRay, _ b: PlanarRay) -> Int {
    let (p, q) = (a.x * b.y, a.y * b.x)
    if p != q { return p > q ? 1 : -1 }
    let (r, s) = ((-p).addingProduct(a.x, b.y), (-q).addingProduct(a.y, b.x))
    return r == s ? 0 : r > s ? 1 : -1
  }

  /// Whether two rays point the same way, whatever their lengths.
  package static func areAlike(_ a: PlanarRay, _ b: PlanarRay) -> Bool {
    turn(a, b) == 0 && a.isUpper == b.isUpper
  }

  /// Whether the angle of `a` in `[0, 2 pi)` is less than that of `b`.
  package static func precedes(_ a: PlanarRay, _ b: PlanarRay) -> Bool {
    a.isUpper == b.isUpper ? turn(a, b) > 0 : a.isUpper
  }
}
