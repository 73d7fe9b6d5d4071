import ConvexCNN
import Tensors
import Testing

struct WaveformGeneratorTests {
  @Test func sameSeedSameSignals() {
    let a = WaveformGenerator(count: 30, seed: 4).generate()
    let b = WaveformGenerator(count: 30, seed: 4).generate()
    let c = WaveformGenerator(count: 30, seed: 5).generate()
    #expect(a.signals == b.signals)
    #expect(a.classes == b.classes)
    #expect(a.signals != c.signals)
  }

  @Test func classesAreBalancedWithinOne() {
    let classes = WaveformGenerator(count: 100, seed: 1).generate().classes
    let counts = (0..<3).map { label in classes.count { $0 == label } }
    let expected = [34, 33, 33]
    #expect(counts == expected)
  }

  /// The mean of a class is the mean of its two triangles, with standard error below
  /// `sqrt((1 + 36 / 12) / 10000) = 0.02` at every point.
  @Test func classMeansAreMeansOfTriangles() {
    let (signals, classes) = WaveformGenerator(count: 30_000, seed: 2).generate()
    func triangle(_ i: Int) -> Double { max(6 - abs(Double(i) - 11), 0) }
    let pairs = [(0, 4), (0, -4), (4, -4)]
    for label in 0..<3 {
      let members = classes.indices.filter { classes[$0] == label }
      for point in 0..<21 {
        let mean = members.reduce(0) { $0 + signals[$1, point] } / Double(members.count)
        let (first, second) = pairs[label]
        let expected = (triangle(point + 1 - first) + triangle(point + 1 - second)) / 2
        #expect(abs(mean - expected) < 5 * 0.02)
      }
    }
  }

  /// The first point of class 0 lies outside both triangles and is pure noise.
  @Test func noiseHasUnitVariance() {
    let (signals, classes) = WaveformGenerator(count: 30_000, seed: 3).generate()
    let members = classes.indices.filter { classes[$0] == 0 }
    let squares = members.reduce(0) { $0 + signals[$1, 0] * signals[$1, 0] }
    let variance = squares / Double(members.count)
    #expect(abs(variance - 1) < 5 * (2 / 10_000.0).squareRoot())
  }

  @Test func valuesAreMultiplesOfTheGrid() {
    let signals = WaveformGenerator(count: 50, seed: 6).generate().signals
    let isOnGrid = signals.elements.allSatisfy { ($0 * 0x1p20).rounded() == $0 * 0x1p20 }
    #expect(isOnGrid)
  }
}
