/// Scaling curves and comparisons: `Scaling convolution|counting|sampling|cells|descent|circular|baselines [--quick]`.
@main
struct Scaling {
  static func main() throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    let isQuick = arguments.contains("--quick")
    let unknown = arguments.dropFirst().first { $0 != "--quick" }
    switch (arguments.first, unknown) {
    case ("convolution", nil): try ConvolutionScaling(isQuick: isQuick).run()
    case ("counting", nil): try CountingScaling(isQuick: isQuick).run()
    case ("sampling", nil): try SamplingScaling(isQuick: isQuick).run()
    case ("cells", nil): try CellScaling(isQuick: isQuick).run()
    case ("descent", nil): try DescentComparison.run(isQuick: isQuick)
    case ("circular", nil): try CircularScaling(isQuick: isQuick).run()
    case ("baselines", nil): try BaselineGaps(isQuick: isQuick).run()
    default:
      print(
        "usage: Scaling convolution|counting|sampling|cells|descent|circular|baselines [--quick]")
    }
  }
}
