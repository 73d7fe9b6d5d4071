import Arrangements
import Tensors
import TestSupport
import Testing

/// An arrangement to sample from, with the draws per half cell of its chi-square test.
struct SampledCase: Sendable, CustomTestStringConvertible {
  let name: String
  let normals: Matrix
  let draws: Int

  var testDescription: String { name }

  init(_ name: String, _ normals: Matrix, draws: Int) {
    (self.name, self.normals, self.draws) = (name, normals, draws)
  }

  init(_ name: String, _ rows: [[Int]], draws: Int) {
    self.init(name, Matrix(rows.map { $0.map(Double.init) }), draws: draws)
  }

  static func gaussian(_ lines: Int, _ dimension: Int) -> Matrix {
    var generator = SeededGenerator(seed: 5)
    return Matrix(
      rows: lines, columns: dimension,
      elements: (0..<lines * dimension).map { _ in generator.normal() })
  }

  /// Columns times numbers of 53 bits: the same matroid, but no row is a small multiple of integers.
  static func stretched(_ rows: [[Int]]) -> Matrix {
    let factors = (0..<rows[0].count).map { (3.7 + Double($0)).squareRoot() }
    return Matrix(rows.map { row in zip(row, factors).map { Double($0) * $1 } })
  }

  /// Rows `(1, x, x^2, ...)` for large `x`: nearly dependent, and minors beyond 64 bits.
  static let vandermonde = (0..<14).map { i in
    let x = 3_000_000 + i / 2 * 2 + i % 2
    return [1, x, x * x]
  }

  static let all: [SampledCase] = [
    SampledCase("resonance 4", RowFamilies.resonance(4), draws: 400),
    SampledCase("resonance 5", RowFamilies.resonance(5), draws: 20),
    SampledCase("threshold 3", RowFamilies.threshold(3), draws: 1000),
    SampledCase("threshold 4", RowFamilies.threshold(4), draws: 100),
    SampledCase("demicube 5", RowFamilies.demicube(5), draws: 100),
    SampledCase("braid 5", RowFamilies.braid(5), draws: 100),
    SampledCase("Gaussian 20 x 4", gaussian(20, 4), draws: 100),
    SampledCase("Gaussian 12 x 9", gaussian(12, 9), draws: 20),
    SampledCase("Gaussian 7 x 2", gaussian(7, 2), draws: 1000),
    SampledCase("one line", gaussian(1, 3), draws: 50),
    SampledCase("Vandermonde", vandermonde, draws: 200),
    SampledCase("stretched resonance 4", stretched(RowFamilies.resonance(4)), draws: 50),
  ]
}

struct UniformCellSamplerTests {
  /// The chi-square statistic of draws against equal frequencies, as a standard normal number.
  ///
  /// Wilson and Hilferty: the cube root of chi-square over its mean `f` is nearly normal with mean
  /// `1 - 2 / (9 f)` and variance `2 / (9 f)`.
  private func deviation(_ counts: [Int], draws: Int) -> Double {
    let expected = Double(draws) / Double(counts.count)
    let freedom = Double(counts.count - 1)
    guard freedom > 0 else { return 0 }
    let statistic = counts.reduce(0) {
      $0 + (Double($1) - expected) * (Double($1) - expected) / expected
    }
    let variance = 2 / (9 * freedom)
    return (pow13(statistic / freedom) - (1 - variance)) / variance.squareRoot()
  }

  /// The cube root, by Newton's method.
  private func pow13(_ x: Double) -> Double {
    var y = max(1, x)
    for _ in 0..<100 { y = (2 * y + x / (y * y)) / 3 }
    return y
  }

