import BenchmarkSupport
import Foundation

/// Scaling curves and comparisons; see `usage`.
@main
struct Scaling {
  private static let usage = """
    \(BenchmarkOptions.usage)
           Scaling bounds|cells|convolution|descent|given-cells|path|sampling [--quick]
           Scaling baselines|circular|pruning|spiral [--quick] [--figures]
           Scaling memory [--quick] FOLDER
    GROUP: \(Sweeps.groups.joined(separator: ", "))
    --figures writes charts to the folder figures; memory writes its samples to FOLDER
    """

  static func main() throws {
    do {
      guard try run(Array(CommandLine.arguments.dropFirst())) else { exit(1) }
    } catch let error as BenchmarkError {
      FileHandle.standardError.write(Data("Scaling: \(error)\n".utf8))
      exit(error.code)
    }
  }

  /// Runs a command.
  ///
  /// - Returns: Whether all counters are within their thresholds.
  private static func run(_ arguments: [String]) throws -> Bool {
    guard let command = arguments.first, !["--help", "-h", "help"].contains(command) else {
      print(usage)
      return true
    }
    let rest = Array(arguments.dropFirst())
    guard command != "all" else {
      return try ScalingRun(options: BenchmarkOptions(rest, groups: Sweeps.groups)).run()
    }
    try compare(command, rest)
    return true
  }

  private static func compare(_ command: String, _ rest: [String]) throws {
    let isQuick = rest.contains("--quick")
    let figures = Figures(folder: rest.contains("--figures") ? "figures" : nil)
    let words = rest.filter { $0 != "--quick" && $0 != "--figures" }
    if command == "memory", words.count == 1, figures.folder == nil, !words[0].hasPrefix("-") {
      return try MemoryScaling(isQuick: isQuick, folder: words[0]).run()
    }
    guard words.isEmpty else { throw misuse("\(command) \(words[0])") }
    switch (command, figures.folder) {
    case ("convolution", nil): try ConvolutionScaling(isQuick: isQuick).run()
    case ("sampling", nil): try SamplingScaling(isQuick: isQuick).run()
    case ("cells", nil): try CellScaling(isQuick: isQuick).run()
    case ("descent", nil): try DescentComparison.run(isQuick: isQuick)
    case ("bounds", nil): try BoundComparison(isQuick: isQuick).run()
    case ("given-cells", nil): try GivenCellsScaling(isQuick: isQuick).run()
    case ("path", nil): try PathScaling(isQuick: isQuick).run()
    case ("circular", _): try CircularScaling(isQuick: isQuick, figures: figures).run()
    case ("baselines", _): try BaselineGaps(isQuick: isQuick, figures: figures).run()
    case ("pruning", _): try PruningComparison(isQuick: isQuick, figures: figures).run()
    case ("spiral", _): try SpiralComparison(isQuick: isQuick, figures: figures).run()
    default: throw misuse(command)
    }
  }

  private static func misuse(_ found: String) -> BenchmarkError {
    BenchmarkError(
      "command", expected: "a command with its options", found: "\"\(found)\"",
      advice: "\n\(usage)",
      code: 64)
  }
}
