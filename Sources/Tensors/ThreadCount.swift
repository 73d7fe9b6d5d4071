#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The number of processors, from the operating system.
enum ThreadCount {
  static let available = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
}
