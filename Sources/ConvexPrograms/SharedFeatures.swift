package import Tensors

/// A feature matrix whose rows are on several ranks, seen from rank 0.
package final class SharedFeatures: Sendable {
  /// Entries of the smallest matrix that is left on the ranks; products of a smaller one take less time than messages.
  package static let leastSize = 1 << 18

  /// Rank 0 and the others.
  package let team: RankTeam
  /// Their name on the other ranks.
  package let name: Int
  /// The rows of rank 0.
  package let own: FeatureRows
  private let whole = Guarded<Matrix?>(nil)

  init(_ team: RankTeam, name: Int, own: FeatureRows) {
    (self.team, self.name, self.own) = (team, name, own)
  }

  deinit { team.release(name) }

  /// Number of samples `n`.
  package var sampleCount: Int { own.blocks.sampleCount }
  /// Number of features `d`.
  package var featureCount: Int { own.features.columns }

  /// All rows, brought to rank 0 at the first use and kept.
  package var features: Matrix {
    if let known = whole.withLock({ $0 }) { return known }
    team.call(name, SharedFeaturesService.Operation.rows.rawValue)
    let all = Matrix(
      rows: sampleCount, columns: featureCount, elements: team.ranks.gather(own.features.elements))
    whole.withLock { $0 = all }
    return all
  }

  /// The predictions `A V` of all samples.
  package func predictions(of weights: Matrix) -> Matrix {
    var message = RankMessage()
    message.append(weights)
    team.call(name, SharedFeaturesService.Operation.predictions.rawValue, message)
    return Matrix(
      rows: sampleCount, columns: weights.columns,
      elements: team.ranks.gather(own.predictions(of: weights).elements))
  }

  /// The sum of `FeatureRows.adjoint` over all rows.
  package func adjoint(_ dual: Matrix) -> PairwiseSum {
    var message = RankMessage()
    message.append(dual)
    team.call(name, SharedFeaturesService.Operation.adjoint.rawValue, message)
    return team.ranks.reduce(own.adjoint(dual))
  }

  /// The matrix with the mean of each column taken off, on the same ranks.
  package var withoutColumnMeans: SharedFeatures {
    let other = team.nextName()
    var message = RankMessage()
    message.append(other)
    team.call(name, SharedFeaturesService.Operation.withoutColumnMeans.rawValue, message)
    return SharedFeatures(team, name: other, own: own.withoutColumnMeans(on: team.ranks))
  }
}

extension FeatureRows {
  /// The rows with the mean of each column over all samples taken off.
  ///
  /// - Parameter ranks: All that hold rows; nil where these are all.
  /// - Returns: The rows, of the same samples.
  package func withoutColumnMeans(on ranks: (any Ranks)? = nil) -> FeatureRows {
    let part = columnSums
    var sums = (ranks?.reduce(part) ?? part).total(count: features.columns)
    if let ranks { sums = ranks.broadcast(sums) }
    var result = self
    result.features = features.adding(sums.map { -$0 / Double(max(1, blocks.sampleCount)) })
    return result
  }
}

/// The rows of a rank of a feature matrix.
package final class SharedFeaturesService: RankService {
  /// What `SharedFeatures` calls for.
  enum Operation: Int {
    case rows
    case predictions
    case adjoint
    case withoutColumnMeans
  }

  /// The rows.
  package let own: FeatureRows

  init(_ own: FeatureRows) { self.own = own }

  /// Does the part of this rank in a product.
  package func serve(_ operation: Int, _ arguments: inout RankMessage, in server: RankServer) {
    let ranks = server.ranks
    switch Operation(rawValue: operation) {
    case .rows: _ = ranks.gather(own.features.elements)
    case .predictions: _ = ranks.gather(own.predictions(of: arguments.matrix()).elements)
    case .adjoint: _ = ranks.reduce(own.adjoint(arguments.matrix()))
    case .withoutColumnMeans:
      server[arguments.integer()] = SharedFeaturesService(own.withoutColumnMeans(on: ranks))
    case nil: break
    }
  }
}
