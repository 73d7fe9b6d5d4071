/// What this machine reaches at best, measured in the same run.
package struct Ceiling: Codable, Equatable, Sendable {
  /// What is measured.
  package let name: String
  /// Threads used.
  package let threads: Int
  /// Billions of bytes or of floating-point operations per second, the best of several runs.
  package let rate: Double
  /// `GB/s` or `GF/s`.
  package let unit: String

  /// A ceiling.
  package init(_ name: String, threads: Int, rate: Double, unit: String) {
    (self.name, self.threads, self.rate, self.unit) = (name, threads, rate, unit)
  }
}

/// A kernel beside the least time that this machine needs for what the kernel must move and do.
package struct FloorResult: Codable, Equatable, Sendable {
  package let kernel: String
  package let setting: String
  package let threads: Int
  /// Bytes that have to be read from and written to memory, each once.
  package let bytes: Double
  /// Floating-point operations, as many as the algorithm has.
  package let operations: Double
  /// Seconds, the least of several runs.
  package let seconds: Double
  /// Seconds that the bytes take at the rate of the triad.
  package let memoryFloor: Double
  /// Seconds that the operations take at the rate of the matrix product.
  package let operationFloor: Double
  /// The larger floor over the seconds: 1 is as fast as the machine allows, by the ceilings measured.
  package let fraction: Double

  /// The result of a kernel's times.
  ///
  /// - Parameters:
  ///   - kernel: Name of the kernel.
  ///   - setting: The sizes.
  ///   - threads: Threads used.
  ///   - bytes: Bytes to move.
  ///   - operations: Operations to do.
  ///   - seconds: Measured seconds.
  ///   - triad: GB/s with as many threads.
  ///   - product: GF/s with as many threads, in the kernel's precision.
  package init(
    kernel: String, setting: String, threads: Int, bytes: Double, operations: Double,
    seconds: Double, triad: Double, product: Double
  ) {
    (self.kernel, self.setting, self.threads) = (kernel, setting, threads)
    (self.bytes, self.operations, self.seconds) = (bytes, operations, seconds)
    memoryFloor = bytes / (1e9 * triad)
    operationFloor = operations / (1e9 * product)
    fraction = max(memoryFloor, operationFloor) / seconds
  }

  /// What bounds the kernel.
  package var boundBy: String { memoryFloor > operationFloor ? "memory" : "arithmetic" }
}
