import Synchronization

/// Memory aligned to cache lines that grows on demand and never shrinks; growing discards the contents.
///
/// Not safe to use from two threads at once; whoever holds the workspace is the only user.
final class AlignedBuffer: @unchecked Sendable {
  private static let alignment = 64
  private var start: UnsafeMutablePointer<Double>?
  private var capacity = 0

  /// Room for `count` numbers with unspecified values.
  func reserve(_ count: Int) -> UnsafeMutablePointer<Double> {
    if let start, count <= capacity { return start }
    start?.deallocate()
    let fresh = UnsafeMutableRawPointer.allocate(
      byteCount: max(count, 1) * MemoryLayout<Double>.stride, alignment: Self.alignment
    ).bindMemory(to: Double.self, capacity: max(count, 1))
    start = fresh
    capacity = max(count, 1)
    return fresh
  }

  deinit { start?.deallocate() }
}

/// Scratch memory of a convolution layer; grows on demand.
///
/// A workspace serves one call at a time. Copies share their memory, so give each thread its own from `init`.
public struct ConvolutionWorkspace: Sendable {
  /// Patches (im2col), packed filters or cotangents (direct), planes of an image or packed filters (FFT).
  let first = AlignedBuffer()
  /// Packed gradients (direct), spectra of an image as FFTW writes them (FFT).
  let second = AlignedBuffer()
  /// Planes in the middle of a transform (FFT).
  let third = AlignedBuffer()
  /// Spectra of the filters or of the gradient (FFT).
  let filterSpectra = AlignedBuffer()
  /// Spectra of a few tiles, when those of all samples do not fit in the cache (FFT).
  let imageSpectra = AlignedBuffer()
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
