import Certificates
import ConvexPrograms
import Solvers

/// Second derivatives of the objective along the steps of a run, over the squared length of the steps.
///
/// They are exact on the activation piece in which a step starts, not differences of values.
public struct CurvatureStatistics: Sendable, Equatable, Codable {
  /// Steps of positive length.
  public let stepCount: Int
  /// Share of them along which the objective is convex.
  public let positiveShare: Finite
  /// Mean of the second derivatives.
  public let mean: Finite
  /// Least of them.
  public let least: Finite
  /// Median of them.
  public let median: Finite
  /// Largest of them.
  public let largest: Finite

  /// The statistics of some second derivatives.
  ///
  /// - Parameter values: Second derivatives over squared lengths, in any order.
  public init(_ values: [Double]) {
    let sorted = values.sorted()
    let n = sorted.count
    stepCount = n
    positiveShare = Finite(n > 0 ? Double(sorted.filter { $0 > 0 }.count) / Double(n) : nil)
    mean = Finite(n > 0 ? sorted.reduce(0, +) / Double(n) : nil)
    (least, largest) = (Finite(sorted.first), Finite(sorted.last))
    median = Finite(n > 0 ? 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2]) : nil)
  }
}

/// Collects second derivatives along the steps of a run, of the objective and, with dropout, of the loss under the step's masks, over all samples.
final class CurvatureMonitor {
  private let lines: ObjectiveLines
  private var whole: [Double] = []
  private var masked: [Double] = []

  /// A monitor of runs on the data of a verifier.
  ///
  /// - Throws: As `Certifier.objectiveLines(like:)`.
  init(_ certifier: Certifier, like network: Network) throws {
    lines = try certifier.objectiveLines(like: network)
  }

  /// Takes a step into account.
  func record(_ step: Baseline.Step) {
    let line = lines.line(from: step.start, to: step.end)
    guard let value = line.normalizedCurvature else { return }
    whole.append(value)
    guard let mask = step.mask else { return }
    // Weight decay counts all neurons as they are.
    let part = lines.line(
      from: step.start.scalingNeurons(by: mask), to: step.end.scalingNeurons(by: mask))
    masked.append(
      (part.lossCurvature + part.residualCurvature + line.penaltyCurvature) / line.squaredLength)
  }

  /// Statistics of the objective of all neurons.
  var statistics: CurvatureStatistics { CurvatureStatistics(whole) }
  /// Statistics with the neurons left out that each step left out; nil without dropout.
  var maskedStatistics: CurvatureStatistics? { masked.isEmpty ? nil : CurvatureStatistics(masked) }
}
