import ConvexCNN

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The values of a JSON object of options, before they are checked against each other.
struct OptionValues: Decodable {
  let filter, padding, pooling, activation, loss, cells, gates, standardize, solver, step: String?
  let stride, filterRank, maximumCells, threads, seed: WholeNumber?
  let bias, outputBias: Bool?
  let lambda, lambdaRatio, gap, budget, maximumSeconds: Double?

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case filter, padding, pooling, activation, loss, cells, gates, standardize, solver, step
    case stride, filterRank, maximumCells, threads, seed
    case bias, outputBias
    case lambda, lambdaRatio, gap, budget, maximumSeconds
  }

  /// Reads a JSON object; a key that is no option is refused.
  ///
  /// - Throws: `InputError`, or `OptionProblems` with every unknown key.
  init(json: String) throws {
    do {
      let data = Data(json.utf8)
      let names = CodingKeys.allCases.map(\.rawValue)
      var problems = OptionProblems()
      for key in try JSONDecoder().decode([String: AnyValue].self, from: data).keys.sorted() {
        _ = problems.choice("option", key, among: names)
      }
      try problems.throwIfAny()
      self = try JSONDecoder().decode(OptionValues.self, from: data)
    } catch let error as DecodingError {
      throw InputError(
        .usage, "options\(Self.path(of: error))", expected: "a JSON object of training options",
        found: Self.words(of: error), advice: "See convexcnn.h for their names and types.")
    }
  }

  /// Anything: keys are looked at before values.
  private struct AnyValue: Decodable {
    init(from decoder: any Decoder) throws {}
  }

  private static func context(of error: DecodingError) -> DecodingError.Context? {
    switch error {
    case .typeMismatch(_, let context), .valueNotFound(_, let context),
      .keyNotFound(_, let context), .dataCorrupted(let context):
      context
    @unknown default: nil
    }
  }

  private static func path(of error: DecodingError) -> String {
    let keys = context(of: error)?.codingPath ?? []
    return keys.map { ".\($0.stringValue)" }.joined()
  }

  private static func words(of error: DecodingError) -> String {
    let words = context(of: error)?.debugDescription ?? "another text"
    return words.hasSuffix(".") ? String(words.dropLast()) : words
  }
}

/// A whole number; a fraction is an error at its key, where `Int` alone calls the whole text broken.
struct WholeNumber: Decodable {
  let value: Int

  /// Reads a number.
  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let whole = try? container.decode(Int.self) {
      value = whole
      return
    }
    let number = try container.decode(Double.self)
    throw DecodingError.dataCorruptedError(
      in: container, debugDescription: "\(number) for a whole number")
  }
}
