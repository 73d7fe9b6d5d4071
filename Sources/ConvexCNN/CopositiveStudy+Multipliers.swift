import Arrangements
package import Certificates
package import ConvexPrograms
import Convolutions
package import Solvers
package import Tensors

extension MultiplierCertificate {
  /// The proof that a solution of the doubly nonnegative relaxation gives, for the trained network's data.
  ///
  /// Facets of cones are named by the first patch on their line.
  ///
  /// - Throws: `CertificateError` when rounding leaves no proof, or the program has max pooling.
  package static func of(
    _ solution: CopositiveSolver.Solution, _ program: CopositiveProgram, _ network: Network,
    images: Tensor
  ) throws -> MultiplierCertificate {
    let problem = program.problem
    let rows = problem.stackedPatches
    let essential = EssentialRows(rows)
    let normals = essential.rows.withUnitRows
    var firstRow = [Int](repeating: -1, count: essential.lineCount)
    for (row, line) in essential.lineOfRow.enumerated() where line >= 0 && firstRow[line] < 0 {
      firstRow[line] = row
    }
    let cells = program.cones.indices.map { b -> Cell in
      let facets = program.cones[b].facets
      let products = BLAS.product(facets, .plain, normals, .transposed)
      let named = (0..<facets.rows).map { f -> Facet in
        let line = (0..<normals.rows).max { abs(products[f, $0]) < abs(products[f, $1]) } ?? 0
        let row = firstRow[line]
        let side = products[f, line] > 0 ? 1 : -1
        return Facet(row: row, sign: side * Int(essential.signOfRow[row]))
      }
      let lengths = named.map { BLAS.norm(Array(rows.row($0.row))) }
      let multipliers = zip(program.facetPairs(of: b), solution.multipliers[b]).compactMap {
        pair, value in
        value > 0
          ? Multiplier(
            first: pair.first, second: pair.second,
            value: value / (lengths[pair.first] * lengths[pair.second])) : nil
      }
      return Cell(facets: named, multipliers: multipliers)
    }
    return try Certifier(
      images: images, loss: problem.loss, lambda: program.lambda, threads: problem.threads
    ).multipliers(for: network, dual: solution.dual, cells: cells)
  }
}
