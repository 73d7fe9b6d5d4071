import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Problems that do not fit together are refused in words.
struct TrainingProblemTests {
  private func problem(
    images: Int = 3, targets: Int = 3, pooling: String = "sum", activation: Activation = .relu
  ) throws -> TrainingProblem {
    try TrainingProblem(
      images: Tensor(shape: [images, 1, 1, 4]), geometry: PatchGeometry(length: 4, filterLength: 2),
      pooling: Pooling(parsing: pooling), activation: activation,
      loss: SquaredLoss(targets: Matrix(rows: targets, columns: 1)), lambda: 0.1)
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test func wrongNumberOfTargetsIsRefused() {
    let text = message { _ = try problem(targets: 2) }
    #expect(
      text == "targets: expected 3 (one per image), found 2. Give as many labels as images.")
  }

  @Test(arguments: [Activation.gated, .linear])
  func maxPoolingNeedsReLU(activation: Activation) {
    let text = message { _ = try problem(pooling: "max", activation: activation) }
    #expect(
      text
        == "pooling: expected average, sum or none, found max. Gated and linear networks need a linear pooling."
    )
  }

  @Test func emptyNetworkPredictsZero() throws {
    for activation in [
      Activation.relu, .gated, .linear, .quadratic, .polynomial(Polynomial(0.09, 0.5, 0.47)),
    ] {
      let problem = try problem(activation: activation)
      let network = try problem.emptyNetwork()
      #expect(network.neuronCount == 0)
      #expect(problem.predictions(of: network) == Matrix(rows: 3, columns: 1))
      #expect(problem.objective(of: network).total == 0)
    }
  }
}
