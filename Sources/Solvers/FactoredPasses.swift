import ConvexPrograms
package import Tensors

/// The passes of `FactoredDescent` over all samples, by this process or by the ranks that have the rows.
final class FactoredPasses: Sendable {
  private let own: FactoredRows
  /// Targets of all samples `[n, c]` with a squared loss; empty with others.
  private let targets: Matrix
  /// The ranks, and the name of their rows; nil where this process has all.
  private let others: (team: RankTeam, name: Int)?

  /// The passes over the rows of a map.
  init(
    _ map: DenseFeatureMap, shape: BlockNuclearNorm, factors: [FactoredRows.Factor],
    targets: Matrix
  ) {
    own = FactoredRows(
      rows: map.shared?.own ?? FeatureRows(all: map.features, threads: map.threads),
      windows: WindowProducts(height: shape.patchDimension, windowCount: shape.windowCount),
      factors: factors)
    self.targets = targets
    guard let shared = map.shared else {
      others = nil
      return
    }
    var message = RankMessage()
    for number in [shared.name, shape.patchDimension, shape.windowCount] { message.append(number) }
    message.append(factors.flatMap { [$0.block, $0.rank, $0.offset] })
    message.append(targets)
    others = (shared.team, shared.team.make(FactoredPassesService.kind, message))
  }

  deinit {
    if let others { others.team.release(others.name) }
  }

  private func call(_ operation: FactoredPassesService.Operation, _ matrices: Matrix...) {
    guard let others else { return }
    var message = RankMessage()
    for matrix in matrices { message.append(matrix) }
    others.team.call(others.name, operation.rawValue, message)
  }

  private func whole(_ sum: PairwiseSum) -> PairwiseSum { others?.team.ranks.reduce(sum) ?? sum }

  /// The features of filters `[filters, h]` on the rows of this process, which the other passes take.
  func responses(_ filters: [Double]) -> Matrix {
    call(.responses, Matrix(rows: 1, columns: filters.count, elements: filters))
    return own.responses(filters)
  }

  /// `FactoredRows.gramAndImage` over all samples.
  func gramAndImage(of phi: Matrix) -> PairwiseSum {
    call(.gramAndImage)
    return whole(own.gramAndImage(of: phi, targets: targets))
  }

  /// The predictions of all samples, `[n, c]`.
  func predictions(of phi: Matrix, weights: Matrix) -> Matrix {
    call(.predictions, weights)
    let rows = own.predictions(of: phi, weights: weights).elements
    return Matrix(
      rows: own.rows.blocks.sampleCount, columns: weights.columns,
      elements: others?.team.ranks.gather(rows) ?? rows)
  }

  /// `FactoredRows.gradients` over all samples.
  func gradients(of phi: Matrix, dual: Matrix, weights: Matrix) -> PairwiseSum {
    call(.gradients, dual, weights)
    return whole(own.gradients(of: phi, dual: dual, weights: weights))
  }
}

/// The part of a rank in the passes of a factored descent.
package final class FactoredPassesService: RankService {
  /// The kind of object that a factored descent on several ranks makes.
  package static let kind = 3

  /// What `FactoredPasses` calls for.
  enum Operation: Int {
    case responses
    case gramAndImage
    case predictions
    case gradients
  }

  private let own: FactoredRows
  private let targets: Matrix
  private var phi = Matrix(rows: 0, columns: 0)

  /// The factored program over rows that this rank has; nil when it has none of that name.
  package init?(_ message: inout RankMessage, in server: RankServer) {
    guard let features = server[message.integer()] as? SharedFeaturesService else { return nil }
    let windows = WindowProducts(height: message.integer(), windowCount: message.integer())
    let numbers = message.integers()
    own = FactoredRows(
      rows: features.own, windows: windows,
      factors: stride(from: 0, to: numbers.count, by: 3).map {
        FactoredRows.Factor(block: numbers[$0], rank: numbers[$0 + 1], offset: numbers[$0 + 2])
      })
    targets = message.matrix()
  }

  /// Does the part of this rank in a pass.
  package func serve(_ operation: Int, _ arguments: inout RankMessage, in server: RankServer) {
    switch Operation(rawValue: operation) {
    case .responses: phi = own.responses(arguments.matrix().elements)
    case .gramAndImage: _ = server.ranks.reduce(own.gramAndImage(of: phi, targets: targets))
    case .predictions:
      _ = server.ranks.gather(own.predictions(of: phi, weights: arguments.matrix()).elements)
    case .gradients:
      let (dual, weights) = (arguments.matrix(), arguments.matrix())
      _ = server.ranks.reduce(own.gradients(of: phi, dual: dual, weights: weights))
    case nil: break
    }
  }
}
