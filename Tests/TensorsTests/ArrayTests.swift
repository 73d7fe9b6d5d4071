import Tensors
import TestSupport
import Testing

@Suite struct ArrayTests {
  @Test func matricesAreRowMajor() {
    let matrix = Matrix([[1, 2, 3], [4, 5, 6]])
    let row = Array(matrix.row(1))
    #expect(matrix.elements == [1, 2, 3, 4, 5, 6])
    #expect(matrix[1, 0] == 4)
    #expect(row == [4, 5, 6])
    #expect(matrix.transposed == Matrix([[1, 4], [2, 5], [3, 6]]))
    #expect(matrix.selectingRows([1, 0, 1]) == Matrix([[4, 5, 6], [1, 2, 3], [4, 5, 6]]))
    #expect(Matrix.identity(2) == Matrix([[1, 0], [0, 1]]))
  }

  @Test func tensorsSelectAlongTheFirstAxis() {
    let tensor = Tensor(shape: [3, 1, 2], elements: [1, 2, 3, 4, 5, 6])
    let selected = tensor.selecting([2, 0])
    #expect(selected == Tensor(shape: [2, 1, 2], elements: [5, 6, 1, 2]))
    #expect(tensor.reshaped([2, 3]).shape == [2, 3])
  }

  @Test func theFirstNonFiniteEntryIsFound() {
    let matrix = Matrix([[1, 2], [.infinity, .nan]])
    let tensor = Tensor(shape: [2], elements: [0, .nan])
    #expect(matrix.firstNonFiniteIndex == 2)
    #expect(tensor.firstNonFiniteIndex == 1)
    #expect(Matrix.identity(3).firstNonFiniteIndex == nil)
  }

  @Test func theGeneratorStartsWithItsPinnedNumbers() {
    var random = SeededGenerator(seed: 0)
    let first = (0..<3).map { _ in random.next() }
    // From an independent transcription of the published algorithm in Python.
    let expected: [UInt64] = [
      0x99EC5F36CB75F2B4, 0xBF6E1F784956452A, 0x1A5F849D4933E6E0,
    ]
    #expect(first == expected)
  }

  @Test func theSameSeedGivesTheSameNumbers() {
    var (a, b, c) = (
      SeededGenerator(seed: 7), SeededGenerator(seed: 7), SeededGenerator(seed: 8)
    )
    let (x, y, z) = (
      (0..<5).map { _ in a.normal() }, (0..<5).map { _ in b.normal() },
      (0..<5).map { _ in c.normal() }
    )
    #expect(x == y)
    #expect(x != z)
  }

  @Test func uniformAndNormalNumbersHaveTheirMoments() {
    var random = SeededGenerator(seed: 3)
    let count = 100_000
    let uniform = (0..<count).map { _ in random.uniform() }
    let normal = (0..<count).map { _ in random.normal() }
    let mean = uniform.reduce(0, +) / Double(count)
    let center = normal.reduce(0, +) / Double(count)
    let variance = normal.reduce(0) { $0 + $1 * $1 } / Double(count)
    // Five standard errors: 0.289, 1 and 1.414 over the root of the count.
    #expect(abs(mean - 0.5) < 0.0046)
    #expect(abs(center) < 0.0159)
    #expect(abs(variance - 1) < 0.0224)
    #expect(uniform.allSatisfy { $0 >= 0 && $0 < 1 })
  }

  @Test(arguments: [0, 1, 2, 100])
  func aPermutationHoldsEveryNumberOnce(count: Int) {
    var random = SeededGenerator(seed: 4)
    let sorted = random.permutation(count).sorted()
    #expect(sorted == Array(0..<count))
  }

  @Test(arguments: [0, 1, 7, 64, 1000], [1, 3, 8])
  func chunksCoverEveryItemOnce(count: Int, threads: Int) {
    let visits = Guarded([Int](repeating: 0, count: count))
    let ranges = Guarded<[Int: Range<Int>]>([:])
    Parallel.forEachChunk(of: count, chunk: 7, threads: threads) { index, range in
      visits.withLock { visits in for i in range { visits[i] += 1 } }
      ranges.withLock { $0[index] = range }
    }
    let seen = visits.withLock { $0 }
    let starts = ranges.withLock { $0 }
    #expect(seen == [Int](repeating: 1, count: count))
    for (index, range) in starts { #expect(range.lowerBound == 7 * index) }
  }
}
