import ConvexCNN
import Testing

/// The examples show the numbers of the notes.
struct LandscapeExampleTests {
  private func values(_ name: String) throws -> [Double] {
    try #require(try LandscapeExample.named(name)).values.map { try #require($0.value.value) }
  }

  @Test func zeroNeuronIsTheTrapOfTheNotes() throws {
    let values = try values("zero-neuron")
    #expect(abs(values[0] - 0.6547137243) < 1e-10)
    #expect(abs(values[1] - 0.2) < 1e-12)
    #expect(abs(values[3] - 11.8463688) < 1e-7)
    #expect(values[4] > 0.1)
    let example = try #require(try LandscapeExample.named("zero-neuron"))
    #expect(example.claim.contains("One neuron: strict-minimum-not-global."))
    #expect(example.claim.contains("With the zero neuron: not-global"))
  }

  @Test func fewNeuronsHaveASpuriousMinimum() throws {
    let values = try values("few-neurons")
    #expect(abs(values[0] - 1.4470) < 5e-5)
    #expect(abs(values[1] - 0.249233) < 5e-7)
    #expect(values[2] > 338 && values[2] < 339)
    #expect(abs(values[3] - 1.4468) < 5e-5)
    #expect(abs(values[4] - 0.301572) < 5e-7)
    #expect(values[5] > 338 && values[5] < 339)
    #expect(values[6] < 1e-25)
  }

  @Test func unknownNamesHaveNoExample() throws {
    #expect(try LandscapeExample.named("none") == nil)
    #expect(Set(LandscapeExample.names).count == LandscapeExample.names.count)
  }
}
