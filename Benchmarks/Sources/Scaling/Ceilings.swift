import BenchmarkSupport
import CCeilings
import Dispatch
import Tensors

/// What this machine reaches: the rate of memory and of matrix products.
struct Ceilings {
  /// Triad in GB/s, matrix products in GF/s, by number of threads.
  private(set) var all: [Ceiling] = []

  /// Measures with each number of threads.
  ///
  /// - Parameters:
  ///   - threads: Numbers of threads.
  ///   - isQuick: Whether to measure for a tenth of a second instead of a second each.
  init(threads: [Int], isQuick: Bool) {
    let seconds = isQuick ? 0.2 : 1
    // The first product of the package chooses OpenBLAS's kernels; the ceilings are those of the same ones.
    _ = BLAS.dot([1], [1])
    for count in threads {
      all.append(
        Ceiling("triad", threads: count, rate: Self.triad(count, seconds), unit: "GB/s"))
      all.append(
        Ceiling("dgemm", threads: count, rate: Self.dgemm(count, seconds), unit: "GF/s"))
      all.append(
        Ceiling("sgemm", threads: count, rate: Self.sgemm(count, seconds), unit: "GF/s"))
    }
  }

  /// The rate of a ceiling.
  func rate(_ name: String, threads: Int) -> Double {
    all.first { $0.name == name && $0.threads == threads }?.rate ?? .nan
  }

  /// Least wall seconds of work that is repeated for some time.
  static func leastSeconds(_ seconds: Double, _ work: () throws -> Void) rethrows -> Double {
    try work()
    let start = Clocks.wall
    var least = Double.infinity
    repeat {
      let before = Clocks.wall
      try work()
      least = min(least, Clocks.wall - before)
    } while Clocks.wall - start < seconds
    return least
  }

  /// `a = b + s c` over vectors of 128 MB, each thread on its own part.
  private static func triad(_ threads: Int, _ seconds: Double) -> Double {
    let count = 16 << 20
    let vectors = (0..<3).map { index in
      UnsafeMutableBufferPointer<Double>.allocate(capacity: count).initialized(to: Double(index))
    }
    defer { for vector in vectors { vector.deallocate() } }
    guard let a = vectors[0].baseAddress, let b = vectors[1].baseAddress,
      let c = vectors[2].baseAddress
    else { return .nan }
    nonisolated(unsafe) let (first, second, third) = (a, b, c)
    let part = count / threads
    let least = leastSeconds(seconds) {
      DispatchQueue.concurrentPerform(iterations: threads) { index in
        ceilings_triad(
          first + index * part, second + index * part, third + index * part, 0.5, part)
      }
    }
    return 24 * Double(part * threads) / least / 1e9
  }

  private static func dgemm(_ threads: Int, _ seconds: Double) -> Double {
    let order = 1024
    let a = [Double](repeating: 1.5, count: order * order)
    var c = a
    return product(order, threads, seconds) { ceilings_dgemm(a, a, &c, Int32(order)) }
  }

  private static func sgemm(_ threads: Int, _ seconds: Double) -> Double {
    let order = 1024
    let a = [Float](repeating: 1.5, count: order * order)
    var c = a
    return product(order, threads, seconds) { ceilings_sgemm(a, a, &c, Int32(order)) }
  }

  /// GF/s of a product of square matrices with several threads of OpenBLAS.
  private static func product(
    _ order: Int, _ threads: Int, _ seconds: Double, _ work: () -> Void
  ) -> Double {
    ceilings_set_threads(Int32(threads))
    // The package itself wants one.
    defer { ceilings_set_threads(1) }
    let least = leastSeconds(seconds, work)
    return 2 * Double(order * order * order) / least / 1e9
  }
}

extension UnsafeMutableBufferPointer<Double> {
  /// The memory with a value everywhere.
  fileprivate func initialized(to value: Double) -> Self {
    initialize(repeating: value)
    return self
  }
}
