#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The largest length of `f cos t + s sin t` over an arc of angles, in closed form.
///
/// The square is `m + r cos 2 (t - p)` with `p = atan2(2 f . s, |f|^2 - |s|^2) / 2`: the maximum is at the
/// top eigenvector of the 2 x 2 matrix of products when it lies on the arc, else at an end. Arcs are
/// taken `2^-40` longer for this test, which changes a maximum by less than `2^-78` of it.
struct ArcMaximum {
  /// Square of the length of the map, `|f|^2 + |s|^2`: no length is larger.
  let square: Double
  private let peak: Double
  private let peakSquare: Double

  /// The maximum of a map given by `|f|^2`, `f . s` and `|s|^2`.
  init(_ first: Double, _ mixed: Double, _ second: Double) {
    let half = (first - second) / 2
    square = first + second
    peak = atan2(mixed, half) / 2
    peakSquare = square / 2 + (half * half + mixed * mixed).squareRoot()
  }

  /// The peak within an arc, with the length there; `nil` when the maximum is at an end.
  ///
  /// - Parameters:
  ///   - start: First angle.
  ///   - end: Last angle, not below the first.
  /// - Returns: Angle and length of the peak.
  func peak(from start: Double, to end: Double) -> (angle: Double, length: Double)? {
    let slack = 0x1p-40
    var ahead = (peak - start).truncatingRemainder(dividingBy: .pi)
    if ahead < 0 { ahead += .pi }
    if ahead <= end - start + slack {
      return (min(end, start + ahead), peakSquare.squareRoot())
    }
    return ahead >= .pi - slack ? (start, peakSquare.squareRoot()) : nil
  }
}
