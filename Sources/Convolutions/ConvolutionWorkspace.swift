import CFFTW
import Synchronization

/// Memory aligned for FFTW that grows on demand and never shrinks; growing discards the contents.
///
/// Not safe to use from two threads at once; whoever holds the workspace is the only user.
final class AlignedBuffer: @unchecked Sendable {
  private var start: UnsafeMutablePointer<Double>?
  private var capacity = 0

  /// Room for `count` numbers with unspecified values.
  func reserve(_ count: Int) -> UnsafeMutablePointer<Double> {
    if let start, count <= capacity { return start }
    if let start { fftw_free(start) }
    guard let fresh = fftw_alloc_real(max(count, 1)) else {
      preconditionFailure("AlignedBuffer: no memory for \(count) numbers")
    }
    start = fresh
    capacity = max(count, 1)
    return fresh
  }

  deinit { if let start { fftw_free(start) } }
}

/// Scratch memory of a convolution layer; grows on demand.
///
/// A workspace serves one call at a time. Copies share their memory, so give each thread its own from `init`.
public struct ConvolutionWorkspace: Sendable {
  /// Patches (im2col), packed filters or cotangents (direct), planes (FFT).
  let first = AlignedBuffer()
  /// Packed gradients (direct), spectra of planes (FFT).
  let second = AlignedBuffer()
  /// Planes that stay zero outside the positions (adjoint of FFT).
  let third = AlignedBuffer()
  /// Spectra of the filters or of the gradient (FFT).
  let filterSpectra = AlignedBuffer()
  /// Spectra of one sample, when they do not fit in the cache (FFT).
  let sampleSpectra = AlignedBuffer()
  /// The engine whose filters `filterSpectra` belongs to, if it belongs to any.
  var spectraOwner: FFTEngine.Token?
  /// The filters that `filterSpectra` belongs to.
  var spectraFilters: [Double] = []

  /// An empty workspace.
  package init() {}
}

/// Workspaces that chunks of work borrow, so that their memory is allocated once per thread.
final class WorkspacePool: Sendable {
  private let idle = Mutex<[ConvolutionWorkspace]>([])

  func withWorkspace(_ body: (inout ConvolutionWorkspace) -> Void) {
    var workspace = idle.withLock { $0.popLast() } ?? ConvolutionWorkspace()
    body(&workspace)
    let used = workspace
    idle.withLock { $0.append(used) }
  }
}
