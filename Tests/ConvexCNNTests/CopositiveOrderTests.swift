import ConvexCNN
import Testing

/// What contradicts `nuclear <= relaxed <= optimum <= network`, and how the tool ends then.
struct CopositiveOrderTests {
  /// A study of eight random signals, whose bounds are in order.
  private static let sound = Result {
    var generator = SeededGenerator(seed: 6)
    let images = Tensor(
      shape: [8, 1, 1, 4], elements: (0..<32).map { _ in generator.normal() })
    let signs = (0..<8).map { _ in generator.normal() < 0 ? -1.0 : 1 }
    var flags = TrainingConfiguration(filter: FilterSize(height: 1, width: 2))
    (flags.loss, flags.strength, flags.gap) = ("squared", .ratio(0.2), 1e-5)
    return try Trainer(configuration: flags, threads: 2).copositive(
      on: Dataset(
        train: LabeledDataset(
          name: "random", images: images, isSignal: false, labels: .signs(signs),
          classNames: ["-1", "1"])))
  }

  @Test func boundsInOrderEndWithZero() throws {
    let study = try Self.sound.get()
    #expect(study.orderingViolation == nil)
    #expect(study.violation == nil)
    #expect(study.refusal(requiringGap: nil) == nil)
    #expect(study.refusal(requiringGap: 1e-5) == nil)
    let tight = try #require(study.refusal(requiringGap: 0))
    #expect(tight.code == 2)
    #expect(tight.message.contains("copositive: expected a relative gap of at most 0.0, found"))
  }

  /// Every lower bound that is lifted above a later upper bound is found, and ends the tool with 1.
  @Test(arguments: [
    ("nuclear", "nuclear"), ("nuclear", "relaxed"), ("nuclear", "optimum"),
    ("relaxed", "relaxed"), ("relaxed", "optimum"), ("optimum", "optimum"),
  ])
  func boundsThatContradictTheOrderEndWithOne(smaller: String, larger: String) throws {
    let paths: [String: WritableKeyPath<CopositiveStudy, CopositiveStudy.Interval>] = [
      "nuclear": \.nuclear, "relaxed": \.relaxed, "optimum": \.optimum,
    ]
    let (low, high) = (try #require(paths[smaller]), try #require(paths[larger]))
    var study = try Self.sound.get()
    // All bounds wide apart, but for one pair.
    for path in paths.values {
      study[keyPath: path].lowerBound = Finite(0.5)
      study[keyPath: path].upperBound = Finite(4)
    }
    study.judge()
    #expect(study.orderingViolation == nil)
    study[keyPath: high].upperBound = Finite(2)
    study[keyPath: low].lowerBound = Finite(2 * (1 + 1e-8))
    study.judge()
    let violation = try #require(study.orderingViolation)
    #expect(violation.hasPrefix("\(smaller) lower bound 2.0"))
    #expect(violation.contains("above \(larger) upper bound 2.0"))
    #expect(study.claim == "The bounds contradict each other: an error of this program.")
    for gap in [nil, 1e-5, 1] {
      let refusal = try #require(study.refusal(requiringGap: gap))
      #expect(refusal.code == 1)
      #expect(
        refusal.message
          == "copositive: expected nuclear <= relaxed <= optimum <= network, found \(violation). "
          + "Please report this with the data.")
    }
    // Rounding of an objective is none, and a larger lower bound of a larger value is in order.
    study[keyPath: low].lowerBound = Finite(2 * (1 + 1e-10))
    study.judge()
    #expect(study.orderingViolation == nil)
  }

  @Test func missingBoundsContradictNothing() throws {
    var study = try Self.sound.get()
    study.optimum.upperBound = Finite(nil)
    study.relaxed.lowerBound = Finite(1e9)
    study.relaxed.upperBound = Finite(nil)
    study.judge()
    #expect(study.orderingViolation == nil)
  }
}
