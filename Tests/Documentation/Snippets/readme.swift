// Made by `make snippets` from README.md: change it there.
import ConvexCNN

/// The Swift blocks of `README.md`.
func readme() throws {
  let (train, test) = try BundledDataset.digitsParity.load()
  let geometry = try PatchGeometry(imageHeight: 8, imageWidth: 8, filterHeight: 3, filterWidth: 3)
  let loss = try train.labels.loss(named: "logistic")
  let problem = try TrainingProblem(
    images: train.images, geometry: geometry, pooling: Pooling(parsing: "average:2x2"),
    activation: .relu, loss: loss, lambda: 0.01)

  let run = try CellGeneration().solve(problem, limits: SolveLimits(relativeGap: 1e-3))
  let certificate = try Certifier(images: train.images, loss: loss, lambda: problem.lambda)
    .certify(run.network, gates: nil, targetGap: 1e-3, effort: .withoutSearch)
  let heldOut = try TrainingProblem(
    images: test.images, geometry: geometry, pooling: problem.pooling, activation: .relu,
    loss: test.labels.loss(named: "logistic"), lambda: problem.lambda)
  let accuracy = heldOut.loss.accuracy(of: heldOut.predictions(of: run.network))

  let neurons = run.network.neuronCount
  print(run.status.rawValue, Float(certificate.objective), "with \(neurons) neurons")
  print(certificate.claim)
  print("accuracy on", heldOut.sampleCount, "other digits:", Float(accuracy ?? 0))
  print("--- end of block ---")
}
