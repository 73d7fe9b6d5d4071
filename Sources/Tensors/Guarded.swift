import Synchronization

/// A value that one thread at a time may use: a mutex whose order thread sanitizers see.
///
/// They do not see into that of the library on Linux, and report what it guards; an atomic inside it says the order again.
package struct Guarded<Value>: ~Copyable, Sendable {
  private let mutex: Mutex<Value>
  private let order = Atomic<UInt8>(0)

  /// A guarded value.
  package init(_ value: consuming sending Value) { mutex = Mutex(value) }

  /// Does some work on the value while no other thread does.
  ///
  /// - Parameter body: The work.
  /// - Returns: What the work returned.
  /// - Throws: What the work throws.
  package borrowing func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    try mutex.withLock { value throws(Failure) -> sending Result in
      _ = order.load(ordering: .acquiring)
      defer { order.store(0, ordering: .releasing) }
      return try body(&value)
    }
  }
}
