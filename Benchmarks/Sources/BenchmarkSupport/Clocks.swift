#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Times and memory of this process.
package enum Clocks {
  /// Seconds since some moment.
  package static var wall: Double { seconds(CLOCK_MONOTONIC) }
  /// Processor seconds of all threads.
  package static var processor: Double { seconds(CLOCK_PROCESS_CPUTIME_ID) }
  /// Processor seconds of the calling thread.
  package static var thread: Double { seconds(CLOCK_THREAD_CPUTIME_ID) }

  /// Largest resident memory so far, in megabytes.
  package static var peakMegabytes: Double {
    var usage = rusage()
    #if canImport(Glibc)
      getrusage(__rusage_who_t(Int32(RUSAGE_SELF.rawValue)), &usage)
      return Double(usage.ru_maxrss) / 1024
    #else
      getrusage(RUSAGE_SELF, &usage)
      return Double(usage.ru_maxrss) / 1_048_576
    #endif
  }

  /// Programs that waited for a processor during the last minute, on average.
  package static var load: Double {
    var loads = [0.0, 0, 0]
    return getloadavg(&loads, 3) == 3 ? loads[0] : 0
  }

  private static func seconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
  }
}
