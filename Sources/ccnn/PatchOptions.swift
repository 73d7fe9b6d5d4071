import ArgumentParser
import ConvexCNN

/// How patches are cut out of images, besides their size.
struct PatchOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Step between patches, an integer >= 1.", valueName: "step"))
  var stride = 1

  @Option(help: ArgumentHelp("valid, zero or circular.", valueName: "kind"))
  var padding = "valid"

  @Flag(help: "Append a constant 1 to every patch; its weight is penalized like the others.")
  var bias = false

  /// Adds what is wrong with the options to a list.
  func check(_ problems: inout OptionProblems) {
    problems.check("--stride", stride, atLeast: 1)
    _ = problems.choice("--padding", padding, among: ["valid", "zero", "circular"])
  }

  /// The geometry of patches of a batch of images, or of signals.
  ///
  /// - Parameters:
  ///   - shape: Shape of the batch, `[samples, channels, height, width]`.
  ///   - filter: Size of a patch.
  /// - Returns: The geometry.
  /// - Throws: `InputError` when no patch fits.
  func geometry(of shape: [Int], filter: FilterSize) throws -> PatchGeometry {
    try filter.geometry(
      on: Array(shape.dropFirst()), stride: stride, padding: padding, hasBias: bias)
  }
}

extension OptionProblems {
  /// The filter size of an option; a text that is none is a problem.
  mutating func filterSize(_ text: String) -> FilterSize? {
    let size = FilterSize(rawValue: text)
    if size == nil {
      add(
        "--filter", value: text, expected: "HxW or a length, numbers from 1 to 65536",
        advice: "For example 3x3, or 5 for signals.")
    }
    return size
  }
}
