public import Tensors

/// Breiman's waveform data: three classes of noisy signals of 21 points.
///
/// With the triangles `h1(i) = max(6 - |i - 11|, 0)`, `h2(i) = h1(i - 4)`, `h3(i) = h1(i + 4)` for
/// `i = 1...21`, a signal is `w a + (1 - w) b + e`: `w` is uniform in `[0, 1)`, `e` is independent
/// standard normal noise, and `(a, b)` is `(h1, h2)` in class 0, `(h1, h3)` in class 1 and
/// `(h2, h3)` in class 2. The best possible test accuracy is about 86 %.
///
/// Order of the random numbers: a permutation `p` of the signals (signal `i` has class `p[i] % 3`,
/// so that classes are balanced within one), then for each signal `w` and 21 normal numbers. Values
/// are rounded to multiples of `2^-20`, so that last-bit differences between mathematical libraries
/// do not show.
///
/// - Source: Breiman, Friedman, Olshen & Stone, *Classification and Regression Trees*, 1984. There
///   classes are drawn independently and nothing is rounded.
public struct WaveformGenerator: Sendable {
  /// Number of points of a signal.
  public static let pointCount = 21
  /// Number of classes.
  public static let classCount = 3
  /// Names of the classes: the two triangles that are mixed.
  public static let classNames = ["h1+h2", "h1+h3", "h2+h3"]
  /// The bundled training set: 600 signals.
  public static let training = WaveformGenerator(count: 600, seed: 1984)
  /// The bundled test set: 2,000 signals.
  public static let test = WaveformGenerator(count: 2000, seed: 1985)

  /// Number of signals.
  public let count: Int
  /// Seed of the random numbers.
  public let seed: UInt64

  /// A generator of a number of signals from a seed.
  ///
  /// - Precondition: `count >= 0`.
  public init(count: Int, seed: UInt64) {
    precondition(count >= 0, "WaveformGenerator: expected a count of at least 0, found \(count)")
    self.count = count
    self.seed = seed
  }

  /// The signals and their classes; the same on every call.
  ///
  /// - Returns: `signals` of shape `[count, 21]` and `classes` of length `count`, each 0, 1 or 2.
  public func generate() -> (signals: Matrix, classes: [Int]) {
    var generator = SeededGenerator(seed: seed)
    let classes = generator.permutation(count).map { $0 % Self.classCount }
    var signals = Matrix(rows: count, columns: Self.pointCount)
    for (sample, label) in classes.enumerated() {
      let weight = generator.uniform()
      let (first, second) = [(0, 4), (0, -4), (4, -4)][label]
      for point in 1...Self.pointCount {
        let mean =
          weight * Self.triangle(point - first) + (1 - weight) * Self.triangle(point - second)
        let value = mean + generator.normal()
        signals[sample, point - 1] = (value * 0x1p20).rounded() * 0x1p-20
      }
    }
    return (signals, classes)
  }

  /// The triangle `h1(i) = max(6 - |i - 11|, 0)`.
  private static func triangle(_ i: Int) -> Double { Double(max(6 - abs(i - 11), 0)) }
}
