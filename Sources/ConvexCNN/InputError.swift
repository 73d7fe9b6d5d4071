/// Options, data or files that training cannot start from.
///
/// Reads `place: expected ..., found .... advice`.
public struct InputError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Who has to act.
  public enum Kind: Sendable, Equatable {
    /// An option has a value that is not legal, alone or with the others.
    case usage
    /// Data are wrong: labels, pixels, shapes, a model of another shape.
    case data
    /// A file or folder cannot be read or written.
    case access
  }

  /// Who has to act.
  public let kind: Kind
  /// File, option or tensor that was looked at, with the index inside it.
  public let place: String
  /// What it should have been.
  public let expected: String
  /// What it was.
  public let found: String
  /// What to do about it.
  public let advice: String

  /// An error with all its parts.
  ///
  /// - Parameters:
  ///   - kind: Who has to act.
  ///   - place: File, option or tensor that was looked at.
  ///   - expected: What it should have been.
  ///   - found: What it was.
  ///   - advice: What to do about it.
  public init(_ kind: Kind, _ place: String, expected: String, found: String, advice: String) {
    self.kind = kind
    self.place = place
    self.expected = expected
    self.found = found
    self.advice = advice
  }

  /// The error as one sentence and an advice.
  public var description: String { "\(place): expected \(expected), found \(found). \(advice)" }
}

/// Several illegal options, reported together before any work starts.
package struct OptionProblems: Error, Equatable, Sendable, CustomStringConvertible {
  /// The problems in the order in which they were found, never empty when thrown.
  package private(set) var problems: [InputError] = []

  /// A list without problems.
  package init() {}

  /// One problem in each line.
  package var description: String { problems.map(\.description).joined(separator: "\n") }

  /// Adds a problem of an option.
  ///
  /// - Parameters:
  ///   - option: Name on the command line, with its dashes.
  ///   - value: Value given.
  ///   - expected: Legal values.
  ///   - advice: What to do.
  package mutating func add(_ option: String, value: String, expected: String, advice: String) {
    problems.append(
      InputError(.usage, option, expected: expected, found: "\"\(value)\"", advice: advice))
  }

  /// The value of an option that takes one of some names; a name that is none of them is a problem.
  ///
  /// - Parameters:
  ///   - option: Name on the command line, with its dashes.
  ///   - value: Value given.
  ///   - names: Legal values; the first is returned when there is a problem.
  /// - Returns: The value, or the first legal one.
  package mutating func choice(_ option: String, _ value: String, among names: [String]) -> String {
    if names.contains(value) { return value }
    let nearest = names.min { editDistance($0, value) < editDistance($1, value) } ?? ""
    add(
      option, value: value, expected: "one of \(names.joined(separator: ", "))",
      advice: "Did you mean \(nearest)?")
    return names[0]
  }

  /// Checks that a number is in a range and finite.
  ///
  /// - Parameters:
  ///   - option: Name on the command line, with its dashes.
  ///   - value: Number given, or nil when the option is absent.
  ///   - expected: The range in words.
  ///   - isLegal: Whether a finite number is in the range.
  package mutating func check(
    _ option: String, _ value: Double?, _ expected: String, _ isLegal: (Double) -> Bool
  ) {
    guard let value, !(value.isFinite && isLegal(value)) else { return }
    add(option, value: "\(value)", expected: expected, advice: "Choose a value in that range.")
  }

  /// Checks that a count is at least some number.
  ///
  /// - Parameters:
  ///   - option: Name on the command line, with its dashes.
  ///   - value: Count given, or nil when the option is absent.
  ///   - least: Smallest legal count.
  package mutating func check(_ option: String, _ value: Int?, atLeast least: Int) {
    guard let value, value < least else { return }
    add(
      option, value: "\(value)", expected: "an integer >= \(least)",
      advice: "Choose a value in that range.")
  }

  /// Throws the list unless it is empty.
  package func throwIfAny() throws {
    if !problems.isEmpty { throw self }
  }
}

/// Number of single-character insertions, deletions and substitutions between two strings.
func editDistance(_ a: String, _ b: String) -> Int {
  let (a, b) = (Array(a), Array(b))
  var previous = Array(0...b.count)
  for (i, x) in a.enumerated() {
    var current = [i + 1]
    for (j, y) in b.enumerated() {
      current.append(
        min(previous[j + 1] + 1, current[j] + 1, previous[j] + (x == y ? 0 : 1)))
    }
    previous = current
  }
  return previous[b.count]
}
