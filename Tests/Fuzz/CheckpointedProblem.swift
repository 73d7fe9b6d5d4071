import ConvexPrograms
import Convolutions
import Tensors

/// The problem whose checkpoints are in `corpus/checkpoint`.
enum CheckpointedProblem {
  /// Normals of gates, one per row.
  static let gates = Matrix(rows: 2, columns: 3, elements: [1, -0.5, 0.25, 1, -1, 2])

  /// Six images of 3x3 pixels under 1x3 filters, squared loss.
  static func problem(_ activation: Activation) throws -> TrainingProblem {
    let images = Tensor(shape: [6, 1, 3, 3], elements: (0..<54).map { Double($0 * 7 % 11) - 5 })
    let targets = Matrix(rows: 6, columns: 1, elements: [1, -1, 0.5, 2, -0.5, 1])
    let geometry = try PatchGeometry(
      channels: 1, imageHeight: 3, imageWidth: 3, filterHeight: 1, filterWidth: 3)
    return try TrainingProblem(
      images: images, geometry: geometry, pooling: Pooling(.sum), activation: activation,
      loss: SquaredLoss(targets: targets), lambda: 0.1)
  }
}
