import ConvexPrograms
import Convolutions
public import Tensors

extension OptimalSet {
  /// How far predictions of optimal networks differ on samples they were not trained on.
  public struct PredictionRange: Sendable {
    /// Smallest prediction of each output over the optima, `[n, c]`.
    public let lowest: Matrix
    /// Largest prediction of each output over the optima, `[n, c]`.
    public let highest: Matrix
    /// Whether optima name different classes for the sample: another output can be the largest, or, with one output, the
    /// sign can change.
    public let isAmbiguous: [Bool]

    /// The largest range.
    public var widest: Double {
      zip(lowest.elements, highest.elements).reduce(0) { max($0, $1.1 - $1.0) }
    }
  }

  /// The range of predictions over all optima, by two linear programs for each prediction.
  ///
  /// Where `neurons` does not list all directions the range is at least this.
  ///
  /// - Parameter images: Samples of shape `[n, channels, height, width]`.
  /// - Returns: Ranges; for softmax they are those of the scores, whose class is what counts.
  /// - Throws: `CertificateError` when images do not fit, `LAPACK.Failure` when a basis is singular.
  /// - Complexity: O(`n c`) linear programs of O(`r d`) per pivot, for rank `r` and dimension `d`.
  public func predictionRange(on images: Tensor) throws -> PredictionRange {
    let rows = try linearPredictions(on: images)
    let (n, c) = (images.shape.first ?? 0, network.outputCount)
    var (lowest, highest) = (Matrix(rows: n, columns: c), Matrix(rows: n, columns: c))
    var isAmbiguous = [Bool](repeating: false, count: n)
    let chunk = 32
    var failures = [(any Error)?](repeating: nil, count: (n + chunk - 1) / chunk)
    lowest.elements.withUnsafeMutableBufferPointer { lowest in
      highest.elements.withUnsafeMutableBufferPointer { highest in
        isAmbiguous.withUnsafeMutableBufferPointer { isAmbiguous in
          failures.withUnsafeMutableBufferPointer { failures in
            nonisolated(unsafe) let (low, high) = (lowest, highest)
            nonisolated(unsafe) let (ambiguous, failures) = (isAmbiguous, failures)
            Parallel.forEachChunk(of: n, chunk: chunk, threads: threads) { index, samples in
              do {
                var polytope = polytope
                for i in samples {
                  let scores = (0..<c).map { t in rows[i * c + t] }
                  for (t, score) in scores.enumerated() {
                    let end = try polytope.maximize(score.weights).value
                    let start = -(try polytope.maximize(score.weights.map { -$0 }).value)
                    low[i * c + t] = score.constant + min(start, end)
                    high[i * c + t] = score.constant + end
                  }
                  ambiguous[i] = try Self.isAmbiguous(scores, given: givenMasses, &polytope)
                }
              } catch {
                failures[index] = error
              }
            }
          }
        }
      }
    }
    if let failure = failures.compactMap({ $0 }).first { throw failure }
    return PredictionRange(lowest: lowest, highest: highest, isAmbiguous: isAmbiguous)
  }

  /// A prediction as a function of the masses.
  private struct Score {
    var weights: [Double]
    var constant: Double

    func value(at masses: [Double]) -> Double {
      zip(weights, masses).reduce(constant) { $0 + $1.0 * $1.1 }
    }
  }

  /// Predictions as functions of the masses; the output bias follows them.
  private func linearPredictions(on images: Tensor) throws -> [Score] {
    let view = try ProblemView(
      images: images, geometry: network.geometry, pooling: network.pooling,
      activation: network.activation, gates: gateRows, threads: threads)
    let outputs = view.outputs(of: neurons, like: network)
    var scores = (0..<outputs.rows).map { Score(weights: Array(outputs.row($0)), constant: 0) }
    guard let bias = network.outputBias else { return scores }
    let (n, c) = (loss.sampleCount, loss.outputCount)
    var means = Matrix(rows: c, columns: neurons.count)
    for r in 0..<n * c {
      for j in neurons.indices { means[r % c, j] += biasedOutputs[r, j] / Double(n) }
    }
    for r in scores.indices {
      let mean = Array(means.row(r % c))
      scores[r].constant = bias[r % c] + zip(mean, givenMasses).reduce(0) { $0 + $1.0 * $1.1 }
      BLAS.add(-1, mean, to: &scores[r].weights)
    }
    return scores
  }

  private var gateRows: Matrix? {
    guard network.gates != nil else { return nil }
    let gates = neurons.compactMap(\.gate)
    // The view wants a gate, also where no neuron has one.
    return gates.isEmpty
      ? Matrix(rows: 1, columns: network.geometry.patchDimension)
      : Matrix(
        rows: gates.count, columns: network.filters.columns, elements: gates.flatMap { $0 })
  }

  private static func isAmbiguous(
    _ scores: [Score], given: [Double], _ polytope: inout MassPolytope
  ) throws -> Bool {
    let values = scores.map { $0.value(at: given) }
    let scale = values.reduce(0) { max($0, abs($1)) }
    guard scores.count > 1 else {
      let sign: Double = values[0] >= 0 ? -1 : 1
      let best = try polytope.maximize(scores[0].weights.map { sign * $0 }).value
      return sign * scores[0].constant + best > 1e-9 * scale
    }
    let top = values.indices.max { values[$0] < values[$1] } ?? 0
    for t in scores.indices where t != top {
      let weights = zip(scores[t].weights, scores[top].weights).map { $0 - $1 }
      let lead = scores[t].constant - scores[top].constant
      if lead + (try polytope.maximize(weights).value) > 1e-9 * scale { return true }
    }
    return false
  }
}
