import Convolutions
import Tensors

// The circular program is a group lasso `(1/2n) |B v - Y|^2 + lambda sum_f |v_f|` over frequencies. Where `B' B` is
// diagonal with one number `k_f` per frequency, as for samples that are white (`X' X = t^2 I`), every frequency has its own
// solution: `v_f` is `(B' Y)_f` shortened by `beta = n lambda`, over `k_f`.

extension ClosedForm {
  /// The form of a circular linear network on samples that are white in every frequency.
  static func circular(_ problem: TrainingProblem, _ targets: Matrix) throws -> ClosedForm {
    let (n, size) = (problem.sampleCount, problem.geometry.patchDimension)
    guard n >= size else {
      throw refusal(
        "samples", "at least as many as pixels and channels, \(size)", "\(n)",
        "Fewer samples are not white in all frequencies; solve the program with FISTA.")
    }
    let program = try CircularProgram(
      images: problem.wholePatches, geometry: problem.geometry, loss: problem.loss,
      lambda: problem.lambda, threads: problem.threads)
    let map = program.composite.map
    let gram = map.adjoint(map.predictions(of: .identity(map.featureCount)))
    let block = map.featureCount / program.composite.regularizer.blockCount
    var (curvatures, defect) = ([Double](), 0.0)
    let largest = (0..<gram.rows).reduce(0) { max($0, gram[$1, $1]) }
    for first in stride(from: 0, to: gram.rows, by: block) {
      // Imaginary parts of frequencies that are real have no features.
      let entries = (first..<first + block).map { gram[$0, $0] }.filter { $0 > 1e-20 * largest }
      let mean = entries.isEmpty ? 0 : entries.reduce(0, +) / Double(entries.count)
      curvatures.append(mean)
      for entry in entries { defect = max(defect, abs(entry - mean) / largest) }
      for row in first..<first + block {
        for column in 0..<gram.columns where column != row {
          defect = max(defect, abs(gram[row, column]) / largest)
        }
      }
    }
    guard defect <= whiteningTolerance else {
      throw refusal(
        "samples",
        "white in every frequency (for example X' X = t^2 I) within \(whiteningTolerance)",
        "a relative deviation of \(defect)", "Solve the program with FISTA.")
    }
    var point = map.adjoint(targets)
    let moduli = program.composite.regularizer.blockDualNorms(point)
    let beta = Double(n) * problem.lambda
    var gain = 0.0
    let width = block * point.columns
    for (f, modulus) in moduli.enumerated() {
      let excess = max(0, modulus - beta)
      let curvature = curvatures[f]
      if curvature > 0 { gain += excess * excess / curvature }
      let factor = excess > 0 && curvature > 0 ? excess / modulus / curvature : 0
      for e in f * width..<(f + 1) * width { point.elements[e] *= factor }
    }
    let energy = BLAS.dot(targets.elements, targets.elements)
    return attained(
      .circular, value: 0.5 * (energy - gain) / Double(n), by: try program.network(from: point),
      of: problem, threshold: beta, spectrum: moduli.sorted(by: >), defect: defect,
      reason: "Every frequency has a solution of its own; one neuron suffices.")
  }
}

extension TrainingProblem {
  /// The images, where the first patch of a sample is the whole of it.
  fileprivate var wholePatches: Tensor {
    let shape = [geometry.channels, geometry.imageHeight, geometry.imageWidth]
    let size = shape.reduce(1, *)
    return Tensor(
      shape: [sampleCount] + shape,
      elements: (0..<sampleCount).flatMap { patches(ofSample: $0).elements.prefix(size) })
  }
}
