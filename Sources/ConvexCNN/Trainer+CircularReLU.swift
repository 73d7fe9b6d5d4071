import Certificates
import ConvexPrograms
import Convolutions
import Solvers
import Tensors

extension Trainer {
  /// A circular network of three layers with one ReLU, optimal over all cells of the samples.
  ///
  /// The flags name a circular geometry with full-size filters and one weight per position; the ReLU follows these
  /// weights (`CircularReLUNetwork`), other than in the networks of `train(on:)`.
  ///
  /// - Parameter data: Training samples with one real target each.
  /// - Returns: The network of lowest objective, and what is proven about it.
  /// - Throws: `ProgramError` when there are several channels or outputs, or too many unknowns; `ArrangementError` when there
  ///   are too many cells; `InputError` when flags and data do not go together or there is no strength.
  /// - Accuracy: Objective and lower bound are the verifier's, which recomputes both over cells that it enumerates.
  public func circularReLU(
    on data: Dataset
  ) throws -> (network: CircularReLUNetwork, result: ClosedFormResult) {
    let watch = Stopwatch()
    var flags = configuration
    flags.loss = flags.loss ?? "squared"
    guard case .lambda(let lambda) = flags.strength else {
      throw InputError(
        .usage, "--lambda", expected: "a number > 0 for networks of three layers", found: "a ratio",
        advice: "Their lambdaMax is not known in advance; name the strength itself.")
    }
    let task = try PreparedTask(flags, data.train, threads, backend: .fft)
    guard CircularProgram.isCircular(task.geometry, task.pooling),
      let loss = task.loss as? SquaredLoss
    else {
      throw InputError(
        .usage, "--filter \(flags.filter.rawValue)",
        expected: "filters as large as the images, \(task.imageSize), for networks of three layers",
        found: "\(flags.filter.rawValue)", advice: "Their norm is that of full-size filters.")
    }
    let program = try CircularReLUProgram(images: task.images, loss: loss, lambda: lambda)
    let solution = try CircularReLUSolver().solve(
      program,
      limits: SolveLimits(
        relativeGap: 0.5 * flags.gap, iterations: 1_000_000, seconds: maximumSeconds,
        isInterrupted: isInterrupted))
    let network = CircularReLUNetwork(
      combined: solution.filters, signs: solution.outputSigns, spectrum: program.spectrum)
    let certificate = try Certifier(
      images: task.images, loss: loss, lambda: lambda, threads: threads
    ).certify(network, evidence: solution.evidence)
    let isExact = certificate.relativeGap <= flags.gap
    var result = ClosedFormResult(
      family: "circular-relu-program", verdict: isExact ? "exact" : "unknown",
      reason:
        "There is no closed form; the program over all \(program.blockCount / 2) cells was solved by "
        + "\(solution.iterations) steps (\(solution.status.rawValue)). The verifier enumerated the "
        + "cells and checked the multipliers."
        + (isExact
          ? "" : " Raise --max-seconds, or ask for a larger --gap than \(flags.gap)."),
      value: Finite(isExact ? certificate.objective : certificate.lowerBound),
      objective: Finite(certificate.objective),
      lowerBound: Finite(certificate.lowerBound), relativeGap: Finite(certificate.relativeGap),
      lambda: Finite(lambda),
      lambdaMax: Finite(nil), threshold: Finite(nil), spectrum: [], defect: Finite(nil),
      spikeFree: nil, neuronCount: network.neuronCount, trainAccuracy: Finite(nil),
      testAccuracy: Finite(nil), seconds: Finite(watch.seconds), model: flags)
    result.layers = 3
    result.cellCount = certificate.cellCount
    return (network, result)
  }
}

extension PreparedTask {
  /// Size of a filter as large as the images, as `--filter` takes it.
  fileprivate var imageSize: String {
    geometry.isSignal ? "\(geometry.imageWidth)" : "\(geometry.imageHeight)x\(geometry.imageWidth)"
  }
}

extension CircularReLUNetwork {
  /// Writes the network as safetensors: `conv.weight [m, 1, height, width]`, `positions.weight [m, height, width]`,
  /// `head.weight [1, m]`.
  ///
  /// - Parameters:
  ///   - path: File to write.
  ///   - result: What is proven, recorded as metadata.
  /// - Throws: `FormatError` when the file cannot be written.
  public func write(to path: String, certifiedBy result: ClosedFormResult) throws {
    let m = neuronCount
    try Safetensors(
      tensors: [
        ("conv.weight", Tensor(shape: [m, 1, height, width], elements: filters.elements)),
        (
          "positions.weight", Tensor(shape: [m, height, width], elements: positionWeights.elements)
        ),
        ("head.weight", Tensor(shape: [1, m], elements: outputWeights)),
      ],
      metadata: [
        "architecture": "f(x) = sum_j a_j (sum_k w_j[k] sum_t u_j[t] x[k + t])_+",
        "claim": result.claim, "lambda": "\(result.lambda.value ?? 0)",
        "objective": "\(result.objective.value ?? 0)",
        "lowerBound": "\(result.lowerBound.value ?? 0)",
      ]
    ).write(to: path)
  }
}
