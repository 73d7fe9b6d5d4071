import Arrangements
import Tensors
import Testing

struct CentralArrangementTests {
  @Test func errorsNameThePlace() {
    func message(_ matrix: Matrix) -> String {
      do {
        _ = try CentralArrangement(normals: matrix)
        return "no error"
      } catch {
        return "\(error)"
      }
    }
    let empty = message(Matrix(rows: 0, columns: 3))
    let infinite = message(Matrix([[1, 2], [3, .infinity]]))
    let blank = message(Matrix(rows: 4, columns: 2))
    let emptyText =
      "normals: expected at least one row and one column, found shape [0, 3]. "
      + "Pass one row per patch."
    let infiniteText =
      "normals[1, 1]: expected a finite number, found an infinite one or NaN. "
      + "Remove or repair sample data before cutting patches."
    let blankText =
      "normals: expected a row that is not zero, found 4 zero rows. "
      + "Check that the images are not blank."
    #expect(empty == emptyText)
    #expect(infinite == infiniteText)
    #expect(blank == blankText)
  }

  @Test(arguments: [(1, 3), (2, 3), (3, 5), (4, 4)])
  func rankOfAProductOfRandomFactors(rank: Int, columns: Int) throws {
    var generator = SeededGenerator(seed: UInt64(10 * rank + columns))
    let left = Matrix(
      rows: 2500, columns: rank, elements: (0..<2500 * rank).map { _ in generator.normal() })
    let right = Matrix(
      rows: rank, columns: columns, elements: (0..<rank * columns).map { _ in generator.normal() })
    let normals = BLAS.product(left, .plain, right)
    let arrangement = try CentralArrangement(normals: normals)
    #expect(arrangement.rank == rank)
  }

  @Test func rankIgnoresTheLengthOfRows() throws {
    let arrangement = try CentralArrangement(
      normals: Matrix([[1e-12, 0, 0], [0, 1e12, 0], [1, 1, 0], [0, 0, 1e-150]]))
    #expect(arrangement.rank == 3)
  }

  /// The lines and ranks of `convex-cnn.md` 8.7 and 8.8, small cases by hand, and the ends of the
  /// range.
  @Test(
    arguments: [
      (1, 1, 2), (5, 1, 2), (30, 2, 60), (24, 3, 554), (36, 3, 1262), (12, 3, 134), (12, 4, 464),
      (4, 9, 16),
    ] as [(Int, Int, UInt64)])
  func generalPositionCount(lines: Int, rank: Int, expected: UInt64) {
    let count = CentralArrangement.generalPositionCellCount(lines: lines, rank: rank)
    #expect(count == expected)
  }

  @Test func countsBeyondTheIntegersAreNil() {
    let largest = CentralArrangement.generalPositionCellCount(lines: 63, rank: 63)
    let tooLarge = CentralArrangement.generalPositionCellCount(lines: 64, rank: 64)
    let far = CentralArrangement.generalPositionCellCount(lines: 1_000_000, rank: 64)
    #expect(largest == 1 << 63)
    #expect(tooLarge == nil)
    #expect(far == nil)
  }
}
