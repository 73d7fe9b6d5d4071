public import Tensors

/// A linear map from weights `V` of shape `[d, c]` to predictions `F = A V` of shape `[n, c]`.
///
/// Law, checked for every conformer by `FeatureMapIdentityTests`: `<A V, G> = <V, A' G>`.
public protocol FeatureMap: Sendable {
  /// Number of samples `n`.
  var sampleCount: Int { get }
  /// Number of features `d`.
  var featureCount: Int { get }
  /// The predictions `A V`, shape `[n, c]`.
  func predictions(of weights: Matrix) -> Matrix
  /// The adjoint `A' G`, shape `[d, c]`.
  func adjoint(_ dual: Matrix) -> Matrix
}

/// A feature map held as a dense matrix, by this process or in parts by several ranks.
///
/// Sums over samples go by blocks of samples in pairs (`SampleBlocks`), so results have the same bits for any number of threads and
/// ranks.
public struct DenseFeatureMap: FeatureMap {
  private enum Storage: Sendable {
    case own(Matrix)
    case shared(SharedFeatures)
  }

  private let storage: Storage
  /// Threads the products use; the results do not depend on it.
  public let threads: Int

  /// A feature map with given features.
  ///
  /// - Parameters:
  ///   - features: Shape `[n, d]`.
  ///   - threads: Threads the products use.
  public init(features: Matrix, threads: Int = 1) {
    storage = .own(features)
    self.threads = threads
  }

  /// A feature map whose rows are on several ranks.
  package init(_ shared: SharedFeatures) {
    storage = .shared(shared)
    threads = shared.own.threads
  }

  /// Features of shape `[n, d]`; brought together at the first use where they are on several ranks.
  public var features: Matrix {
    switch storage {
    case .own(let features): features
    case .shared(let shared): shared.features
    }
  }

  /// The parts of the features on several ranks; nil where this process has them.
  package var shared: SharedFeatures? {
    if case .shared(let shared) = storage { shared } else { nil }
  }

  /// Number of samples `n`.
  public var sampleCount: Int {
    switch storage {
    case .own(let features): features.rows
    case .shared(let shared): shared.sampleCount
    }
  }

  /// Number of features `d`.
  public var featureCount: Int {
    switch storage {
    case .own(let features): features.columns
    case .shared(let shared): shared.featureCount
    }
  }

  /// The predictions `A V`, by blocks of samples.
  ///
  /// - Complexity: O(`n d c`).
  public func predictions(of weights: Matrix) -> Matrix {
    precondition(
      weights.rows == featureCount,
      "predictions(of:): expected \(featureCount) rows, found \(weights.rows)")
    return switch storage {
    case .own(let features):
      FeatureRows(all: features, threads: threads).predictions(of: weights)
    case .shared(let shared): shared.predictions(of: weights)
    }
  }

  /// The adjoint `A' G`, by blocks of samples and chunks of features.
  ///
  /// - Complexity: O(`n d c`).
  public func adjoint(_ dual: Matrix) -> Matrix {
    precondition(
      dual.rows == sampleCount, "adjoint: expected \(sampleCount) rows, found \(dual.rows)")
    let sum =
      switch storage {
      case .own(let features): FeatureRows(all: features, threads: threads).adjoint(dual)
      case .shared(let shared): shared.adjoint(dual)
      }
    return Matrix(
      rows: featureCount, columns: dual.columns,
      elements: sum.total(count: featureCount * dual.columns))
  }

  /// The map with the mean of each feature over the samples taken off.
  ///
  /// - Complexity: O(`n d`).
  package var withoutColumnMeans: DenseFeatureMap {
    switch storage {
    case .own(let features):
      DenseFeatureMap(
        features: FeatureRows(all: features, threads: threads).withoutColumnMeans().features,
        threads: threads)
    case .shared(let shared): DenseFeatureMap(shared.withoutColumnMeans)
    }
  }
}

/// A feature map whose matrix can be written down.
public protocol DenselyStored: FeatureMap {
  /// The matrix, shape `[n, d]`.
  var denseFeatures: Matrix { get }
  /// Threads the products use.
  var threads: Int { get }
}

extension DenseFeatureMap: DenselyStored {
  /// The features themselves.
  public var denseFeatures: Matrix { features }
}
