/// Scaling curves: `Scaling convolution|counting [--quick]`.
@main
struct Scaling {
  static func main() throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    let unknown = arguments.dropFirst().first { $0 != "--quick" }
    let isQuick = arguments.contains("--quick")
    switch (arguments.first, unknown) {
    case ("convolution", nil): try ConvolutionScaling(isQuick: isQuick).run()
    case ("counting", nil): try CountingScaling(isQuick: isQuick).run()
    default: print("usage: Scaling convolution|counting [--quick]")
    }
  }
}
