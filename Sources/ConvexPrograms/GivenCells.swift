package import Arrangements
import Convolutions
public import Tensors

/// Some cells of the patches of a problem, each named by a gate inside.
///
/// The rows that bound the cells are shared: memory is that of one list of rows and of a bit per row and cell.
package struct GivenCells: Sendable {
  /// A gate in each cell, `[P, h]`.
  package let gates: Matrix
  /// Patches of length one, one of each line, `[lines, h]`.
  package let rows: Matrix
  /// Pattern of each cell over the rows, all different.
  package let patterns: [ActivationPattern]
  private let arrangement: CentralArrangement
  /// Products of unit vectors with rows above this have a certain sign, whoever evaluates them.
  private let certainProduct: Double

  /// The cells of gates.
  ///
  /// - Parameters:
  ///   - problem: The problem whose patches bound the cells.
  ///   - gates: A vector inside each cell, `[P, h]`.
  /// - Throws: `ProgramError` when there is no gate, one has another length or lies on a hyperplane, or two lie in one cell;
  ///   `ArrangementError` when all patches are zero.
  /// - Complexity: O(`n K h P`).
  init(problem: TrainingProblem, gates: Matrix) throws {
    let h = problem.geometry.patchDimension
    guard gates.columns == h, gates.rows > 0, gates.firstNonFiniteIndex == nil else {
      throw ProgramError(
        place: "cells given", expected: "at least one gate of \(h) finite entries",
        found: "\(gates.rows) of \(gates.columns)", advice: "Sample gates from the same patches.")
    }
    let patches = (0..<problem.sampleCount).map { problem.patches(ofSample: $0) }
    let arrangement = try CentralArrangement(
      normals: Matrix(
        rows: patches.reduce(0) { $0 + $1.rows }, columns: h, elements: patches.flatMap(\.elements)
      ))
    var patterns: [ActivationPattern] = []
    var place: [ActivationPattern: Int] = [:]
    for g in 0..<gates.rows {
      let length = BLAS.norm(Array(gates.row(g)))
      let unit = gates.row(g).map { length > 0 ? $0 / length : 0 }
      let margin = arrangement.margin(of: unit)
      guard margin > arrangement.certifiedMargin else {
        throw ProgramError(
          place: "cells given, gate \(g)", expected: "a vector strictly inside a cell",
          found: "one at a distance of \(margin) from a hyperplane",
          advice: "Sample gates from the same patches.")
      }
      let pattern = arrangement.pattern(of: unit)
      if let other = place.updateValue(g, forKey: pattern) {
        throw ProgramError(
          place: "cells given, gate \(g)", expected: "a cell of its own",
          found: "the cell of gate \(other)", advice: "Leave one of the two out.")
      }
      patterns.append(pattern)
    }
    (self.gates, self.patterns, self.arrangement) = (gates, patterns, arrangement)
    rows = arrangement.essential.rows.withUnitRows
    certainProduct = arrangement.certifiedMargin
  }

  /// A vector strictly inside a cell, near one of its closure that rounding may have put outside.
  ///
  /// The shortest step that takes the rows it lies on, and those it would cross, to products with certain signs; where these
  /// rows depend on each other a step towards the deepest point of the cell, and in the last resort that point or the gate.
  ///
  /// - Parameters:
  ///   - vector: Any vector of length `h`; for zero the result is zero.
  ///   - cell: The cell.
  /// - Returns: A vector whose products with all rows have certain signs, those of the cell.
  /// - Complexity: O(`lines h`) a few times.
  func inside(_ vector: [Double], cell: Int) -> [Double] {
    let norm = BLAS.norm(vector)
    guard norm > 0 else { return vector }
    if let near = steppedInside(vector, norm, cell) { return near }
    let gate = Array(gates.row(cell))
    let deepest = CellGeometry(arrangement).cell(of: patterns[cell])?.witness ?? gate
    for interior in [deepest, gate] {
      let unit = interior.map { $0 / BLAS.norm(interior) }
      var share = 4 * certainProduct
      while share < 1 {
        var moved = vector
        BLAS.add(share * norm, unit, to: &moved)
        if isInside(moved, cell) { return moved }
        share *= 4
      }
      let own = unit.map { norm * $0 }
      if isInside(own, cell) { return own }
    }
    return gate.map { norm * $0 / BLAS.norm(gate) }
  }

  private func isInside(_ vector: [Double], _ cell: Int) -> Bool {
    let least = certainProduct * BLAS.norm(vector)
    return inwardProducts(vector, cell).allSatisfy { $0 > least }
  }

  /// The vector after the shortest step to the right side of the rows in its way; nil when these depend on each other.
  private func steppedInside(_ vector: [Double], _ norm: Double, _ cell: Int) -> [Double]? {
    let products = inwardProducts(vector, cell)
    let least = 2 * certainProduct * norm
    var low = products.indices.filter { products[$0] <= least }
    if low.isEmpty { return vector }
    for _ in 0..<8 {
      var own = rows.selectingRows(low)
      for (place, row) in low.enumerated() where !patterns[cell][row] {
        for e in 0..<own.columns { own[place, e] *= -1 }
      }
      let targets = low.map { 2 * least - products[$0] }
      guard low.count < own.columns,
        let weights = try? LAPACK.solvePositiveDefinite(BLAS.gram(own), targets)
      else { return nil }
      var moved = vector
      for (place, weight) in weights.enumerated() {
        BLAS.add(weight, Array(own.row(place)), to: &moved)
      }
      let after = inwardProducts(moved, cell)
      let threshold = certainProduct * BLAS.norm(moved)
      let open = after.indices.filter { after[$0] <= threshold }
      if open.isEmpty { return moved }
      let known = Set(low)
      guard open.allSatisfy({ !known.contains($0) }) else { return nil }
      low += open
    }
    return nil
  }

  /// The products of a vector with the inward rows of a cell.
  func inwardProducts(_ vector: [Double], _ cell: Int) -> [Double] {
    var products = BLAS.product(
      rows, .plain, Matrix(rows: vector.count, columns: 1, elements: vector)
    ).elements
    let pattern = patterns[cell]
    for r in products.indices where !pattern[r] { products[r] = -products[r] }
    return products
  }

  /// The first cell whose closure holds a vector, up to rounding; nil when none does.
  func cell(of vector: [Double]) -> Int? {
    let tolerance = -1e-12 * BLAS.norm(vector)
    return patterns.indices.first { inwardProducts(vector, $0).allSatisfy { $0 >= tolerance } }
  }
}

