import ConvexCNN
import Reports

/// A value in a result file, with its place for errors and for programs that read the page.
struct ResultNode {
  /// Name of the file.
  let file: String
  /// Keys and indices from the top, for example `phases[0].seconds`; empty at the top.
  let key: String
  /// The value.
  let value: JSONValue

  /// A number with the digits of the file.
  struct Number {
    let digits: String
    let value: Double
    let key: String

    /// The number as a cell.
    ///
    /// - Parameters:
    ///   - text: What is shown; nil for at most eight significant digits.
    ///   - shade: How strongly the cell is colored.
    /// - Returns: The cell, with all digits and the place of the number.
    func cell(_ text: String? = nil, shade: Int = 0) -> ReportTable.Cell {
      ReportTable.Cell(
        digits: digits, text: text ?? (digits.count <= 9 ? digits : brief), key: key, shade: shade)
    }

    /// The number in at most eight digits.
    var brief: String { String(value, format: "%.8g") }

    /// The number as a cell with all its digits.
    var wholeCell: ReportTable.Cell { ReportTable.Cell(digits: digits, key: key) }

    /// A share in percent, as a cell.
    var percentCell: ReportTable.Cell { cell(percent(value)) }
  }

  /// A member of an object; nil when it is absent or null.
  func member(_ name: String) throws -> ResultNode? {
    guard case .object = value else { throw mismatch("an object") }
    guard let member = value[name], member != .null else { return nil }
    return ResultNode(file: file, key: key.isEmpty ? name : "\(key).\(name)", value: member)
  }

  /// A member that has to be there.
  func required(_ name: String) throws -> ResultNode {
    guard let result = try member(name) else {
      throw mismatch("a key \"\(name)\"", found: "none")
    }
    return result
  }

  /// The elements of an array.
  func elements() throws -> [ResultNode] {
    guard case .array(let values) = value else { throw mismatch("an array") }
    return values.enumerated().map {
      ResultNode(file: file, key: "\(key)[\($0.offset)]", value: $0.element)
    }
  }

  /// The value as a finite number.
  func number() throws -> Number {
    guard case .number(let digits) = value, let number = Double(digits), number.isFinite else {
      throw mismatch("a finite number")
    }
    return Number(digits: digits, value: number, key: key)
  }

  /// The value as a whole number from 0 to a limit.
  func whole(atMost limit: Int = 1 << 53) throws -> Int {
    let number = try number()
    guard let whole = Int(exactly: number.value), 0...limit ~= whole else {
      throw mismatch("a whole number from 0 to \(limit)")
    }
    return whole
  }

  /// The value as text.
  func text() throws -> String {
    guard case .string(let text) = value else { throw mismatch("a string") }
    return text
  }

  /// A member as a number; nil when it is absent or null.
  func number(_ name: String) throws -> Number? { try member(name)?.number() }

  /// A member as text; nil when it is absent or null.
  func text(_ name: String) throws -> String? { try member(name)?.text() }

  /// An array of numbers, some of which may be null.
  func numbers() throws -> [Number?] {
    try elements().map { $0.value == .null ? nil : try $0.number() }
  }

  /// A member as an array of numbers, all of them there; empty when it is absent or null.
  func values(_ name: String) throws -> [Number] {
    try member(name)?.elements().map { try $0.number() } ?? []
  }

  /// The error of a value that should be another.
  func mismatch(_ expected: String, found: String? = nil) -> InputError {
    InputError(
      .data, key.isEmpty ? file : "\(file): \(key)", expected: expected,
      found: found ?? value.kind, advice: "Write the file again with ccnn.")
  }
}
