/// How long the majorant of a cone is sharpened by further atoms, for every kind of bound.
enum ConeAtoms {
  /// Atoms tried for each sign after the first.
  static let limit = 10
  /// Bounds above this multiple of the cut are not sharpened: the cone is split anyway.
  static let sharpening = 1.6

  /// Whether an atom is lower at the present maximizer than the majorant by more than rounding.
  @inline(__always)
  static func isGain(from now: Double, to new: Double) -> Bool { new < now - 1e-7 * abs(now) }
}
