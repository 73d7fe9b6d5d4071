public import Tensors

/// A convex program whose points are networks.
///
/// Laws, checked by `ProgramIdentityTests` and `QuadraticProgramTests`: the network of a point has at most the point's objective, up
/// to rounding; the point of a network has at most the network's objective.
public protocol NetworkProgram: Sendable {
  /// The problem the program was made of.
  var problem: TrainingProblem { get }
  /// The convex program.
  var composite: CompositeProgram { get }
  /// A network with the predictions and the regularizer of a point, and the best output bias if there is one.
  ///
  /// - Parameter point: Weights of the shape of `composite.zero`.
  /// - Returns: The network.
  /// - Throws: `LAPACK.Failure` when the point has entries that are not finite.
  func network(from point: Matrix) throws -> Network
  /// The point of a network.
  ///
  /// - Parameter network: A network of the problem's architecture.
  /// - Returns: Weights of the shape of `composite.zero`.
  /// - Throws: `ProgramError` when the network does not belong to the program.
  func point(from network: Network) throws -> Matrix
}

extension GatedProgram: NetworkProgram {}
