import ConvexCNN

/// What `enumerate --sample` found.
struct SampleResult: Encodable {
  var schema = Package.schema
  var version = Package.version
  /// Rows of the matrix, zero rows and repeats included.
  let rows: Int
  /// Distinct lines of normals.
  let distinctRows: Int
  /// Dimension the normals span.
  let rank: Int
  /// How cells were chosen.
  let sampler: String
  /// Whether opposite cells count as one, in all numbers of cells but the estimated half cells.
  let half: Bool
  /// Different cells sampled.
  let cells: Int
  /// Independent draws, repeats included; null for gates made from data.
  let draws: Int?
  /// Sets of lines, directions or gates tried.
  let attempts: Int
  /// Good-Turing estimate of the probability that the next draw repeats a cell.
  let coveredProbability: Finite
  /// Chao's estimate of a lower bound on the number of cells.
  let estimatedCells: Finite
  /// Share of the sets of lines that are chains, for uniform draws.
  let acceptance: Finite
  /// Unbiased estimate of the number of pairs of opposite cells, for uniform draws.
  let estimatedHalfCells: Finite
  /// Its standard error.
  let standardError: Finite
  /// Exact number of cells, where counting takes a few seconds at most.
  let knownCells: WholeNumber
  /// Share of them that was sampled.
  let coveredFraction: Finite
  /// Wall time without reading the data.
  let seconds: Finite

  /// The result of a sample.
  init(
    rows: Int, distinctRows: Int, rank: Int, method: SamplingMethod, isHalf: Bool,
    _ sample: SampledCells, known: CharacteristicPolynomial?, seconds: Double
  ) {
    (self.rows, self.distinctRows, self.rank) = (rows, distinctRows, rank)
    (sampler, half, cells) = (method.rawValue, isHalf, sample.patterns.count)
    (draws, attempts) = (sample.coverage?.drawCount, sample.attempts)
    coveredProbability = Finite(sample.coverage?.coveredProbability)
    estimatedCells = Finite(sample.coverage?.estimatedCellCount)
    acceptance = Finite(sample.uniform?.acceptance)
    estimatedHalfCells = Finite(sample.uniform?.estimatedHalfCellCount)
    standardError = Finite(sample.uniform?.standardError)
    let exact = known.map { isHalf ? $0.halfCellCount : $0.cellCount }
    knownCells = WholeNumber(value: exact)
    coveredFraction = Finite(exact.map { Double(sample.patterns.count) / Double($0) })
    self.seconds = Finite(seconds)
  }

  private enum Key: String, CodingKey {
    case schema, version, rows, distinctRows, rank, sampler, half, cells, draws, attempts
    case coveredProbability, estimatedCells, acceptance, estimatedHalfCells, standardError
    case knownCells, coveredFraction, seconds
  }

  /// Writes every key, absent numbers as null.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(schema, forKey: .schema)
    try container.encode(version, forKey: .version)
    try container.encode(rows, forKey: .rows)
    try container.encode(distinctRows, forKey: .distinctRows)
    try container.encode(rank, forKey: .rank)
    try container.encode(sampler, forKey: .sampler)
    try container.encode(half, forKey: .half)
    try container.encode(cells, forKey: .cells)
    try container.encode(draws, forKey: .draws)
    try container.encode(attempts, forKey: .attempts)
    try container.encode(coveredProbability, forKey: .coveredProbability)
    try container.encode(estimatedCells, forKey: .estimatedCells)
    try container.encode(acceptance, forKey: .acceptance)
    try container.encode(estimatedHalfCells, forKey: .estimatedHalfCells)
    try container.encode(standardError, forKey: .standardError)
    try container.encode(knownCells, forKey: .knownCells)
    try container.encode(coveredFraction, forKey: .coveredFraction)
    try container.encode(seconds, forKey: .seconds)
  }

  /// The result as a table whose last line is the number of cells.
  var table: String {
    let kind = half ? "half cells" : "cells"
    var table = Table("ccnn enumerate --sample   version \(version)")
    table.add("rows", "\(rows)")
    table.add("distinct lines", "\(distinctRows)")
    table.add("rank", "\(rank)")
    table.add("sampler", sampler)
    table.add("attempts", "\(attempts)")
    if let draws {
      table.add("draws", "\(draws)")
      table.add(
        "Good-Turing",
        "the next draw repeats a cell with probability "
          + digits(coveredProbability.value, "%.4g"))
    }
    if let estimate = estimatedHalfCells.value {
      table.add("acceptance", digits(acceptance.value, "%.4g"))
      table.add(
        "estimate",
        digits(estimate, "%.6g") + " half cells, standard error "
          + digits(standardError.value, "%.2g"))
    } else if let estimate = estimatedCells.value {
      table.add("estimate", "at least about \(digits(estimate, "%.4g")) \(kind)")
    }
    if let knownCells = knownCells.value {
      table.add("exact count", "\(knownCells) \(kind), \(percent(coveredFraction.value)) sampled")
    }
    table.add("seconds", digits(seconds.value, "%.2f"))
    return table.text(last: "\(cells) different \(kind) sampled")
  }
}
