import Formats
import Tensors
import Testing

struct CSVTests {
  private let folder = TemporaryFolder()

  private func read(_ text: String) throws -> CSV.Table {
    try CSV.read(folder.write(text, "a.csv"))
  }

  private func message(_ text: String) -> String { folder.message { _ = try read(text) } }

  @Test
  func tableWithoutHeaderIsRead() throws {
    let table = try read("1,2,3\n4,5,6\n")
    #expect(table.header == nil)
    #expect(table.values == Matrix([[1, 2, 3], [4, 5, 6]]))
    #expect(table.isInteger)
    #expect(table.array.elementKind == .integer)
    #expect(table.array.shape == [2, 3])
  }

  @Test
  func headerIsKept() throws {
    let table = try read("label,\"a, b\",\"say \"\"x\"\"\",0\r\n1,2.5,3,4\r\n")
    #expect(table.header == ["label", "a, b", "say \"x\"", "0"])
    #expect(table.values == Matrix([[1, 2.5, 3, 4]]))
    #expect(!table.isInteger)
  }

  @Test(arguments: [
    ",2\n3,4\n", "?,2\n3,4\n", "NA,2\n3,4\n", "n/a,NA\n3,4\n", "1e,2f\n3,4\n",
    "0x\n1\n", "\"\",2\n3,4\n", " null ,2\n3,4\n", "--,b\n1,2\n",
  ])
  func aDamagedFirstLineIsNoHeader(_ text: String) {
    let said = message(text)
    #expect(said.contains("a number in column 1") && said.contains("a header begins with a name"))
  }

  @Test(arguments: ["NAME,2\n3,4\n", "# a,b\n3,4\n", "_,0\n3,4\n", "größe,b\n3,4\n"])
  func aNameBeginsAHeader(_ text: String) throws {
    #expect(try read(text).values == Matrix([[3, 4]]))
  }

  @Test(arguments: [
    "1,2\n3,4", "1,2\r\n3,4\r\n", "1,2\n3,4\n\n \r\n", " 1 ,\t2\n3,4 \n", "\"1\",2\n3,\"4\"\n",
    "\u{FEFF}1,2\n3,4\n", "+1,2\n3,04\n", "1,2\r\n3,4\r",
  ])
  func layoutsOfTheSameTableAgree(_ text: String) throws {
    let table = try read(text)
    #expect(table.values == Matrix([[1, 2], [3, 4]]))
    #expect(table.isInteger)
  }

  @Test(arguments: [
    "0.1", "-0.0", "1e22", "1e23", "1e-22", "123456789012345678", "9007199254740993", ".5", "5.",
    "1E+3", "4.9e-324", "1e-400", "2.2250738585072011e-308", "0.000000000000000000000000012",
    "179769313486231570000000000000000000000", "12345678901234567890.", "8.5070591730234616e+37",
  ])
  func numbersAreTheNearestDoubles(_ text: String) throws {
    let nearest = text.hasSuffix(".") ? Double(text.dropLast()) : Double(text)
    let value = try read(text).values.elements
    #expect(value.map { $0.bitPattern } == [nearest?.bitPattern])
  }

  @Test
  func nonFiniteNumbersAreReadAsSuch() throws {
    let table = try read("nan,inf,-inf,NaN,Infinity,1e999\n")
    let values = table.values.elements
    #expect(values[0].isNaN && values[3].isNaN)
    #expect(
      [values[1], values[2], values[4], values[5]] == [.infinity, -.infinity, .infinity, .infinity])
    #expect(!table.isInteger)
  }

  @Test
  func randomNumbersReadBackBitForBit() throws {
    var generator = SeededGenerator(seed: 11)
    var values: [Double] = (0..<3000).map { _ in generator.normal() }
    for _ in 0..<3000 {
      let value = Double(bitPattern: generator.next())
      values.append(value.isNaN ? 0 : value)
    }
    let matrix = Matrix(rows: 1000, columns: 6, elements: values)
    try CSV.write(matrix, to: folder.file("b.csv"), header: ["a", "b,c", "d\"e", "f", "g", "h"])
    let table = try CSV.read(folder.file("b.csv"))
    #expect(table.header == ["a", "b,c", "d\"e", "f", "g", "h"])
    #expect(bits(table.values.elements) == bits(values))
  }

  @Test
  func integersAreWrittenWithoutPoint() throws {
    try CSV.write(Matrix([[1, -2], [3.5, 0]]), to: folder.file("a"), asIntegers: true)
    #expect(folder.read("a") == Array("1,-2\n3.5,0\n".utf8))
    try CSV.write(Matrix([[1, -2]]), to: folder.file("a"))
    #expect(folder.read("a") == Array("1.0,-2.0\n".utf8))
  }

  @Test
  func errorsNameTheLine() {
    let advice = " Write one sample per line, values separated by commas."
    #expect(
      message("1,2\n3,x\n") == "a.csv:2: expected a number in column 2, found 'x'." + advice)
    #expect(
      message("1,x\n3,4\n") == "a.csv:1: expected a number in column 2, found 'x'." + advice)
    #expect(
      message("a,b\n1,2\n3,\n") == "a.csv:3: expected a number in column 2, "
        + "found an empty field." + advice)
    #expect(
      message("1,2\n3\n") == "a.csv:2: expected 2 values as in the lines before, found 1. "
        + "Give every line the same number of values.")
    #expect(message("1,2\n3,4,5\n").hasPrefix("a.csv:2: expected 2 values"))
    #expect(message("a,b\n3,4,5\n").hasPrefix("a.csv:2: expected 2 values"))
    #expect(
      message("1,2\n\n3,4\n").hasPrefix("a.csv:2: expected a number in column 1, found an em"))
    #expect(
      message("") == "a.csv:1: expected a line of numbers, found the end of the file." + advice)
    #expect(message("a,b\n").hasPrefix("a.csv:2: expected a line of numbers"))
    #expect(message("1;2\n3;4\n").hasPrefix("a.csv:1: expected a number in column 1, found '1;2'."))
  }

  @Test(arguments: [
    "1,0x10", "1,1e", "1,1e+", "1,--1", "1,1.2.3", "1,1 2", "1,\"", "1,\"\"", "1,\"\"1\"\"", "1,e5",
    "1,.", "1,-", "1,infinite", "1,1\r2", "1,1\u{0}", "1,\u{663}", "1,1_000",
  ])
  func whatIsNotANumberIsRejected(_ text: String) {
    let error = folder.error { _ = try read(text) }
    #expect(error?.line == 1)
    #expect(error?.expected == "a number in column 2")
  }

  /// Quotes within quotes were read one inside the other, until the stack ended.
  @Test(arguments: [1, 2, 100_000])
  func nestedQuotesAreNoNumber(depth: Int) {
    let text =
      "1,\"" + String(repeating: " \"", count: depth) + "1" + String(repeating: "\" ", count: depth)
      + "\""
    let error = folder.error { _ = try read(text) }
    #expect(error?.line == 1)
    #expect(error?.expected == "a number in column 2")
  }

  @Test
  func arbitraryBytesNeverTrap() {
    var generator = SeededGenerator(seed: 3)
    let alphabet = Array("0123456789.,-+eE\"\r\n \tnaif\u{FEFF}".utf8) + [0, 255]
    for _ in 0..<2000 {
      let count = generator.integer(below: 40)
      let bytes = (0..<count).map { _ in alphabet[generator.integer(below: alphabet.count)] }
      let path = folder.write(bytes, "a.csv")
      do { _ = try CSV.read(path) } catch { #expect(error is FormatError) }
    }
  }
}
