public import Tensors

/// Data from which gates are made.
public enum GateSource: Sendable, Equatable {
  /// The patches themselves, in random order.
  case patches
  /// Differences of the mean patches of two classes, in random order of the pairs.
  ///
  /// After all pairs, means of random halves of the classes take the place of the means. `labels`
  /// holds the class of every patch.
  case classMeans(labels: [Int])
  /// The means of clusters of patches, found by k-means from k-means++ starts, then the differences
  /// of pairs of them in random order.
  case clusterMeans
}

extension CentralArrangement {
  /// Gates in distinct cells, made from patches.
  ///
  /// A gate that lies on a hyperplane is moved by a random vector of a thousandth of its length, so
  /// that every gate has a cell of its own and a certified margin. Fewer gates than asked are
  /// returned when the data give no more.
  ///
  /// - Parameters:
  ///   - source: What the gates are made of.
  ///   - patches: Matrix of shape `[rows, patchDimension]`, usually the normals.
  ///   - count: Number of gates wanted.
  ///   - seed: Seed of the order, the starts and the moves.
  ///   - isCentered: Whether the mean patch is subtracted from patches and cluster means. Patches of
  ///     images are non-negative, and without centering most gates activate every row.
  ///   - droppingInactive: Whether to leave out the cell in which no row is active.
  ///   - pairingOpposites: Whether of each pair of opposite cells only one is taken, that in which the
  ///     first line is active.
  /// - Returns: The gates as witnesses of cells, in the order found.
  /// - Precondition: `patches` has `patchDimension` finite columns and at least one row,
  ///   `count >= 0`, and there is one label per patch with at least two classes.
  /// - Complexity: O(`attempts * lines * patchDimension`), and for clusters
  ///   O(`count * rows * patchDimension`) for each of at most 25 sweeps in each of 4 rounds of k-means.
  public func sampleGates(
    from source: GateSource, patches: Matrix, count: Int, seed: UInt64, isCentered: Bool = true,
    droppingInactive: Bool = false, pairingOpposites: Bool = false
  ) -> CellSample {
    precondition(
      patches.columns == patchDimension && patches.rows > 0,
      "sampleGates: patches of shape [\(patches.rows), \(patches.columns)], rows of "
        + "\(patchDimension)")
    precondition(count >= 0, "sampleGates: expected a count of at least 0, found \(count)")
    var collector = GateCollector(
      arrangement: self, count: count, seed: seed, pairingOpposites: pairingOpposites)
    if droppingInactive { collector.leaveOut(essential.inactivePattern) }
    let origin = isCentered ? patches.meanRow : [Double](repeating: 0, count: patchDimension)
    switch source {
    case .patches:
      for r in collector.generator.permutation(patches.rows) where !collector.isFull {
        collector.offer(zip(patches.row(r), origin).map { $0 - $1 })
      }
    case .classMeans(let labels):
      offerClassMeans(patches, labels, to: &collector)
    case .clusterMeans:
      for _ in 0..<4 where !collector.isFull {
        let k = min(patches.rows, count)
        let means = PatchClusters.means(of: patches, count: k, generator: &collector.generator)
        for r in 0..<means.rows { collector.offer(zip(means.row(r), origin).map { $0 - $1 }) }
        for pair in collector.generator.permutation(means.rows * means.rows)
        where !collector.isFull {
          let (a, b) = pair.quotientAndRemainder(dividingBy: means.rows)
          collector.offer(zip(means.row(a), means.row(b)).map { $0 - $1 })
        }
      }
    }
    return collector.sample
  }

  /// Offers differences of class means, then of means of random halves of the classes.
  private func offerClassMeans(
    _ patches: Matrix, _ labels: [Int], to collector: inout GateCollector
  ) {
    precondition(
      labels.count == patches.rows,
      "sampleGates: \(labels.count) labels for \(patches.rows) patches")
    let classes = Set(labels).sorted()
    precondition(classes.count > 1, "sampleGates: expected two classes, found \(classes.count)")
    let members = classes.map { label in labels.indices.filter { labels[$0] == label } }
    let pairCount = classes.count * (classes.count - 1)
    let limit = 50 * collector.count + 1000
    var means = members.map { patches.selectingRows($0).meanRow }
    while !collector.isFull, collector.attempts < limit {
      for pair in collector.generator.permutation(pairCount) {
        let (a, rest) = pair.quotientAndRemainder(dividingBy: classes.count - 1)
        let b = rest < a ? rest : rest + 1
        collector.offer(zip(means[a], means[b]).map { $0 - $1 })
      }
      means = members.map { rows in
        let half = (rows.count + 1) / 2
        let chosen = (0..<half).map { _ in rows[collector.generator.integer(below: rows.count)] }
        return patches.selectingRows(chosen).meanRow
      }
    }
  }
}

/// Gates found so far, one for each cell.
private struct GateCollector {
  let arrangement: CentralArrangement
  let count: Int
  let pairingOpposites: Bool
  var generator: SeededGenerator
  private(set) var attempts = 0
  private var cells: [Cell] = []
  private var found: Set<ActivationPattern> = []

  init(arrangement: CentralArrangement, count: Int, seed: UInt64, pairingOpposites: Bool) {
    self.arrangement = arrangement
    self.count = count
    self.pairingOpposites = pairingOpposites
    generator = SeededGenerator(seed: seed)
  }

  var isFull: Bool { cells.count >= count }

  var sample: CellSample {
    CellSample(cells: cells, attempts: attempts, isExhaustive: false, coverage: nil)
  }

  /// Treats a cell as if it had been found already.
  mutating func leaveOut(_ pattern: ActivationPattern?) {
    if let pattern { found.insert(pattern) }
  }

  /// Takes a gate when its cell is new, moving it off the hyperplanes first.
  mutating func offer(_ gate: [Double]) {
    guard !isFull else { return }
    attempts += 1
    let length = BLAS.norm(gate)
    guard length > 0 else { return }
    let unit = gate.map { $0 / length }
    var moved = unit
    for _ in 0..<8 {
      let margin = arrangement.margin(of: moved)
      if margin > arrangement.certifiedMargin {
        let own = arrangement.pattern(of: moved)
        let pattern = pairingOpposites ? own.withFirstActive : own
        guard found.insert(pattern).inserted else { return }
        let witness = pattern == own ? moved : moved.map { -$0 }
        cells.append(Cell(pattern: pattern, witness: witness, margin: margin))
        return
      }
      let scale = 1e-3 / Double(unit.count).squareRoot()
      moved = unit.map { $0 + scale * generator.normal() }
      let length = BLAS.norm(moved)
      moved = moved.map { $0 / length }
    }
  }
}

extension Matrix {
  /// The mean of the rows.
  fileprivate var meanRow: [Double] {
    var mean = [Double](repeating: 0, count: columns)
    for r in 0..<rows { for j in 0..<columns { mean[j] += elements[r * columns + j] } }
    return mean.map { $0 / Double(rows) }
  }
}
