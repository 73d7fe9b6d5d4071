import ConvexCNN
import Foundation
import Testing

struct TrainingConfigurationTests {
  @Test(arguments: ["3x3", "5", "1x7"])
  func filterSizesReadBack(text: String) {
    #expect(FilterSize(rawValue: text)?.rawValue == text)
  }

  @Test(arguments: ["", "x", "3x", "0x3", "3x3x3", "-1", "3.0", "٣x3", "70000"])
  func otherFilterSizesAreRefused(text: String) {
    #expect(FilterSize(rawValue: text) == nil)
  }

  @Test(arguments: ["generate", "all", "sample:64"])
  func cellChoicesReadBack(text: String) {
    #expect(CellChoice(rawValue: text)?.rawValue == text)
  }

  @Test(arguments: ["every", "sample:", "sample:0", "sample:-1", "sample:1e3"])
  func otherCellChoicesAreRefused(text: String) {
    #expect(CellChoice(rawValue: text) == nil)
  }

  @Test(arguments: [Strength.lambda(0.25), .ratio(0.1)])
  func everyFlagReadsBack(strength: Strength) throws {
    let size = try #require(FilterSize(rawValue: "5"))
    var flags = TrainingConfiguration(filter: size)
    flags.dataset = "waveform"
    (flags.stride, flags.padding, flags.pooling, flags.bias) = (2, "zero", "sum:1x3", true)
    (flags.activation, flags.loss, flags.strength) = (.gated, "softmax", strength)
    (flags.cells, flags.standardize, flags.gap) = (.sample(9), .pixel, 1e-5)
    flags.gates = .clusterMeans
    flags.outputBias = true
    (flags.solver, flags.frankWolfe.step, flags.frankWolfe.budget) = (.frankWolfe, .away, 2.5)
    (flags.maximumCells, flags.seed, flags.testFraction) = (7, .max, 0.25)
    let text = try JSON.text(of: flags)
    let back = try JSONDecoder().decode(TrainingConfiguration.self, from: Data(text.utf8))
    #expect(back == flags)
  }

  /// Models of versions without the flag had centered gates; other names are not guessed.
  @Test func gatesMayBeAbsentButNotUnknown() throws {
    var flags = TrainingConfiguration(filter: FilterSize(height: 2, width: 2))
    (flags.activation, flags.gates) = (.gated, .patches)
    let text = try JSON.text(of: flags)
    func read(_ name: String) throws -> TrainingConfiguration {
      let changed = text.replacingOccurrences(of: "\"gates\" : \"patches\",", with: name)
      return try JSONDecoder().decode(TrainingConfiguration.self, from: Data(changed.utf8))
    }
    #expect(try read("\"gates\" : \"patches\",") == flags)
    #expect(try read("").gates == .centered)
    #expect(throws: DecodingError.self) { try read("\"gates\" : \"best\",") }
  }

  @Test func absentFlagsAreNull() throws {
    let text = try JSON.text(of: TrainingConfiguration(filter: FilterSize(height: 2, width: 2)))
    let json = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    let nulls = ["dataset", "gates", "lambda", "loss", "maximumCells", "testFraction"]
    let found = nulls.filter { json?[$0] is NSNull }
    #expect(found == nulls)
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity])
  func numbersThatAreNotFiniteAreNull(value: Double) throws {
    let text = try JSON.text(of: [Finite(value), Finite(1), Finite(nil)])
    let words = text.split { $0.isWhitespace || "[],".contains($0) }
    #expect(words == ["null", "1", "null"])
  }

  @Test func problemsAreReportedTogetherWithTheNearestName() {
    var problems = OptionProblems()
    _ = problems.choice("--loss", "squard", among: ["squared", "softmax", "logistic"])
    problems.check("--gap", .nan, "a number > 0") { $0 > 0 }
    problems.check("--threads", 0, atLeast: 1)
    let error = #expect(throws: OptionProblems.self) { try problems.throwIfAny() }
    let text = error?.description ?? ""
    #expect(text.contains("Did you mean squared?"))
    #expect(text.split(separator: "\n").count == 3)
  }
}
