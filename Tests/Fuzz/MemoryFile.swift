#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file for readers that want a path, in a folder of this process.
struct MemoryFile {
  private let path: String

  /// A file with some bytes.
  init(_ bytes: [UInt8]) {
    // Memory where there is a file system of it.
    let folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    path = "\(folder)/ccnn-fuzz-\(getpid())"
    unlink(path)
    guard let stream = fopen(path, "w") else { return }
    fwrite(bytes, 1, bytes.count, stream)
    fclose(stream)
  }

  /// Does some work on the file, which is gone afterwards.
  func read<Result>(_ work: (String) throws -> Result) rethrows -> Result {
    defer { unlink(path) }
    return try work(path)
  }
}
