/// Height and width of filters: `3x3` for images, `5` for signals.
public struct FilterSize: RawRepresentable, Sendable, Equatable, Codable {
  /// Height; 1 for signals.
  public let height: Int
  /// Width.
  public let width: Int
  /// Whether the size has one number, which means that data are signals.
  public let isSignal: Bool

  /// The size in words, nil unless it is `HxW` or `L` with numbers of at least 1.
  ///
  /// - Parameter rawValue: `3x3` or `5`.
  public init?(rawValue: String) {
    let parts = rawValue.split(separator: "x", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { part in
      part.allSatisfy({ $0.isASCII && $0.isNumber }) ? Int(part) : nil
    }
    guard numbers.count == parts.count, (1...2).contains(numbers.count),
      numbers.allSatisfy({ $0 >= 1 && $0 <= 65_536 })
    else { return nil }
    isSignal = numbers.count == 1
    height = isSignal ? 1 : numbers[0]
    width = numbers[numbers.count - 1]
  }

  /// The size of filters over images.
  ///
  /// - Precondition: Both numbers are at least 1.
  public init(height: Int, width: Int) {
    precondition(height >= 1 && width >= 1, "FilterSize: found \(height) x \(width)")
    self.height = height
    self.width = width
    isSignal = false
  }

  /// The size as it is written on the command line.
  public var rawValue: String { isSignal ? "\(width)" : "\(height)x\(width)" }
}

/// Where the activation patterns of a program come from.
public enum CellChoice: RawRepresentable, Sendable, Equatable, Codable {
  /// Cell generation with pricing.
  case generate
  /// All cells, enumerated.
  case all
  /// A number of distinct cells drawn at random.
  case sample(Int)

  /// The choice in words, nil unless it is `generate`, `all` or `sample:P` with `P >= 1`.
  ///
  /// - Parameter rawValue: `generate`, `all` or `sample:64`.
  public init?(rawValue: String) {
    if rawValue == "generate" {
      self = .generate
      return
    }
    if rawValue == "all" {
      self = .all
      return
    }
    guard rawValue.hasPrefix("sample:"), let count = Int(rawValue.dropFirst(7)), count >= 1,
      count <= 10_000_000
    else { return nil }
    self = .sample(count)
  }

  /// The choice as it is written on the command line.
  public var rawValue: String {
    switch self {
    case .generate: "generate"
    case .all: "all"
    case .sample(let count): "sample:\(count)"
    }
  }
}

/// How the regularization strength is given.
public enum Strength: Sendable, Equatable {
  /// `lambda` itself.
  case lambda(Double)
  /// A multiple of the smallest strength whose solution is zero.
  case ratio(Double)

  /// The strength itself.
  ///
  /// - Parameter lambdaMax: Smallest strength whose solution is zero, or a bound on it.
  /// - Returns: A positive number.
  /// - Throws: `InputError` when it is not positive, as where no label depends on the samples.
  func value(lambdaMax: Double) throws -> Double {
    let lambda =
      switch self {
      case .lambda(let lambda): lambda
      case .ratio(let ratio): ratio * lambdaMax
      }
    guard lambda > 0 else {
      throw InputError(
        .data, "lambdaMax", expected: "a positive number", found: "\(lambdaMax)",
        advice: "The labels do not depend on the samples; check the data, or give --lambda.")
    }
    return lambda
  }
}
