import ConvexCNN
import Testing

/// The examples of `ccnn landscape --example` on degenerate parametrizations, number by number.
struct StabilityExampleTests {
  private func rows(_ name: StabilityExample.Name) throws -> [[Double]] {
    let example = try StabilityExample.example(name)
    #expect(example.rows.allSatisfy { $0.count == example.columns.count })
    #expect(!example.title.isEmpty && !example.claim.isEmpty)
    return example.rows.map { $0.map { $0.value ?? .infinity } }
  }

  @Test(arguments: [
    (StabilityExample.Name.unbalanced, 1.0, "C.1"), (.redundant, 1, "C.2"), (.opposite, 0.5, "C.3"),
  ])
  func familiesStayApart(name: StabilityExample.Name, least: Double, reason: String) throws {
    for row in try rows(name) {
      #expect(abs(row[1] - 1 / row[0]) <= 1e-14)
      #expect(row[2] >= least)
      #expect(row[3] == least)
      #expect(abs(row[4] - (8 / row[0]).squareRoot()) <= 1e-12)
    }
    let remarks = try StabilityExample.example(name).remarks
    #expect(remarks.first == "as given: outside")
    #expect(remarks.contains { $0.hasPrefix(reason) })
    #expect(remarks.last == "normal forms: pass")
  }

  @Test func oppositePairsCarryALinearPart() throws {
    for row in try rows(.oppositeLinear) { #expect(abs(row[1] - 1 / row[0]) <= 1e-14) }
  }

  @Test func uniformNormSaysNothing() throws {
    for row in try rows(.uniformNorm) {
      #expect(abs(row[1] - 1 / row[0]) <= 1e-12)
      #expect(abs(row[2] - row[0]) <= 1e-12 * row[0])
      #expect(row[3] == row[0].squareRoot())
    }
  }

  @Test func minimumOverParametersIsNoneOverFunctions() throws {
    let row = try rows(.localMinimum)[0]
    #expect(row[0] == 0.5)
    #expect(row[1] == 0.5)
    #expect(abs(row[2] - 0.1) <= 1e-14)
    #expect(abs(row[3] - 0.405) <= 1e-14)
  }

  @Test func descentReportsEveryHundredSteps() throws {
    let rows = try rows(.descent)
    #expect(rows.map { $0[0] } == [0, 100, 200, 300, 400, 500])
    // relu(x) - relu(x - 1) has values and slopes up to 1, and 9 of its 20 units of length at 1, one on the ramp.
    #expect(abs(rows[0][1] - (9 + 1.0 / 3) / 20) <= 1e-3)
    #expect(abs(rows[0][2] - 1) <= 1e-12)
    #expect(abs(rows[0][3] - 1) <= 1e-12)
    #expect(rows[0][4] == 0)
    #expect(rows[5][1] < rows[0][1])
    #expect(rows[5][4] > 0)
    // The same seed gives the same numbers.
    #expect(try self.rows(.descent) == rows)
  }

  @Test func shiftsAreOneNeuron() throws {
    let row = try rows(.circularShift)[0]
    #expect(row[0] <= 1e-15)
    #expect(abs(row[1] - 0.8) <= 1e-15)
    #expect(row[2] == .infinity)
    #expect(row[3] <= 1e-15)
    #expect(row[4].isFinite)
    let remarks = try StabilityExample.example(.circularShift).remarks
    #expect(remarks.contains { $0.contains("canonicalize") })
  }

  @Test func liftsAgreeOnTheSliceOnly() throws {
    let row = try rows(.lift)[0]
    #expect(row[0] <= 1e-13)
    #expect(abs(row[1] - 1) <= 1e-14)
    #expect(row[2] > 0.1)
    #expect(row[3] > row[1])
  }

  /// `ccnn landscape --example` shows every number under a name of its own.
  @Test(arguments: StabilityExample.Name.allCases)
  func everyExampleIsOneOfLandscape(name: StabilityExample.Name) throws {
    let shown = try #require(try LandscapeExample.named(name.rawValue))
    let example = try StabilityExample.example(name)
    let width = example.rows.count > 1 ? example.columns.count - 1 : example.columns.count
    #expect(shown.values.count == width * example.rows.count)
    #expect(Set(shown.values.map(\.name)).count == shown.values.count)
    #expect(shown.values.last?.value == example.rows.last?.last)
    #expect(example.remarks.allSatisfy { shown.setting.contains($0) })
    #expect(shown.claim == example.claim)
  }
}
