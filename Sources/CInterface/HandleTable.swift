import Synchronization

/// Objects that C code names by a number, so that a wrong or freed number is an error and no crash.
final class HandleTable<Value: Sendable>: Sendable {
  private struct Contents {
    var values: [Int64: Value] = [:]
    var last: Int64 = 0
  }

  private let contents = Mutex(Contents())

  /// Keeps a value under a number that was not used before.
  func insert(_ value: Value) -> Int64 {
    contents.withLock {
      $0.last += 1
      $0.values[$0.last] = value
      return $0.last
    }
  }

  /// The value of a number, nil when there is none.
  func value(_ handle: Int64) -> Value? { contents.withLock { $0.values[handle] } }

  /// Forgets the value of a number; a number without one is left alone.
  func remove(_ handle: Int64) { contents.withLock { _ = $0.values.removeValue(forKey: handle) } }
}
