import Arrangements
import ConvexPrograms
import Solvers
package import Tensors

extension RankServer {
  /// Makers of all that training shares among ranks.
  package static var allMakers: [Int: Maker] {
    [
      SharedProblemService.kind: { try SharedProblemService(&$0, in: $1) },
      SharedConesService.kind: { SharedConesService(&$0, in: $1) },
      FactoredPassesService.kind: { FactoredPassesService(&$0, in: $1) },
    ]
  }
}
