public import Tensors

/// The ways to choose some cells of an arrangement.
public enum SamplingMethod: String, CaseIterable, Sendable {
  /// Every cell equally likely (`UniformCellSampler`).
  case uniform
  /// Directions uniform on the sphere (`SamplingStrategy.gaussian`).
  case gaussian
  /// Directions orthogonal to the mean row (`SamplingStrategy.centered`).
  case centered
  /// Differences of two rows and a little noise (`SamplingStrategy.patches`).
  case differences
  /// The patches themselves less their mean (`GateSource.patches`).
  case patches
  /// Differences of the mean patches of classes (`GateSource.classMeans`).
  case classMeans = "class-means"
  /// Means of clusters of patches and their differences (`GateSource.clusterMeans`).
  case clusterMeans = "k-means"

  /// Whether draws are independent and identically distributed, so that repeats tell about coverage.
  public var drawsIndependently: Bool { strategy != nil || self == .uniform }

  /// The distribution of directions, nil where there is none.
  var strategy: SamplingStrategy? {
    switch self {
    case .gaussian: .gaussian
    case .centered: .centered
    case .differences: .patches
    case .uniform, .patches, .classMeans, .clusterMeans: nil
    }
  }
}

extension CentralArrangement {
  /// Distinct cells chosen by a method, each with a witness of certified margin.
  ///
  /// Uniform cells so thin that no witness can be proven are left out. Fewer cells than asked are
  /// returned when the method finds no more.
  ///
  /// - Parameters:
  ///   - method: How cells are chosen.
  ///   - count: Number of cells wanted.
  ///   - seed: Seed of all random choices; the result does not depend on the number of threads.
  ///   - patches: Matrix of shape `[rows, patchDimension]` with the normals, repeats included.
  ///   - labels: The class of every patch; only class means use it.
  ///   - droppingInactive: Whether to leave out the cell in which no row is active.
  ///   - pairingOpposites: Whether of each pair of opposite cells only one is taken, that in which the
  ///     first line is active.
  ///   - threads: Upper bound on the threads used.
  ///   - isStopped: Asked between draws, for gates made from patches not at all; true ends the search with the cells
  ///     found so far.
  /// - Returns: The cells in the order found.
  /// - Throws: `ArrangementError` for uniform cells in more than `CellEnumeration.maximumRank`
  ///   dimensions.
  /// - Precondition: As for `sampleCells` and `sampleGates`; class means come with labels of at least
  ///   two classes.
  public func sampleCells(
    by method: SamplingMethod, count: Int, seed: UInt64, patches: Matrix, labels: [Int]? = nil,
    droppingInactive: Bool = true, pairingOpposites: Bool = false,
    threads: Int = Parallel.processorCount, isStopped: @Sendable () -> Bool = { false }
  ) throws -> CellSample {
    if let strategy = method.strategy {
      return sampleCells(
        count: count, seed: seed, strategy: strategy, droppingInactive: droppingInactive,
        pairingOpposites: pairingOpposites, threads: threads, isStopped: isStopped)
    }
    let source: GateSource
    switch method {
    case .classMeans: source = .classMeans(labels: labels ?? [])
    case .clusterMeans: source = .clusterMeans
    case .patches: source = .patches
    case .uniform, .gaussian, .centered, .differences:
      return try UniformCellSampler(self).sampleCells(
        count: count, seed: seed, droppingInactive: droppingInactive,
        pairingOpposites: pairingOpposites, threads: threads, isStopped: isStopped)
    }
    return sampleGates(
      from: source, patches: patches, count: count, seed: seed,
      droppingInactive: droppingInactive, pairingOpposites: pairingOpposites)
  }
}
