import Tensors

/// Memory aligned to cache lines that grows on demand and never shrinks; growing discards the contents.
///
/// Not safe to use from two threads at once; whoever holds the workspace is the only user.
final class AlignedBuffer: @unchecked Sendable {
  private static let alignment = 64
  private var start: UnsafeMutableRawPointer?
  private var capacity = 0

  /// Room for `count` numbers with unspecified values.
  func reserve(_ count: Int) -> UnsafeMutablePointer<Double> { reserve(count, of: Double.self) }

  /// Room for `count` numbers of a type with unspecified values.
  func reserve<Scalar: BitwiseCopyable>(
    _ count: Int, of type: Scalar.Type
  ) -> UnsafeMutablePointer<Scalar> {
    let bytes = max(count, 1) * MemoryLayout<Scalar>.stride
    if let start, bytes <= capacity { return start.bindMemory(to: type, capacity: count) }
    start?.deallocate()
    let fresh = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: Self.alignment)
    start = fresh
    capacity = bytes
    return fresh.bindMemory(to: type, capacity: count)
  }

  deinit { start?.deallocate() }
}

/// Identity of an engine, for workspaces to remember whose spectra they hold.
final class SpectraToken: Sendable {}

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
  /// Responses that are used and forgotten.
  let responses = AlignedBuffer()
  /// The engine whose filters `filterSpectra` belongs to, if it belongs to any.
  var spectraOwner: SpectraToken?
  /// The filters that `filterSpectra` belongs to; those in single precision are widened.
  var spectraFilters: [Double] = []

  /// An empty workspace.
  package init() {}
}

/// Workspaces that chunks of work borrow, so that their memory is allocated once per thread.
final class WorkspacePool: Sendable {
  private let idle = Guarded<[ConvolutionWorkspace]>([])

  func withWorkspace(_ body: (inout ConvolutionWorkspace) -> Void) {
    var workspace = idle.withLock { $0.popLast() } ?? ConvolutionWorkspace()
    body(&workspace)
    let used = workspace
    idle.withLock { $0.append(used) }
  }
}
