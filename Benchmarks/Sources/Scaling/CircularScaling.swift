import ConvexCNN
import Foundation

/// Circular linear networks with full-size filters: the program in the Fourier domain against the direct one.
///
/// The same problem, 20 normal images of `d` pixels, one output, `lambda = 0.1 lambdaMax`, one thread, relative gap 1e-6. The
/// direct program has a `d x d` matrix under a nuclear norm. Exponents are slopes of `log seconds` over `log d` between the
/// first and the last size of at least 256 pixels (64 for the direct program, which ends at 256).
struct CircularScaling {
  private static let samples = 20
  let isQuick: Bool

  private struct Row {
    let side: Int
    let spectra: Double
    let fourier: (seconds: Double, iterations: Int, objective: Double)
    let direct: (seconds: Double, iterations: Int, objective: Double)?
    var pixels: Double { Double(side * side) }
  }

  func run() throws {
    print(
      "side  pixels  spectra ms  fourier ms  steps  ms/step   direct ms  steps   ms/step  difference"
    )
    var rows: [Row] = []
    for side in isQuick ? [4, 8, 16, 32, 64] : [4, 6, 8, 12, 16, 32, 64, 128, 256] {
      let row = try measure(side)
      rows.append(row)
      print(line(row))
    }
    let large = rows.filter { $0.side >= 16 }
    let direct = rows.filter { $0.side >= 8 && $0.direct != nil }
    print(
      String(
        format: "exponents in pixels: spectra %.2f, fourier step %.2f, direct step %.2f",
        exponent(large) { $0.spectra },
        exponent(large) { $0.fourier.seconds / Double($0.fourier.iterations) },
        exponent(direct) { ($0.direct?.seconds ?? 0) / Double($0.direct?.iterations ?? 1) }))
  }

  private func exponent(_ rows: [Row], _ seconds: (Row) -> Double) -> Double {
    guard let first = rows.first, let last = rows.last, first.side < last.side else { return .nan }
    return log(seconds(last) / seconds(first)) / log(last.pixels / first.pixels)
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
    // The shortest of several set-ups; the solve is long enough to be measured once.
    var spectra = Double.infinity
    for _ in 0..<5 {
      spectra = min(
        spectra,
        try seconds {
          _ = try CircularProgram(images: images, geometry: geometry, loss: loss, lambda: lambda)
        })
    }
    let program = try CircularProgram(
      images: images, geometry: geometry, loss: loss, lambda: lambda)
    let fourier = solve(program.composite, limits)
    guard side <= (isQuick ? 8 : 16) else {
      return Row(side: side, spectra: spectra, fourier: fourier, direct: nil)
    }
    let problem = try TrainingProblem(
      images: images, geometry: geometry, pooling: Pooling(.none), activation: .linear, loss: loss,
      lambda: lambda)
    let direct = solve(try GatedProgram(problem: problem, gates: nil).composite, limits)
    return Row(side: side, spectra: spectra, fourier: fourier, direct: direct)
  }

  private func solve(
    _ program: CompositeProgram, _ limits: SolveLimits
  ) -> (seconds: Double, iterations: Int, objective: Double) {
    let watch = ContinuousClock()
    let start = watch.now
    let solution = FISTA().solve(program, limits: limits)
    return ((watch.now - start) / .seconds(1), max(1, solution.iterations), solution.objective)
  }

  private func seconds(_ body: () throws -> Void) rethrows -> Double {
    try ContinuousClock().measure(body) / .seconds(1)
  }

  private func line(_ row: Row) -> String {
    let head = String(
      format: "%4d  %6d  %10.3f  %10.2f  %5d  %7.4f", row.side, row.side * row.side,
      1e3 * row.spectra, 1e3 * row.fourier.seconds, row.fourier.iterations,
      1e3 * row.fourier.seconds / Double(row.fourier.iterations))
    guard let direct = row.direct else { return head }
    return head
      + String(
        format: "  %10.2f  %5d  %8.4f  %10.1e", 1e3 * direct.seconds, direct.iterations,
        1e3 * direct.seconds / Double(direct.iterations),
        abs(direct.objective - row.fourier.objective) / direct.objective)
  }
}
