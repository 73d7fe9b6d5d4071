import Convolutions
import Tensors
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Transforms of planes against the defining sum, Parseval's identity, and the inverse.
struct CircularSpectrumTests {
  @Test(arguments: [
    (1, 1), (1, 2), (1, 7), (1, 8), (5, 1), (3, 4), (4, 4), (4, 5), (5, 3), (11, 13),
  ])
  func transformsAreTheSum(rows: Int, columns: Int) throws {
    let spectrum = CircularSpectrum(rows: rows, columns: columns)
    let d = rows * columns
    var random = SeededGenerator(seed: UInt64(100 * rows + columns))
    let planes = random.normalMatrix(rows: 3, columns: d)
    let spectra = spectrum.transformed(planes, threads: 2)
    #expect(spectrum.multiplicities.reduce(0, +) == d)
    #expect(spectrum.planes(of: spectra).relativeDistance(to: planes) <= 1e-13)
    // Every frequency kept is one of the sums; moduli with multiplicities are those of all frequencies.
    for i in 0..<3 {
      var expected: [Double] = []
      for f in 0..<rows {
        for g in 0..<columns {
          var (re, im) = (0.0, 0.0)
          for r in 0..<rows {
            for c in 0..<columns {
              let turns = Double(f * r) / Double(rows) + Double(g * c) / Double(columns)
              re += planes[i, r * columns + c] * cos(2 * Double.pi * turns)
              im -= planes[i, r * columns + c] * sin(2 * Double.pi * turns)
            }
          }
          expected.append((re * re + im * im).squareRoot())
        }
      }
      var found: [Double] = []
      for f in 0..<spectrum.frequencyCount {
        let (re, im) = (spectra[i, 2 * f], spectra[i, 2 * f + 1])
        found += [Double](
          repeating: (re * re + im * im).squareRoot(), count: spectrum.multiplicities[f])
      }
      let pairs = zip(expected.sorted(), found.sorted())
      #expect(pairs.allSatisfy { abs($0 - $1) <= 1e-12 * Double(d) })
      let energy = found.reduce(0) { $0 + $1 * $1 } / Double(d)
      let norm = BLAS.norm(Array(planes.row(i)))
      #expect(abs(energy - norm * norm) <= 1e-13 * energy)
    }
  }
}
