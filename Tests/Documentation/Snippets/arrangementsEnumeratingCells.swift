// Made by `make snippets` from Sources/Arrangements/Arrangements.docc/EnumeratingCells.md: change it there.
import Arrangements
import Tensors

/// The Swift blocks of `Sources/Arrangements/Arrangements.docc/EnumeratingCells.md`.
func arrangementsEnumeratingCells() throws {
  // The hyperplanes x_i = 0 and x_i = x_j of five coordinates: (5 + 1)! cells.
  var rows = [[Double]]()
  for i in 0..<5 {
    rows.append((0..<5).map { $0 == i ? 1 : 0 })
    for j in (i + 1)..<5 { rows.append((0..<5).map { $0 == i ? 1 : $0 == j ? -1 : 0 }) }
  }
  let braid = try CentralArrangement(normals: Matrix(rows))
  print(braid.essential.lineCount, "lines of rank", braid.rank)
  print("listed:", try CellEnumeration(braid).count(threads: 1))
  print("general position:", braid.generalPositionCellCount ?? 0)
  print("--- end of block ---")
}
