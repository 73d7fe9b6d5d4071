/// Scaling curves: `Scaling convolution [--quick]`.
@main
struct Scaling {
  static func main() throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    let unknown = arguments.dropFirst().first { $0 != "--quick" }
    guard arguments.first == "convolution", unknown == nil else {
      print("usage: Scaling convolution [--quick]")
      return
    }
    try ConvolutionScaling(isQuick: arguments.contains("--quick")).run()
  }
}
