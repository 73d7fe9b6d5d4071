public import ConvexPrograms
import Convolutions
public import Tensors

/// Problems whose data satisfy the condition of a closed form.
public enum WhitenedProblems {
  /// A matrix with orthonormal rows, by Gram-Schmidt on normal rows, twice.
  ///
  /// - Precondition: `rows <= columns`.
  public static func orthonormalRows(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix {
    var random = SeededGenerator(seed: seed)
    var result = random.normalMatrix(rows: rows, columns: columns)
    for i in 0..<rows {
      for _ in 0..<2 {
        for j in 0..<i {
          let overlap = BLAS.dot(Array(result.row(i)), Array(result.row(j)))
          for k in 0..<columns { result[i, k] -= overlap * result[j, k] }
        }
      }
      let length = BLAS.norm(Array(result.row(i)))
      for k in 0..<columns { result[i, k] /= length }
    }
    return result
  }

  /// A ReLU problem on signals of `patches` filters' length with stride `h`: the stacked patches are `scale` times
  /// orthonormal rows.
  ///
  /// - Parameters:
  ///   - targets: Targets `[n, c]`.
  ///   - patches: Patches per sample `K`.
  ///   - h: Patch dimension, at least `n K`.
  ///   - pooling: Text of the pooling.
  ///   - beta: Strength for the loss that is a sum over samples.
  ///   - scale: Length of every patch.
  ///   - seed: Seed of the patches.
  /// - Returns: The problem.
  /// - Throws: `GeometryError` or `ProgramError` when the numbers do not fit together.
  public static func relu(
    _ targets: Matrix, patches: Int, h: Int, pooling: String = "sum", beta: Double,
    scale: Double = 1, seed: UInt64 = 1
  ) throws -> TrainingProblem {
    let n = targets.rows
    var rows = orthonormalRows(n * patches, h, seed: seed)
    for e in rows.elements.indices { rows.elements[e] *= scale }
    return try TrainingProblem(
      images: Tensor(shape: [n, 1, 1, patches * h], elements: rows.elements),
      geometry: PatchGeometry(length: patches * h, filterLength: h, stride: h),
      pooling: Pooling(parsing: pooling), activation: .relu, loss: SquaredLoss(targets: targets),
      lambda: beta / Double(n))
  }

  /// A circular linear problem with full-size filters on normal images.
  ///
  /// - Parameters:
  ///   - shape: Shape `[n, channels, height, width]` of the images.
  ///   - outputs: Number of outputs `c`.
  ///   - lambda: Regularization strength.
  ///   - isWhite: Whether the samples are orthonormal columns times 3; `n` is then at least their size.
  ///   - seed: Seed of images and targets.
  /// - Returns: The problem and its images.
  /// - Throws: `GeometryError` or `ProgramError` when the numbers do not fit together.
  public static func circular(
    _ shape: [Int], outputs: Int, lambda: Double, isWhite: Bool = false, seed: UInt64 = 1
  ) throws -> (problem: TrainingProblem, images: Tensor) {
    var random = SeededGenerator(seed: seed)
    var images = random.normalTensor(shape: shape)
    let size = shape[1] * shape[2] * shape[3]
    if isWhite {
      images.elements = orthonormalRows(size, shape[0], seed: seed).transposed.elements
        .map { 3 * $0 }
    }
    let problem = try TrainingProblem(
      images: images,
      geometry: PatchGeometry(
        channels: shape[1], imageHeight: shape[2], imageWidth: shape[3], filterHeight: shape[2],
        filterWidth: shape[3], padding: .circular),
      pooling: Pooling(.none), activation: .linear,
      loss: SquaredLoss(targets: random.normalMatrix(rows: shape[0], columns: outputs)),
      lambda: lambda)
    return (problem, images)
  }
}