  /// How often each half cell of the enumeration was drawn, zeros included.
  ///
  /// Also shows that every draw is the pattern that the enumeration lists.
  private func frequencies(
    _ enumeration: CellEnumeration, _ sample: UniformCellSample
  ) throws -> [Int] {
    var counts: [ActivationPattern: Int] = [:]
    for cell in enumeration.cells { counts[cell] = 0 }
    for i in 0..<sample.count {
      let known = try #require(counts[sample[i]], "draw \(i) is no half cell")
      counts[sample[i]] = known + 1
    }
    return Array(counts.values)
  }

  /// A normal number exceeds 4.5 in size with probability 7e-6, so 13 true hypotheses are rejected with
  /// probability below 1e-4; the seeds are fixed.
  @Test(arguments: SampledCase.all)
  func everyHalfCellIsEquallyLikely(of example: SampledCase) throws {
    let arrangement = try CentralArrangement(normals: example.normals)
    let enumeration = try CellEnumeration(arrangement, seed: 3)
    let half = Int(try enumeration.count() / 2)
    let sample = try UniformCellSampler(enumeration).sample(count: example.draws * half, seed: 11)
    #expect(sample.isComplete && sample.count == example.draws * half)
    let counts = try frequencies(enumeration, sample)
    #expect(counts.count == half)
    let deviation = deviation(counts, draws: sample.count)
    #expect(abs(deviation) < 4.5)
    // The estimate of the number of half cells, and what its standard error says.
    let error = abs(sample.estimatedHalfCellCount - Double(half))
    #expect(error <= 4.5 * sample.standardError + 1e-9 * Double(half))
  }

  @Test func halfCellsOfDigitPatchesAreEquallyLikely() throws {
    let images = try DigitPatches.images()
    let patches = DigitPatches.patches([images[0]], height: 2, width: 2)
    let enumeration = try CellEnumeration(CentralArrangement(normals: patches))
    let half = Int(try enumeration.count() / 2)
    #expect(half == 9490)
    let sample = try UniformCellSampler(enumeration).sample(count: 20 * half, seed: 2)
    let deviation = deviation(try frequencies(enumeration, sample), draws: sample.count)
    #expect(abs(deviation) < 4.5)
    #expect(abs(sample.estimatedHalfCellCount - 9490) <= 4.5 * sample.standardError)
    #expect(sample.standardError < 0.01 * 9490)
  }

  /// Whitney's theorem, set by set: the sets accepted are as many as half cells, and no two have the
  /// same pattern.
  @Test(arguments: [
    SampledCase("resonance 4", RowFamilies.resonance(4), draws: 0),
    SampledCase("threshold 3", RowFamilies.threshold(3), draws: 0),
    SampledCase("demicube 4", RowFamilies.demicube(4), draws: 0),
    SampledCase("braid 4", RowFamilies.braid(4), draws: 0),
    SampledCase("Vandermonde", SampledCase.vandermonde, draws: 0),
    SampledCase("stretched", SampledCase.stretched(RowFamilies.threshold(3)), draws: 0),
  ])
  func setsAndHalfCellsCorrespond(in example: SampledCase) throws {
    let arrangement = try CentralArrangement(normals: example.normals)
    let enumeration = try CellEnumeration(arrangement)
    let sampler = try UniformCellSampler(arrangement)
    var found: [ActivationPattern] = []
    var setCount = 0.0
    func extend(_ set: [Int]) throws {
      setCount += 1
      if let cell = try sampler.cell(of: set) { found.append(cell) }
      guard set.count + 1 < sampler.rank else { return }
      for line in (set.max() ?? 0) + 1..<max(sampler.lineCount, (set.max() ?? 0) + 1) {
        try extend([line] + set)
      }
    }
    try extend([])
    #expect(setCount == sampler.setCount)
    #expect(Set(found).count == found.count)
    #expect(Set(found) == Set(enumeration.cells))
  }

