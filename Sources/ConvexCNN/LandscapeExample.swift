/// A small network or pair of networks that shows what can go wrong, with its numbers, as `ccnn landscape --example` prints it.
public struct LandscapeExample: Sendable, Equatable, Codable {
  /// A number of the example.
  public struct Value: Sendable, Equatable, Codable {
    /// What it is.
    public var name: String
    /// The number.
    public var value: Finite

    /// A named number.
    public init(_ name: String, _ value: Double?) {
      self.name = name
      self.value = Finite(value)
    }
  }

  /// Version of these keys.
  public var schema = Package.schema
  /// Version of the package.
  public var version = Package.version
  /// Name on the command line.
  public var name: String
  /// What is looked at, in a sentence or two.
  public var setting: String
  /// Its numbers, in the order they are printed.
  public var values: [Value]
  /// What they show.
  public var claim: String

  /// An example with all its parts.
  public init(name: String, setting: String, values: [Value], claim: String) {
    self.name = name
    self.setting = setting
    self.values = values
    self.claim = claim
  }
}

extension LandscapeExample {
  /// All examples by name, in the order of the help; one line for each.
  private static let makers: [(name: String, make: @Sendable () throws -> LandscapeExample)] =
    [
      ("zero-neuron", zeroNeuron),
      ("few-neurons", fewNeurons),
    ]
    + StabilityExample.Name.allCases.map { name in
      (name.rawValue, { @Sendable in try StabilityExample.example(name).landscapeExample })
    }

  /// Names of all examples.
  public static var names: [String] { makers.map(\.name) }

  /// The example of a name, its numbers computed anew.
  ///
  /// - Parameter name: One of `names`.
  /// - Returns: The example; nil for another name.
  /// - Throws: Whatever the certificates it uses throw.
  public static func named(_ name: String) throws -> LandscapeExample? {
    try makers.first { $0.name == name }?.make()
  }
}
