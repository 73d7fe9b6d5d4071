// Made by `make snippets` from Sources/ConvexCNN/ConvexCNN.docc/FromDataToAnExportedNetwork.md: change it there.
import ConvexCNN

/// The Swift blocks of `Sources/ConvexCNN/ConvexCNN.docc/FromDataToAnExportedNetwork.md`.
func convexCNNFromDataToAnExportedNetwork() throws {
  let data = try DatasetLoader.bundled(named: "waveform")
  var flags = TrainingConfiguration(filter: FilterSize(height: 1, width: 3))
  flags.pooling = "average:1x3"
  flags.strength = .lambda(0.023)
  let (ours, result) = try Trainer(configuration: flags).train(on: data)
  print("\(result.neuronCount) neurons, test accuracy", Float(result.testAccuracy.value ?? 0))
  print(result.claim)
  print("--- end of block ---")

  let loss = try data.train.labels.loss(named: "softmax")
  let problem = try TrainingProblem(
    images: data.train.images, geometry: ours.network.geometry, pooling: ours.network.pooling,
    activation: .relu, loss: loss, lambda: ours.lambda)
  let descent = Baseline(settings: Baseline.Settings(optimizer: .lbfgs, width: 20))
  let theirs = try descent.train(problem, images: data.train.images).network

  let certifier = Certifier(images: data.train.images, loss: loss, lambda: ours.lambda)
  let certificate = try certifier.certify(theirs, gates: nil, targetGap: 1e-3)
  print(theirs.neuronCount, "neurons:", certificate.claim)
  print("--- end of block ---")

  let pruning = try certifier.prune(theirs, to: 2)
  let repaired = try MonotoneRepair(oracle: SweepOrSearch()).repair(
    pruning.network, on: problem, limits: SolveLimits(relativeGap: 1e-3)
  ).network
  let proof = try certifier.certify(repaired, gates: nil, targetGap: 1e-3)
  print(pruning.neuronsBefore, "->", proof.neuronCount, "neurons:", proof.claim)
  print("--- end of block ---")

  try ours.write(to: "ours.safetensors")
  try ours.writeONNX(to: "ours.onnx")
  try ours.writeWeights(to: "weights.safetensors", as: .float32)
  let copy = try Model(contentsOf: "ours.safetensors")
  let signals = data.test?.images ?? data.train.images
  print(copy == ours, try copy.predictions(of: signals) == ours.predictions(of: signals))
  print("--- end of block ---")
}
