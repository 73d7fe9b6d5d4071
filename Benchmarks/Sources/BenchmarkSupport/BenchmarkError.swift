/// What a benchmark program cannot do: where, what was expected, what was found, what to do.
package struct BenchmarkError: Error, Equatable, CustomStringConvertible {
  /// Code of the process: 1 unexpected, 64 usage, 74 cannot read or write.
  package let code: Int32
  /// The error as a sentence.
  package let description: String

  /// An error.
  package init(_ place: String, expected: String, found: String, advice: String, code: Int32 = 1) {
    self.code = code
    description = "\(place): expected \(expected), found \(found). \(advice)"
  }
}
