/// Numbers, matrices and texts as one list of `Double`, which is what ranks send each other.
///
/// Whole numbers are exact up to `2^53`. What is appended first is read first.
package struct RankMessage: Sendable {
  /// Everything appended.
  package private(set) var elements: [Double]
  private var place = 0

  /// A message with given numbers, to be read from the first.
  package init(_ elements: [Double] = []) { self.elements = elements }

  /// Appends a whole number.
  package mutating func append(_ number: Int) { elements.append(Double(number)) }

  /// Appends a list of numbers.
  package mutating func append(_ numbers: [Double]) {
    append(numbers.count)
    elements += numbers
  }

  /// Appends a list of whole numbers.
  package mutating func append(_ numbers: [Int]) { append(numbers.map { Double($0) }) }

  /// Appends a matrix.
  package mutating func append(_ matrix: Matrix) {
    append(matrix.rows)
    append(matrix.columns)
    elements += matrix.elements
  }

  /// Appends a text.
  package mutating func append(_ text: String) { append(text.utf8.map { Int($0) }) }

  /// Reads a whole number.
  package mutating func integer() -> Int {
    place += 1
    return Int(elements[place - 1])
  }

  /// Reads a list of numbers.
  package mutating func numbers() -> [Double] {
    let count = integer()
    return take(count)
  }

  /// Reads a list of whole numbers.
  package mutating func integers() -> [Int] { numbers().map { Int($0) } }

  /// Reads a matrix.
  package mutating func matrix() -> Matrix {
    let (rows, columns) = (integer(), integer())
    return Matrix(rows: rows, columns: columns, elements: take(rows * columns))
  }

  /// Reads a text.
  package mutating func text() -> String {
    String(decoding: integers().map { UInt8($0) }, as: UTF8.self)
  }

  private mutating func take(_ count: Int) -> [Double] {
    place += count
    return Array(elements[place - count..<place])
  }
}
