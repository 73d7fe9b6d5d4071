import Arrangements
import BenchmarkSupport
import ConvexCNN
import Tensors

extension Sweeps {
  /// Random normals in general position.
  static func normals(_ rows: Int, rank: Int) -> Matrix {
    var generator = SeededGenerator(seed: UInt64(rows + rank))
    return Matrix(
      rows: rows, columns: rank, elements: (0..<rows * rank).map { _ in generator.normal() })
  }

  /// Listing all cells, on one thread.
  static var enumeration: [Sweep] {
    [
      Sweep(
        "enumeration", "rows N, rank 3",
        setting: "normal rows; the cells, and so the output, grow as N^2",
        growth: .polynomial(limit: 2.3), counters: ["half cells"],
        quick: [50, 100, 200, 400, 800], full: [50, 100, 200, 400, 800, 1600, 3200]
      ) { try list($0, 3) },
      Sweep(
        "enumeration", "rows N, rank 4",
        setting: "normal rows; the cells, and so the output, grow as N^3",
        growth: .polynomial(limit: 3.3), counters: ["half cells"],
        quick: [25, 50, 100, 200], full: [25, 50, 100, 200, 400]
      ) { try list($0, 4) },
      Sweep(
        "enumeration", "cells, rank 4", quantity: "half cells listed",
        setting: "the same rows, against the cells listed; the number of rows is the value",
        counters: ["half cells"], quick: [25, 50, 100, 200], full: [25, 50, 100, 200, 400]
      ) { try list($0, 4, byCells: true) },
      Sweep(
        "enumeration", "rank r", setting: "40 normal rows", growth: .exponential,
        counters: ["half cells"], quick: [2, 3, 4, 5, 6], full: [2, 3, 4, 5, 6, 7]
      ) { try list(40, $0) },
    ]
  }

  /// Lists all cells of normal rows.
  private static func list(_ rows: Int, _ rank: Int, byCells: Bool = false) throws -> Sweep.Work {
    let enumeration = try CellEnumeration(
      CentralArrangement(normals: normals(rows, rank: rank)))
    return {
      var cells = 0
      try enumeration.forEachBatch(threads: 1) { batch in
        cells += batch.count
        return true
      }
      return Sweep.Reading([cells], quantity: byCells ? Double(cells) : nil)
    }
  }

  /// Draws cells of normal rows.
  private static func draw(_ rows: Int, _ rank: Int, _ count: Int) throws -> Sweep.Work {
    let sampler = try UniformCellSampler(CentralArrangement(normals: normals(rows, rank: rank)))
    return {
      let sample = try sampler.sample(count: count, seed: 1, threads: 1)
      return Sweep.Reading([sample.count, sample.attempts])
    }
  }

  /// Drawing cells uniformly, on one thread.
  static var sampling: [Sweep] {
    let counters = ["cells", "sets drawn"]
    return [
      Sweep(
        "sampling", "rows N", setting: "2,000 cells, normal rows of rank 4", counters: counters,
        quick: [50, 100, 200, 400, 800], full: [50, 100, 200, 400, 800, 1600, 3200, 6400]
      ) { try draw($0, 4, 2000) },
      Sweep(
        "sampling", "cells wanted", setting: "200 normal rows of rank 4", counters: counters,
        quick: [500, 1000, 2000, 4000, 8000], full: [500, 2000, 8000, 32_000, 128_000]
      ) { try draw(200, 4, $0) },
      Sweep(
        "sampling", "rank r", setting: "1,000 cells, 100 normal rows; a set costs O(N r + r^3)",
        growth: .polynomial(limit: 3), counters: counters, quick: [3, 4, 5, 6, 7],
        full: [3, 4, 5, 6, 7, 8]
      ) { try draw(100, $0, 1000) },
    ]
  }

  /// Bounding the dual norm over all cells by branch and bound, both threads.
  static var pricing: [Sweep] {
    shapes.map { shape in
      Sweep(
        "pricing", shape.name, setting: shape.setting + "; to a relative tolerance of 0.5 %",
        growth: shape.growth, counters: ["terms", "nodes"], quick: shape.quick, full: shape.full
      ) { value in
        let tasks = try shape.problems(value).map { try PricingTask($0) }
        return { Sweep.Reading.sum(tasks.map { $0.run() }) ?? Sweep.Reading([0, 0]) }
      }
    }
  }

  /// Training ReLU networks to a proven gap of 1 %, both threads.
  static var training: [Sweep] {
    (shapes + [filtersFound]).map { shape in
      Sweep(
        "ReLU-training", shape.name, setting: shape.setting + "; to a proven gap of 1 %",
        growth: shape.growth, counters: ["rounds", "nodes", "neurons"], quick: shape.quick,
        full: shape.full
      ) { value in
        let problems = try shape.problems(value)
        return {
          let readings = try problems.map { problem in
            let result = try CellGeneration(oracle: ConeSearch()).solve(
              problem, limits: SolveLimits(relativeGap: 1e-2, seconds: 300))
            return Sweep.Reading(
              [result.rounds, result.pricedNodeCount, result.network.neuronCount],
              reached: result.provenGap.map { String(format: "gap %.1e", $0) } ?? "no gap",
              quantity: shape.isNeurons ? Double(result.network.neuronCount) : nil)
          }
          return Sweep.Reading.sum(readings) ?? Sweep.Reading([0, 0, 0])
        }
      }
    }
  }
}

/// Pricing at the gradient of a network trained without looking at all cells, as in the last round of cell generation.
private struct PricingTask: Sendable {
  let correlation: PooledCorrelation
  let starts: Matrix
  let threads: Int

  init(_ problem: TrainingProblem) throws {
    let trained = try CellGeneration().solve(problem, limits: SolveLimits(relativeGap: 1e-3))
    let dual = problem.loss.gradient(at: problem.predictions(of: trained.network))
    correlation = problem.patchTerms.correlation(with: dual)
    (starts, threads) = (trained.network.filters, problem.threads)
  }

  func run() -> Sweep.Reading {
    let priced = ConeSearch().price(
      correlation,
      PricingRequest(relativeTolerance: 0.005, starts: starts, seconds: 300, threads: threads))
    let gap = priced.upperBound / priced.largestNorm - 1
    return Sweep.Reading(
      [correlation.termCount, priced.nodeCount], reached: String(format: "%.4f", gap))
  }
}
