import Certificates
import Tensors
import Testing

/// Local minima over functions and over parameters.
struct RealizationBoundsTests {
  @Test func radiusIsSquaredOverEight() {
    #expect(abs(RealizationBounds.transferRadius(0.1) - 0.00125) <= 1e-17)
    #expect(abs(RealizationBounds.transferRadius(0.1, constant: 4) - 0.01 / 16) <= 1e-17)
    #expect(abs(RealizationBounds.transferRadius(2, constant: 4, exponent: 1) - 0.5) <= 1e-15)
  }

  @Test func exactSegmentsMakeMinimaGlobal() {
    #expect(RealizationBounds.excess(radius: 1e-6, defect: 0, lipschitz: 10, distance: 5) == 0)
    #expect(
      RealizationBounds.excess(radius: 0.1, defect: 0.1, lipschitz: 1, distance: 1) == .infinity)
    #expect(RealizationBounds.excess(radius: 2, defect: 1, lipschitz: 3, distance: 0.5) == 3)
  }

  /// Random grids with holes stand for the realizable functions, the distance to a point for the loss.
  @Test func boundHoldsOnRandomGrids() {
    var generator = SeededGenerator(seed: 11)
    var (minima, positive) = (0, 0)
    for _ in 0..<40 {
      let points = (0..<400).compactMap { p -> [Double]? in
        let point = [Double(p / 20), Double(p % 20)].map { $0 / 20 + 0.03 * generator.normal() }
        return generator.uniform() < 0.15 ? nil : point
      }
      let (goal, target) = (
        (0..<2).map { _ in 2 * generator.uniform() - 0.5 },
        (0..<2).map { _ in generator.uniform() }
      )
      func loss(_ p: [Double]) -> Double { distance(p, goal) }
      for radius in [0.08, 0.12, 0.2] {
        for g in points
        where points.allSatisfy({ distance($0, g) > radius || loss($0) >= loss(g) }) {
          let length = distance(g, target)
          // Distances to the grid at 101 points of the segment, and half a step between them.
          var defect = 0.0
          for s in 0...100 {
            let t = Double(s) / 100
            let h = zip(g, target).map { $0 + t * ($1 - $0) }
            defect = max(defect, points.reduce(.infinity) { min($0, distance($1, h)) })
          }
          defect += length / 200
          guard defect < radius else { continue }
          minima += 1
          let bound = RealizationBounds.excess(
            radius: radius, defect: defect, lipschitz: 1, distance: length)
          let excess = loss(g) - loss(target)
          if excess > 0 { positive += 1 }
          #expect(excess <= bound + 1e-12)
        }
      }
    }
    #expect(minima >= 95)
    #expect(positive > 0)
  }

  private func distance(_ x: [Double], _ y: [Double]) -> Double {
    BLAS.norm(zip(x, y).map { $0 - $1 })
  }
}
