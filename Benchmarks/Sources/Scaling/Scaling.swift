/// Scaling curves and comparisons; see `usage`.
@main
struct Scaling {
  private static let usage = """
    usage: Scaling convolution|counting|sampling|cells|descent|bounds|path|given-cells|gated [--quick]
           Scaling baselines|circular|pricing|pruning|training|spiral [--quick] [--figures]
           Scaling memory [--quick] FOLDER
    --figures writes charts to the folder figures; memory writes its samples to FOLDER
    """

  static func main() throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    let isQuick = arguments.contains("--quick")
    let figures = Figures(folder: arguments.contains("--figures") ? "figures" : nil)
    if arguments.first == "memory", let folder = arguments.last, arguments.count <= 3,
      !folder.hasPrefix("-"), folder != "memory"
    {
      return try MemoryScaling(isQuick: isQuick, folder: folder).run()
    }
    let unknown = arguments.dropFirst().first { $0 != "--quick" && $0 != "--figures" }
    switch (arguments.first, unknown) {
    case ("convolution", nil): try ConvolutionScaling(isQuick: isQuick).run()
    case ("counting", nil): try CountingScaling(isQuick: isQuick).run()
    case ("sampling", nil): try SamplingScaling(isQuick: isQuick).run()
    case ("cells", nil): try CellScaling(isQuick: isQuick).run()
    case ("descent", nil): try DescentComparison.run(isQuick: isQuick)
    case ("circular", nil): try CircularScaling(isQuick: isQuick, figures: figures).run()
    case ("bounds", nil): try BoundComparison(isQuick: isQuick).run()
    case ("given-cells", nil): try GivenCellsScaling(isQuick: isQuick).run()
    case ("gated", nil): try GatedScaling(isQuick: isQuick).run()
    case ("path", nil): try PathScaling(isQuick: isQuick).run()
    case ("baselines", nil): try BaselineGaps(isQuick: isQuick, figures: figures).run()
    case ("pricing", nil):
      try PricingScaling(isQuick: isQuick, figures: figures).run(.pricing)
    case ("training", nil):
      try PricingScaling(isQuick: isQuick, figures: figures).run(.training)
    case ("pruning", nil): try PruningComparison(isQuick: isQuick, figures: figures).run()
    case ("spiral", nil): try SpiralComparison(isQuick: isQuick, figures: figures).run()
    default: print(usage)
    }
  }
}
