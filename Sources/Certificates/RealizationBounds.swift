#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// What a local minimum in the space of parameters says about one in the space of functions.
public enum RealizationBounds {
  /// Radius of a local minimum as a function, from the radius as parameters: `(r / s)^(1 / alpha)`.
  ///
  /// Where every function within `eps` of the network's has parameters within `s eps^alpha` of the network's, a local
  /// minimum over parameters within `r` is a local minimum over functions within this radius.
  ///
  /// - Parameters:
  ///   - radius: Radius `r > 0` in the largest difference of a parameter.
  ///   - constant: The constant `s > 0`: `2 sqrt(2 beta)` in the stable space.
  ///   - exponent: The exponent `alpha > 0`, 1/2 in the stable space.
  /// - Returns: The radius in the seminorm of the distance of functions. With `2 sqrt(2)` and 1/2 it is `r^2 / 8`, which
  ///   may be far below what a solver resolves.
  /// - Precondition: All three are positive.
  /// - Source: Berner, Elbraechter & Grohs, NeurIPS 2019, the transfer of local minima; proven in one line: such a
  ///   function has parameters within `r`.
  public static func transferRadius(
    _ radius: Double, constant: Double = 8.0.squareRoot(), exponent: Double = 0.5
  ) -> Double {
    precondition(
      radius > 0 && constant > 0 && exponent > 0,
      "transferRadius: expected positive numbers, found \(radius), \(constant), \(exponent)")
    return pow(radius / constant, 1 / exponent)
  }

  /// Bound on how far a local minimum over functions is from any other function.
  ///
  /// Let `L` be convex and `M`-Lipschitz, `g` a local minimum within radius `r` over realizable functions, `f` any
  /// function, and every function of the segment from `g` to `f` within `delta < r` of a realizable one. Then
  /// `L(g) - L(f) <= M delta D / (r - delta)` with `D = |f - g|`, or `M delta` where `D < r - delta`. With `delta = 0`, as for
  /// networks as wide as `f` and `g` together, `g` is a global minimum.
  ///
  /// - Parameters:
  ///   - radius: `r > 0`.
  ///   - defect: `delta >= 0`, below the radius.
  ///   - lipschitz: `M >= 0`.
  ///   - distance: `D >= 0`.
  /// - Returns: The bound on `L(g) - L(f)`; infinite where the defect is not below the radius.
  /// - Precondition: The numbers are in their ranges.
  /// - Source: The paper has such a statement without computable constants; this one is derived here: with
  ///   `h = (1 - t) g + t f`, `t = (r - delta) / D`, `L(g) <= L(h) + M delta <= (1 - t) L(g) + t L(f) + M delta`.
  public static func excess(
    radius: Double, defect: Double, lipschitz: Double, distance: Double
  ) -> Double {
    precondition(
      radius > 0 && defect >= 0 && lipschitz >= 0 && distance >= 0,
      "excess: expected a positive radius and nonnegative numbers, found \(radius), \(defect), "
        + "\(lipschitz), \(distance)")
    guard defect < radius else { return .infinity }
    let room = radius - defect
    return lipschitz * defect * max(1, distance / room)
  }
}
