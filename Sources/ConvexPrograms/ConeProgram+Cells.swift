import Arrangements
import Convolutions
import Tensors

extension ConeProgram {
  /// Most bytes that the features of a program may take.
  static let largestFeatureBytes = 1 << 32

  /// The program over all cells.
  ///
  /// Under max pooling the arrangement has the differences of the patches of a sample among its normals, and cells
  /// with the same winners share one block: their union is a convex cone again, with the facets that no two of them
  /// share.
  ///
  /// - Parameters:
  ///   - problem: A ReLU problem with one output and one window, without an output bias.
  ///   - maximumCells: Most cells, both of each pair.
  /// - Throws: `ProgramError` when the problem has another form or there are more cells or features than allowed,
  ///   `ArrangementError` when all patches are zero or span too many dimensions.
  /// - Complexity: O(`cells lines`) look-ups for the facets, O(`cells n K h`) for the features, O(`n P h`) memory.
  public init(
    problem: TrainingProblem, maximumCells: Int = ConeProgram.defaultMaximumCells
  ) throws {
    try Self.requireForm(problem)
    let all = try AllCells(problem: problem, maximumCells: maximumCells)
    self.init(
      problem: problem, cones: all.cones, features: all.features, cellCount: all.cellCount)
  }

  /// Most cells where no other limit is given.
  public static let defaultMaximumCells = 20_000

  /// Refuses what the program over all cells refuses, without its features.
  ///
  /// - Parameters:
  ///   - problem: The problem.
  ///   - maximumCells: Most cells, both of each pair.
  /// - Throws: As `init(problem:maximumCells:)`.
  package static func requireAllCells(of problem: TrainingProblem, maximumCells: Int) throws {
    try requireForm(problem)
    _ = try AllCells.Listing(problem: problem, maximumCells: maximumCells)
  }

  private static func requireForm(_ problem: TrainingProblem) throws {
    guard problem.activation == .relu, problem.outputCount == 1, problem.windowCount == 1 else {
      throw ProgramError(
        place: "program over all cells", expected: "a ReLU network with one output and one window",
        found: "\(problem.activation.rawValue), \(problem.outputCount) outputs, "
          + "\(problem.windowCount) windows",
        advice: "Use cell generation, --cells generate.")
    }
    guard !problem.hasOutputBias else {
      throw ProgramError(
        place: "program over all cells", expected: "networks without an output bias",
        found: "an output bias",
        advice: "Use cell generation, --cells generate, or train without the output bias.")
    }
  }
}
