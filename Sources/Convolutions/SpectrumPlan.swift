import CKernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Transforms of one length: radices, twiddle factors and the order in which frequencies come out.
///
/// A pass with radix `r` over a block of `L` entries replaces entries `j + q L / r` (`q < r`) by their Fourier
/// transform, output `q` times `exp(-2 pi i q j / L)`; then each of the `r` parts of the block goes through the next
/// pass. Frequency `f` ends up in part `f mod r`, there at the place of `f / r` (rounded down). The passes transposed,
/// last one first, take that order back to the natural one, and transform once more in the forward direction: as
/// `F F = N` times the reversal of the index, this suffices for both directions of a convolution.
struct SpectrumPlan: Sendable {
  let length: Int
  let radices: [Int32]
  let lengths: [Int32]
  let starts: [Int32]
  let twiddles: [Double]
  /// Frequency at each place.
  let frequencies: [Int32]
  /// Place of each frequency.
  let places: [Int32]

  /// A plan for a length without prime factors above 7.
  init(length: Int) {
    self.length = length
    let radices = Self.radices(length)
    var (lengths, starts): ([Int32], [Int32]) = ([], [])
    var twiddles: [Double] = []
    var block = length
    for radix in radices {
      lengths.append(Int32(block))
      starts.append(Int32(twiddles.count))
      for j in 0..<block / radix {
        for q in 1..<radix {
          let angle = -2 * Double.pi * Double(q * j % block) / Double(block)
          twiddles += [cos(angle), sin(angle)]
        }
      }
      block /= radix
    }
    (self.lengths, self.starts, self.twiddles) = (lengths, starts, twiddles)
    self.radices = radices.map { Int32($0) }
    var places = [Int32](repeating: 0, count: length)
    var frequencies = places
    for frequency in 0..<length {
      var (rest, part, place) = (frequency, length, 0)
      for radix in radices {
        part /= radix
        place += rest % radix * part
        rest /= radix
      }
      places[frequency] = Int32(place)
      frequencies[place] = Int32(frequency)
    }
    (self.places, self.frequencies) = (places, frequencies)
  }

  /// Place of the frequency opposite to that at each place.
  var mirror: [Int32] { frequencies.map { places[(length - Int($0)) % length] } }

  /// Arithmetic per entry, about: what the passes do and one more for loading and storing.
  static func effort(_ length: Int) -> Double {
    radices(length).reduce(0) { $0 + (effortOfRadix[$1] ?? 0) }
  }

  /// Measured on one core with AVX-512, relative to radix 4.
  private static let effortOfRadix: [Int: Double] = [
    2: 0.8, 3: 1.2, 4: 1, 5: 1.7, 7: 2.4, 8: 1.3,
  ]

  /// As few passes as possible: eights and fours for the twos, then odd primes.
  private static func radices(_ length: Int) -> [Int] {
    var (rest, twos) = (length, 0)
    while rest % 2 == 0 { (rest, twos) = (rest / 2, twos + 1) }
    // 2^(3 a + 1) is 8^(a - 1) 4^2, but for a single two.
    let fours = twos % 3 == 2 ? 1 : twos % 3 == 1 && twos > 1 ? 2 : 0
    var radices = [Int](repeating: 8, count: (twos - 2 * fours) / 3)
    radices += [Int](repeating: 4, count: fours)
    if twos == 1 { radices.append(2) }
    for prime in [3, 5, 7] {
      while rest % prime == 0 {
        rest /= prime
        radices.append(prime)
      }
    }
    precondition(rest == 1, "SpectrumPlan: expected factors 2, 3, 5, 7, found \(length)")
    return radices
  }

  /// Cosine and sine of `2 pi k / r` for `k < r` and `r = 3, 5, 7`.
  static let roots: [Double] = [3, 5, 7].flatMap { prime in
    (0..<prime).flatMap { k in
      let angle = 2 * Double.pi * Double(k) / Double(prime)
      return [cos(angle), sin(angle)]
    }
  }

  /// Calls `body` with the plan as the kernels want it, given its twiddle factors and the roots in the type of a kernel.
  func withTransform<Scalar: KernelScalar, Result>(
    _ twiddles: [Scalar], _ roots: [Scalar], _ body: (ck_transform) -> Result
  ) -> Result {
    twiddles.withUnsafeBufferPointer { twiddles in
      roots.withUnsafeBufferPointer { roots in
        radices.withUnsafeBufferPointer { radices in
          lengths.withUnsafeBufferPointer { lengths in
            starts.withUnsafeBufferPointer { starts in
              body(
                ck_transform(
                  length: length, passes: radices.count, radices: radices.baseAddress,
                  lengths: lengths.baseAddress, starts: starts.baseAddress,
                  twiddles: twiddles.baseAddress, roots: roots.baseAddress))
            }
          }
        }
      }
    }
  }
}

/// Transforms of planes, `Scalar.planesPerTransform` real ones at once: plans of both directions.
struct PlaneTransform<Scalar: KernelScalar>: Sendable {
  let rows: SpectrumPlan
  let columns: SpectrumPlan
  private let rowTwiddles: [Scalar]
  private let columnTwiddles: [Scalar]
  private let roots: [Scalar]
  private let mirror: [Int32]
  private let identity: [Int32]

  init(rows: Int, columns: Int) {
    self.rows = SpectrumPlan(length: rows)
    self.columns = SpectrumPlan(length: columns)
    rowTwiddles = Scalar.rounded(self.rows.twiddles)
    columnTwiddles = Scalar.rounded(self.columns.twiddles)
    roots = Scalar.rounded(SpectrumPlan.roots)
    mirror = self.rows.mirror
    identity = (0..<Int32(rows)).map { $0 }
  }

  /// Numbers in the spectra of one group of planes.
  var spectrum: Int { Scalar.planesPerTransform * rows.length * columns.length }
  /// Numbers of scratch memory.
  var work: Int { Scalar.planesPerTransform * rows.length * (columns.length + 2) }

  /// Calls `body` with the plans as the kernels want them.
  func withSpectra<Result>(_ body: (UnsafePointer<ck_spectra>) -> Result) -> Result {
    rows.withTransform(rowTwiddles, roots) { rows in
      columns.withTransform(columnTwiddles, roots) { inner in
        columns.frequencies.withUnsafeBufferPointer { frequencies in
          mirror.withUnsafeBufferPointer { mirror in
            identity.withUnsafeBufferPointer { identity in
              var spectra = ck_spectra(
                rows: rows, columns: inner, frequencies: frequencies.baseAddress,
                mirror: mirror.baseAddress, identity: identity.baseAddress)
              return body(&spectra)
            }
          }
        }
      }
    }
  }
}
