import Arrangements
import Tensors

/// Time to draw cells uniformly, beside random directions, which see large cells only.
struct SamplingScaling {
  /// Whether to draw a tenth as often.
  let isQuick: Bool

  /// Lines, rank, share of sets accepted, nanoseconds for a cell on one thread, for a direction, and
  /// the shares of the half cells that as many draws of either kind have seen.
  func run() throws {
    print("case,lines,rank,acceptance,ns_per_cell,ns_per_direction,cells_seen,directions_seen")
    for (lines, columns) in [(50, 5), (600, 4), (1000, 5), (20_000, 4), (100, 9), (40, 16)] {
      try measure("gaussian", gaussian(lines, columns), draws: lines > 5000 ? 10_000 : 100_000)
    }
    for n in 4...6 { try measure("resonance", resonance(n), draws: 100_000) }
    for n in 4...5 {
      try measure("threshold", resonance(n + 1).selectingRows(upper(n)), draws: 100_000)
    }
  }

  private func gaussian(_ lines: Int, _ columns: Int) -> Matrix {
    var generator = SeededGenerator(seed: UInt64(lines + columns))
    let elements = (0..<lines * columns).map { _ in (1000 * generator.normal()).rounded() }
    return Matrix(rows: lines, columns: columns, elements: elements)
  }

  private func resonance(_ n: Int) -> Matrix {
    Matrix((1..<1 << n).map { code in (0..<n).map { Double((code >> $0) & 1) } })
  }

  /// Rows of `resonance(n + 1)` whose last coordinate is 1.
  private func upper(_ n: Int) -> [Int] { Array((1 << n) - 1..<(1 << (n + 1)) - 1) }

  private func measure(_ name: String, _ rows: Matrix, draws: Int) throws {
    let count = isQuick ? draws / 10 : draws
    let arrangement = try CentralArrangement(normals: rows)
    let sampler = try UniformCellSampler(arrangement)
    var sample = try sampler.sample(count: 1, seed: 0)
    let cellSeconds = try seconds { sample = try sampler.sample(count: count, seed: 1, threads: 1) }
    var directions = arrangement.directionCoverage(drawCount: 1, seed: 0)
    let directionSeconds = seconds {
      directions = arrangement.directionCoverage(drawCount: count, seed: 1)
    }
    let forecast = arrangement.countForecast
    var seen = ["", ""]
    if forecast.countingSeconds < 5 {
      let half = try arrangement.characteristicPolynomial().halfCellCount
      seen = [sample.coverage, directions].map { "\($0.coveredFraction(of: half))" }
    }
    let nanoseconds = [cellSeconds, directionSeconds].map { Int(1e9 * $0 / Double(count)) }
    print(
      "\(name),\(sampler.lineCount),\(sampler.rank),\(sample.acceptance),\(nanoseconds[0]),"
        + "\(nanoseconds[1]),\(seen[0]),\(seen[1])")
  }

  private func seconds(_ body: () throws -> Void) rethrows -> Double {
    let time = try ContinuousClock().measure(body)
    return Double(time.components.seconds) + 1e-18 * Double(time.components.attoseconds)
  }
}