  @Test func bothCellsOfAPairAreEquallyLikely() throws {
    let arrangement = try arrangement(RowFamilies.threshold(3))
    let sampler = try UniformCellSampler(arrangement)
    let sample = try sampler.sample(count: 104 * 200, seed: 1, choosingSides: true)
    var counts: [ActivationPattern: Int] = [:]
    for i in 0..<sample.count { counts[sample[i], default: 0] += 1 }
    #expect(counts.count == 104)
    #expect(counts.keys.allSatisfy { counts[$0.complement] != nil })
    #expect(abs(deviation(Array(counts.values), draws: sample.count)) < 4.5)
  }

  @Test func threadsChangeNothingAndSeedsDo() throws {
    let sampler = try UniformCellSampler(try arrangement(RowFamilies.threshold(5)))
    let one = try sampler.sample(count: 3000, seed: 7, choosingSides: true, threads: 1)
    let three = try sampler.sample(count: 3000, seed: 7, choosingSides: true, threads: 3)
    let fewer = try sampler.sample(count: 1000, seed: 7, choosingSides: true, threads: 2)
    let other = try sampler.sample(count: 3000, seed: 8, choosingSides: true, threads: 1)
    #expect(one == three)
    #expect(fewer.words == Array(one.words[..<fewer.words.count]))
    #expect(one.words != other.words)
    #expect(one.wordsPerCell == 1 && one.lineCount == 32)
  }

  /// 15-dimensional rows in general position: every set is a chain, and its cell has a witness.
  @Test func drawsInHighDimensionsAreCells() throws {
    let arrangement = try CentralArrangement(normals: SampledCase.gaussian(40, 16))
    let sampler = try UniformCellSampler(arrangement)
    let sample = try sampler.sample(count: 200, seed: 3)
    #expect(sampler.rank == 16)
    #expect(sample.attempts == 200)
    #expect(sample.acceptance == 1 && sample.standardError == 0)
    #expect(sample.estimatedHalfCellCount == sampler.setCount)
    for i in stride(from: 0, to: 200, by: 10) { #expect(arrangement.cell(of: sample[i]) != nil) }
  }

  @Test func aTinyAcceptanceIsReported() throws {
    let sampler = try UniformCellSampler(try arrangement(RowFamilies.braid(10)))
    let sample = try sampler.sample(count: 1000, seed: 1, maximumAttempts: 20_000)
    #expect(!sample.isComplete)
    #expect(sample.attempts == 20_000)
    #expect(sample.count < 1000)
    #expect(sample.acceptance == Double(sample.count) / 20_000)
    let error = abs(sample.estimatedHalfCellCount - 19_958_400)
    #expect(error < 4.5 * sample.standardError)
    let none = try sampler.sample(count: 3, seed: 1, maximumAttempts: 0)
    #expect(none.count == 0 && none.acceptance == 0 && none.standardError == .infinity)
    let stopped = try sampler.sample(count: 1000, seed: 1, threads: 1) { _, sets in sets < 5000 }
    #expect(!stopped.isComplete && stopped.attempts >= 5000)
    let empty = try sampler.sample(count: 0, seed: 1)
    #expect(empty.isComplete && empty.attempts == 0)
  }

  @Test func moreThanSixteenDimensionsAreRefused() throws {
    let arrangement = try CentralArrangement(normals: SampledCase.gaussian(17, 17))
    #expect(throws: ArrangementError(kind: .rankTooLarge(rank: 17, limit: 16))) {
      try UniformCellSampler(arrangement)
    }
  }

  /// Good-Turing on uniform draws: the covered probability is the covered share of half cells.
  @Test func coverageOfUniformDrawsIsTheShareSeen() throws {
    let sampler = try UniformCellSampler(try arrangement(RowFamilies.threshold(4)))
    let coverage = try sampler.sample(count: 1500, seed: 4).coverage
    let seen = coverage.coveredFraction(of: 941)
    // The standard error of the estimate is about sqrt(f1 + 2 f2) / n = 0.02.
    #expect(abs(coverage.coveredProbability - seen) < 0.08)
  }
}
