import Arrangements
package import ConvexPrograms
import Convolutions
package import Tensors

/// The hyperplanes of the patches of a problem, one per line of normals, and the patches on each.
package struct PatchLines {
  /// Stacked patches, `[n K, h]`.
  let patches: Matrix
  /// Unit normal of each line, `[lines, h]`.
  package let normals: Matrix
  /// Line of each patch; -1 for a patch that is zero.
  let lineOfRow: [Int]
  /// 1 or -1: the side of its line's normal on which a patch is.
  let signOfRow: [Int8]
  /// Euclidean length of each patch.
  let lengths: [Double]
  private let order: [Int]
  private let starts: [Int]

  /// The lines of all patches of a problem.
  ///
  /// - Complexity: O(`n K h`) expected time and memory.
  package init(_ problem: TrainingProblem) {
    patches = problem.stackedPatches
    let essential = EssentialRows(patches)
    normals = essential.rows.withUnitRows
    (lineOfRow, signOfRow) = (essential.lineOfRow, essential.signOfRow)
    lengths = (0..<patches.rows).map { [patches] in BLAS.norm(Array(patches.row($0))) }
    var starts = [Int](repeating: 0, count: essential.lineCount + 1)
    for line in lineOfRow where line >= 0 { starts[line + 1] += 1 }
    for line in 0..<essential.lineCount { starts[line + 1] += starts[line] }
    var next = starts
    var order = [Int](repeating: 0, count: starts.last ?? 0)
    for (row, line) in lineOfRow.enumerated() where line >= 0 {
      order[next[line]] = row
      next[line] += 1
    }
    (self.order, self.starts) = (order, starts)
  }

  /// Number of lines.
  var count: Int { normals.rows }

  /// The patches on a line, in ascending order.
  func rows(on line: Int) -> ArraySlice<Int> { order[starts[line]..<starts[line + 1]] }
}
