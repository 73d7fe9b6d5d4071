import BenchmarkSupport
import ConvexCNN
import Foundation
import Reports

/// Circular linear networks with full-size filters: the program in the Fourier domain against the direct one.
///
/// The same problem, 20 normal images of `d` pixels, one output, `lambda = 0.1 lambdaMax`, one thread, relative gap 1e-6. The
/// direct program has a `d x d` matrix under a nuclear norm, and ends at 576 pixels. Times are the shortest of several
/// solves where a solve is short. Exponents are slopes of `log seconds` over `log d`, from 256 pixels on in the Fourier
/// domain and from 64 on for the direct program.
struct CircularScaling {
  private static let samples = 20
  let isQuick: Bool
  let figures: Figures

  private struct Solve {
    let seconds: Double
    let iterations: Int
    let objective: Double
    var step: Double { seconds / Double(iterations) }
  }

  private struct Row {
    let side: Int
    let spectra: Double
    let fourier: Solve
    let direct: Solve?
    var pixels: Double { Double(side * side) }
  }

  func run() throws {
    print(
      "side  pixels  spectra ms  fourier ms  steps  ms/step   direct ms  steps   ms/step  difference"
    )
    var rows: [Row] = []
    for side in isQuick ? [4, 8, 16, 32, 64] : [4, 6, 8, 12, 16, 24, 32, 64, 128, 256] {
      let row = try measure(side)
      rows.append(row)
      print(line(row))
      fflush(nil)
    }
    let large = rows.filter { $0.side >= 16 }
    let direct = rows.filter { $0.side >= 8 && $0.direct != nil }
    let laws = [
      ("spectra", exponent(large) { $0.spectra }),
      ("fourier step", exponent(large) { $0.fourier.step }),
      ("fourier solve", exponent(large) { $0.fourier.seconds }),
      ("direct step", exponent(direct) { $0.direct?.step }),
      ("direct solve", exponent(direct) { $0.direct?.seconds }),
    ]
    print("exponents in pixels: " + laws.map { "\($0.0) \($0.1)" }.joined(separator: ", "))
    let growth = exponent(large, in: { $0.pixels * log2($0.pixels) }) { $0.spectra }
    print("exponent of spectra in pixels x log pixels: \(growth)")
    try figures.write(chart(rows, laws.map(\.1)), name: "circular")
  }

  private func exponent(
    _ rows: [Row], in x: (Row) -> Double = { $0.pixels }, _ seconds: (Row) -> Double?
  ) -> String {
    ScalingFit(.power, rows.compactMap { row in seconds(row).map { (x(row), $0) } })?.text
      ?? "unknown"
  }

  private func chart(_ rows: [Row], _ laws: [String]) -> Chart {
    func series(_ name: String, _ law: Int, _ seconds: (Row) -> Double?) -> Chart.Series {
      Chart.Series(
        "\(name), d^\(laws[law])",
        rows.compactMap { row in seconds(row).map { Chart.Point(row.pixels, $0) } })
    }
    return Chart(
      title: "Circular linear networks: Fourier domain and direct program",
      summary:
        "Seconds against pixels d: spectra and one step in the Fourier domain grow about linearly, "
        + "a whole solve by its number of steps more; the direct program at least quadratically.",
      horizontal: Chart.Axis("pixels d", scale: .logarithmic),
      vertical: Chart.Axis("seconds", scale: .logarithmic),
      series: [
        series("direct solve", 4) { $0.direct?.seconds },
        series("direct step", 3) { $0.direct?.step },
        series("Fourier solve", 2) { $0.fourier.seconds },
        series("Fourier step", 1) { $0.fourier.step },
        series("spectra", 0) { $0.spectra },
      ])
  }

  private func measure(_ side: Int) throws -> Row {
    let n = Self.samples
    var random = SeededGenerator(seed: UInt64(side))
    let images = Tensor(
      shape: [n, 1, side, side], elements: (0..<n * side * side).map { _ in random.normal() })
    let loss = SquaredLoss(
      targets: Matrix(rows: n, columns: 1, elements: (0..<n).map { _ in random.normal() }))
    let geometry = try PatchGeometry(
      imageHeight: side, imageWidth: side, filterHeight: side, filterWidth: side,
      padding: .circular)
    let limits = SolveLimits(relativeGap: 1e-6, iterations: 100_000, seconds: 120)
    let unit = try CircularProgram(images: images, geometry: geometry, loss: loss, lambda: 1)
    let lambda = 0.1 * unit.composite.lambdaMax
    let program = try CircularProgram(
      images: images, geometry: geometry, loss: loss, lambda: lambda)
    let spectra = try shortest {
      _ = try CircularProgram(images: images, geometry: geometry, loss: loss, lambda: lambda)
    }
    let fourier = solve(program.composite, limits)
    guard side <= (isQuick ? 8 : 24) else {
      return Row(side: side, spectra: spectra, fourier: fourier, direct: nil)
    }
    let problem = try TrainingProblem(
      images: images, geometry: geometry, pooling: Pooling(.none), activation: .linear, loss: loss,
      lambda: lambda)
    let direct = solve(try GatedProgram(problem: problem, gates: nil).composite, limits)
    return Row(side: side, spectra: spectra, fourier: fourier, direct: direct)
  }

  private func solve(_ program: CompositeProgram, _ limits: SolveLimits) -> Solve {
    var solution = FISTA().solve(program, limits: limits)
    let seconds = shortest { solution = FISTA().solve(program, limits: limits) }
    return Solve(
      seconds: seconds, iterations: max(1, solution.iterations), objective: solution.objective)
  }

  /// The shortest of up to nine runs, of one if it takes a second.
  private func shortest(_ body: () throws -> Void) rethrows -> Double {
    var (best, total, count) = (Double.infinity, 0.0, 0)
    while count < 9, total < 1 {
      let seconds = try ContinuousClock().measure(body) / .seconds(1)
      (best, total, count) = (min(best, seconds), total + seconds, count + 1)
    }
    return best
  }

  private func line(_ row: Row) -> String {
    let head = String(
      format: "%4d  %6d  %10.3f  %10.2f  %5d  %7.4f", row.side, row.side * row.side,
      1e3 * row.spectra, 1e3 * row.fourier.seconds, row.fourier.iterations,
      1e3 * row.fourier.step)
    guard let direct = row.direct else { return head }
    return head
      + String(
        format: "  %10.2f  %5d  %8.4f  %10.1e", 1e3 * direct.seconds, direct.iterations,
        1e3 * direct.step,
        abs(direct.objective - row.fourier.objective) / direct.objective)
  }
}
