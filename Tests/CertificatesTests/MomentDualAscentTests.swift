import Certificates
import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Lower bounds of dual points other than the gradient.
struct MomentDualAscentTests {
  private let lambda = 0.05

  private func problem(_ seed: Int) -> (images: Tensor, loss: SquaredLoss) {
    var generator = SeededGenerator(seed: UInt64(seed))
    let images = Tensor(
      shape: [40, 1, 1, 5], elements: (0..<200).map { _ in generator.normal() })
    let targets = Matrix(
      rows: 40, columns: 1, elements: (0..<40).map { _ in generator.normal() })
    return (images, SquaredLoss(targets: targets))
  }

  private func network(_ filter: [Double], _ weight: Double) throws -> Network {
    try Network(
      geometry: PatchGeometry(imageHeight: 1, imageWidth: 5, filterHeight: 1, filterWidth: 4),
      pooling: Pooling(.sum), activation: .relu, filters: Matrix([filter]),
      outputWeights: Matrix(rows: 1, columns: 1, elements: [weight]))
  }

  @Test func otherPointsProveMoreAndNeverTooMuch() throws {
    var gained = 0
    for seed in 0..<3 {
      let (images, loss) = problem(seed)
      let certifier = Certifier(images: images, loss: loss, lambda: lambda)
      let effort = BoundEffort(method: .sdp)
      let zero = try certifier.certify(
        network([1, 0, 0, 0], 0), gates: nil, targetGap: 1e-9, effort: effort)
      #expect(zero.bound == .sdp)
      let norm = try #require(zero.dualNormUpperBound)
      // What multiples of the gradient -Y / n prove: s |Y|^2 / n - s^2 |Y|^2 / (2 n).
      let scale = min(1, lambda / norm)
      let energy = BLAS.dot(loss.targets.elements, loss.targets.elements) / 40
      let rescaled = (scale - 0.5 * scale * scale) * energy
      #expect(zero.lowerBound >= rescaled * (1 - 1e-9))
      if zero.lowerBound > 1.02 * rescaled { gained += 1 }
      // No network is below a lower bound.
      var generator = SeededGenerator(seed: UInt64(100 + seed))
      for _ in 0..<40 {
        let filter = (0..<4).map { _ in generator.normal() }
        for weight in [-0.3, -0.1, 0.1, 0.3] {
          let tried = try certifier.certify(
            network(filter, weight), gates: nil, targetGap: 1,
            effort: BoundEffort(method: .spectral))
          #expect(tried.objective >= zero.lowerBound)
        }
      }
    }
    #expect(gained > 0)
  }

  @Test func boundsOfLogisticLossAreBelowItsValueAtZero() throws {
    let (images, squared) = problem(5)
    let loss = LogisticLoss(labels: squared.targets.elements.map { $0 > 0 ? 1 : -1 })
    let zero = try Certifier(images: images, loss: loss, lambda: lambda).certify(
      network([0, 1, 0, 0], 0), gates: nil, targetGap: 1e-9, effort: BoundEffort(method: .sdp))
    #expect(zero.lowerBound > 0)
    #expect(zero.lowerBound <= zero.objective)
  }
}