extension ConeProgram {
  /// The program over given cells, each named by a gate inside.
  ///
  /// The optimum is that of all networks whose filters lie in the closures of these cells: an upper bound of the
  /// problem's. Cells may have thousands of rows; none is kept per cell, and solvers find the few that matter
  /// (`CellProjections`). Networks of points have filters strictly inside the cells, so that nobody's rounding puts them
  /// into others; in the objective this costs less than `1e-9` of itself (`GivenCellsIdentityTests`).
  ///
  /// - Parameters:
  ///   - problem: A ReLU problem with one output, one window and linear pooling, without an output bias.
  ///   - gates: A vector inside each cell, `[P, h]`.
  /// - Throws: `ProgramError` when the problem has another form, a gate lies on a hyperplane, two lie in one cell or there
  ///   are too many features; `ArrangementError` when all patches are zero.
  /// - Complexity: O(`n K h P`) time; O(`n P h + n K (h + P / 64)`) memory.
  public init(problem: TrainingProblem, gates: Matrix) throws {
    guard problem.activation == .relu, problem.outputCount == 1, problem.windowCount == 1 else {
      throw ProgramError(
        place: "program over given cells",
        expected: "a ReLU network with one output and one window",
        found: "\(problem.activation.rawValue), \(problem.outputCount) outputs, "
          + "\(problem.windowCount) windows", advice: "Use cell generation, --cells generate.")
    }
    guard problem.poolingMap.isLinear, !problem.hasOutputBias else {
      throw ProgramError(
        place: "program over given cells",
        expected: "average or sum pooling, and no output bias",
        found: problem.hasOutputBias ? "an output bias" : problem.pooling.description,
        advice: "Use cell generation, --cells generate.")
    }
    let bytes = problem.sampleCount * gates.elements.count * MemoryLayout<Double>.stride
    guard bytes <= Self.largestFeatureBytes else {
      throw ProgramError(
        place: "program over given cells", expected: "features of at most 4 GiB",
        found: "\(problem.sampleCount) samples x \(gates.rows) cells x \(gates.columns)",
        advice: "Give fewer cells.")
    }
    let cells = try GivenCells(problem: problem, gates: gates)
    self.init(
      problem: problem, cones: [], features: problem.gatedFeatures(of: gates),
      cellCount: gates.rows, given: cells)
  }

  /// Projections on the cells given; nil for a program over all cells, whose cones have few facets.
  package func cellProjections() -> CellProjections? {
    given.map {
      CellProjections(rows: $0.rows, patterns: $0.patterns, threads: problem.threads)
    }
  }
}
