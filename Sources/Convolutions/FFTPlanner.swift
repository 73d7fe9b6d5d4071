import CFFTW
import Tensors

/// How much effort FFTW puts into a plan.
public enum FFTPlanning: String, Sendable, CaseIterable {
  /// A plan by rules of thumb, at once; the same in every run.
  case estimate
  /// The fastest of several plans, timed; up to seconds for large images, and the last bits may differ between runs.
  case measure

  var flags: UInt32 { self == .estimate ? UInt32(FFTW_ESTIMATE) : UInt32(FFTW_MEASURE) }
}

/// What FFTW has learned about fast plans on this machine.
public enum FFTWisdom {
  /// Adds the wisdom of a file to what FFTW knows.
  ///
  /// - Throws: `GeometryError` when the file cannot be read or is not wisdom.
  public static func load(_ path: String) throws {
    let code = FFTPlanner.locked { fftw_import_wisdom_from_filename(path) }
    guard code != 0 else { throw GeometryError(.wisdom(path: path, writing: false)) }
  }

  /// Writes what FFTW knows to a file.
  ///
  /// - Throws: `GeometryError` when the file cannot be written.
  public static func save(_ path: String) throws {
    let code = FFTPlanner.locked { fftw_export_wisdom_to_filename(path) }
    guard code != 0 else { throw GeometryError(.wisdom(path: path, writing: true)) }
  }
}

/// The lock around FFTW's planner, the one global state of the package: only execution is thread-safe.
enum FFTPlanner {
  private static let lock = Guarded(())
  private static let threadSafe: Void = fftw_make_planner_thread_safe()

  static func locked<Result>(_ body: () -> Result) -> Result {
    _ = threadSafe
    return lock.withLock { _ in body() }
  }

  /// The smallest number from `least` on without a prime factor above 7.
  static func smoothNumber(atLeast least: Int) -> Int {
    var candidate = max(1, least)
    while !isSmooth(candidate) { candidate += 1 }
    return candidate
  }

  /// The numbers of a range without a prime factor above 7, ascending.
  static func smoothNumbers(in range: ClosedRange<Int>) -> [Int] { range.filter { isSmooth($0) } }

  /// Whether a number has no prime factor above 7.
  static func isSmooth(_ number: Int) -> Bool {
    var rest = number
    for prime in [2, 3, 5, 7] { while rest % prime == 0 { rest /= prime } }
    return rest == 1
  }
}

/// A batch of 2-D real transforms of one size, in one direction.
///
/// Executed on arrays other than those it was planned with; these come from `AlignedBuffer`, so that all are equally
/// aligned.
final class FFTPlan: @unchecked Sendable {
  enum Direction { case forward, backward }

  private let plan: fftw_plan

  init(_ direction: Direction, rows: Int, columns: Int, batch: Int, planning: FFTPlanning) {
    let plane = rows * columns
    let spectrum = rows * (columns / 2 + 1)
    let (real, complex) = (AlignedBuffer(), AlignedBuffer())
    let x = real.reserve(batch * plane)
    let y = Self.complex(complex.reserve(2 * batch * spectrum))
    let sizes = [Int32(rows), Int32(columns)]
    let made = FFTPlanner.locked {
      switch direction {
      case .forward:
        fftw_plan_many_dft_r2c(
          2, sizes, Int32(batch), x, nil, 1, Int32(plane), y, nil, 1, Int32(spectrum),
          planning.flags)
      case .backward:
        fftw_plan_many_dft_c2r(
          2, sizes, Int32(batch), y, nil, 1, Int32(spectrum), x, nil, 1, Int32(plane),
          planning.flags)
      }
    }
    guard let made else {
      preconditionFailure("FFTW: no plan for \(batch) transforms of \(rows)x\(columns)")
    }
    plan = made
  }

  deinit {
    nonisolated(unsafe) let plan = plan
    FFTPlanner.locked { fftw_destroy_plan(plan) }
  }

  /// Transforms planes to half spectra.
  func forward(_ planes: UnsafeMutablePointer<Double>, _ spectra: UnsafeMutablePointer<Double>) {
    fftw_execute_dft_r2c(plan, planes, Self.complex(spectra))
  }

  /// Transforms half spectra to planes, without dividing by the number of points; the spectra are lost.
  func backward(_ spectra: UnsafeMutablePointer<Double>, _ planes: UnsafeMutablePointer<Double>) {
    fftw_execute_dft_c2r(plan, Self.complex(spectra), planes)
  }

  private static func complex(
    _ start: UnsafeMutablePointer<Double>
  ) -> UnsafeMutablePointer<fftw_complex> {
    UnsafeMutableRawPointer(start).assumingMemoryBound(to: fftw_complex.self)
  }
}
