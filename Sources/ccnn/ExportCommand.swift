import ArgumentParser
import ConvexCNN

/// `ccnn export`.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes a network for other programs: ONNX, or weights as PyTorch names them.",
    discussion: """
      M.onnx holds the whole network (operator set 13, single precision): input "images" [N, channels, \
      height, width] ([N, channels, length] for signals) with bytes divided by 255 (the bundled digits by 16), output "outputs" [N, c]; \
      standardization is inside, flags and certificate are in metadata_props. M.safetensors holds \
      conv.weight, conv.bias, head.weight and head.bias, which ccnn import takes too, for the same function \
      of raw images: global standardization and whitening are multiplied in. Gated networks, pixels with units \
      of their own, zeros around standardized images and networks without neurons have no such weights and \
      are refused.
      """)

  @Argument(help: ArgumentHelp("The model.", valueName: "file.safetensors"))
  var model: String

  @Option(
    help: ArgumentHelp(
      "Where the network goes: a file .onnx or .safetensors.", valueName: "file"))
  var output: String

  @Option(
    help: ArgumentHelp(
      "Elements of a safetensors file: float32 or float64, which keeps every bit.",
      valueName: "type"))
  var precision = "float32"

  @Flag(help: "Print nothing.")
  var quiet = false

  @Option(
    help: ArgumentHelp(
      "Write the result as JSON; - writes it to standard output instead of the table.",
      valueName: "file"))
  var json: String?

  func run() throws {
    var problems = OptionProblems()
    let types: [String: Safetensors.ElementType] = ["float32": .float32, "float64": .float64]
    let type = types[problems.choice("--precision", precision, among: ["float32", "float64"])]
    let name = output.lowercased()
    let isONNX = name.hasSuffix(".onnx")
    if !isONNX, !name.hasSuffix(".safetensors") {
      problems.add(
        "--output", value: output, expected: "a name that ends in .onnx or .safetensors",
        advice: "For example network.onnx.")
    }
    if isONNX, type == .float64 {
      problems.add(
        "--precision", value: precision, expected: "float32 with ONNX",
        advice: "Runtimes convolve in single precision; leave the option out.")
    }
    try problems.throwIfAny()
    try Outputs.check([("--output", output), ("--json", json)])
    let given = try Model(contentsOf: model)
    let result = ExportResult(
      given, format: isONNX ? "onnx" : "safetensors", precision: precision)
    let text = try json.map { _ in try JSON.text(of: result) }
    if isONNX {
      try given.writeONNX(to: output)
    } else {
      try given.writeWeights(to: output, as: type ?? .float32)
    }
    if let text { try Outputs.write(text, to: json) }
    if !quiet, json != "-" { print(result.table(file: output), terminator: "") }
  }
}

extension ExportResult {
  /// The result as a table whose last line is the claim.
  fileprivate func table(file: String) -> String {
    var table = Table("ccnn export   version \(version)")
    table.add("file", "\(file) (\(format), \(precision))")
    table.add("model", model.summary)
    let shape = (["N"] + inputShape.map(String.init)).joined(separator: ", ")
    table.add("input", "images [\(shape)], \(inputUnits)")
    table.add("output", "outputs [N, \(outputCount)]")
    table.add("neurons", "\(neuronCount)")
    table.add("lambda", digits(lambda.value, "%.6g"))
    return table.text(last: claim)
  }
}
