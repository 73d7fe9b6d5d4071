import ConvexCNN
import Testing

/// Every flag of the tool that names something to write, with a small run that writes it.
struct OutputFlag: Sendable, CustomTestStringConvertible {
  /// What the flag names.
  enum Target: Sendable {
    /// A file, whose old one stays until the new one is complete.
    case file
    /// A file that must not be there, or be of the same run.
    case newFile
    /// A folder, which must be absent or empty.
    case folder
  }

  let command: String
  let option: String
  let name: String
  var target = Target.file
  let flags: [String]

  var testDescription: String { "\(command) \(option)" }

  /// The whole command line, with the output at some place.
  func arguments(at path: String) -> [String] { [command] + flags + [option, path] }
}

extension OutputFlag {
  private static let data = ["--images", "images.npy", "--labels", "labels.npy"]
  private static let model = ["--model", "m.safetensors"] + data + ["--threads", "1", "--quiet"]
  private static let training =
    data + ["--filter", "1x2", "--lambda-ratio", "0.1", "--threads", "1", "--quiet"]

  private static func flags(
    _ command: String, _ flags: [String], _ outputs: [(option: String, name: String)]
  ) -> [OutputFlag] {
    outputs.map { OutputFlag(command: command, option: $0.option, name: $0.name, flags: flags) }
  }

  /// All of them; `OutputFlagTests` compares this list with the tool's help.
  static let all: [OutputFlag] =
    flags(
      "train", training,
      [
        ("--output", "o.safetensors"), ("--json", "o.json"), ("--trace", "o.csv"),
        ("--report", "o.html"),
      ])
    + [
      OutputFlag(
        command: "train", option: "--checkpoint", name: "run", target: .folder, flags: training)
    ]
    + flags(
      "certify", model + ["--bound", "exact"],
      [("--json", "o.json"), ("--multipliers", "p.json"), ("--report", "o.html")])
    + flags(
      "predict", ["--model", "m.safetensors", "--images", "images.npy", "--quiet"],
      [("--output", "o.npy"), ("--output", "o.csv")])
    + flags("evaluate", ["--model", "m.safetensors"] + data, [("--json", "o.json")])
    + flags(
      "baseline", training + ["--width", "2", "--epochs", "2", "--certify"],
      [
        ("--output", "o.safetensors"), ("--json", "o.json"), ("--trace", "o.csv"),
        ("--chart", "o.svg"),
      ])
    + flags(
      "export", ["m.safetensors"], [("--output", "o.onnx"), ("--output", "o.safetensors")])
    + flags("export", ["m.safetensors", "--output", "e.onnx"], [("--json", "o.json")])
    + flags(
      "import", ["--weights", "w.safetensors", "--lambda", "0.1"] + data,
      [("--output", "o.safetensors")])
    + flags(
      "import",
      ["--weights", "w.safetensors", "--lambda", "0.1", "--output", "i.safetensors"] + data,
      [("--json", "o.json")])
    + flags(
      "enumerate", ["--matrix", "rows.csv", "--quiet"],
      [("--output", "o.npy"), ("--witnesses", "o.npy"), ("--facets", "o.npy")])
    + flags("enumerate", ["--matrix", "rows.csv", "--count"], [("--json", "o.json")])
    + [
      OutputFlag(
        command: "enumerate", option: "--checkpoint", name: "o.json", target: .newFile,
        flags: ["--matrix", "rows.csv", "--output", "c.npy", "--checkpoint-seconds", "0"])
    ]
    + flags(
      "closed-form",
      data + ["--filter", "4x4", "--standardize", "patch-whiten", "--lambda", "0.05"],
      [("--output", "o.safetensors"), ("--json", "o.json")])
    + flags(
      "copositive", data + ["--filter", "1x2", "--lambda-ratio", "0.3", "--gap", "0.9", "--quiet"],
      [("--multipliers", "p.json"), ("--json", "o.json")])
    + flags("optimal-set", model, [("--json", "o.json")])
    + [
      OutputFlag(
        command: "optimal-set", option: "--output", name: "set", target: .folder, flags: model)
    ]
    + flags("prune", model, [("--output", "o.safetensors"), ("--json", "o.json")])
    + flags(
      "sensitivity", model,
      [
        ("--predictions", "o.npy"), ("--leave-one-out", "o.csv"), ("--leverages", "o.npy"),
        ("--json", "o.json"),
      ])
    + flags(
      "path",
      data + ["--filter", "1x2", "--points", "3", "--threads", "1", "--quiet"],
      [("--json", "o.json")])
    + [
      OutputFlag(
        command: "path", option: "--output", name: "path", target: .folder,
        flags: data + ["--filter", "1x2", "--points", "3", "--threads", "1", "--quiet"])
    ]
    + flags(
      "canonicalize", ["m.safetensors", "--quiet"],
      [("--output", "o.safetensors"), ("--json", "o.json")])
    + flags("distance", ["m.safetensors", "m.safetensors", "--quiet"], [("--json", "o.json")])
    + flags("landscape", model, [("--json", "o.json")])
    + flags(
      "landscape",
      ["--model", "local.safetensors", "--images", "signals.npy", "--labels", "targets.npy"],
      [("--escape", "o.safetensors")])
    + flags("report", ["t.json"], [("--output", "o.html")])

  /// A folder with everything that the runs read.
  static func prepare() throws -> Folder {
    let folder = try Folder()
    try TinyData.write(to: folder)
    try CSV.write(
      Matrix([[1, 2, 3], [2, -1, 1], [0, 1, -2], [3, 1, 1], [-1, 2, 0]]),
      to: folder.path("rows.csv"))
    // Four signals with a minimum of two neurons that is not global.
    try NPY.write(
      Matrix([[1, 2, -1, 1], [2, -1, 0, 1], [-1, -3, 1, 0], [3, 1, -3, 2]]),
      to: folder.path("signals.npy"))
    try NPY.write(Matrix([[1], [-2], [1.5], [0.5]]), to: folder.path("targets.npy"))
    for arguments in [
      ["train", "--gap", "1e-9", "--output", "m.safetensors", "--json", "t.json"] + training,
      [
        "baseline", "--optimizer", "lbfgs", "--width", "2", "--epochs", "3000", "--images",
        "signals.npy", "--labels", "targets.npy", "--filter", "2", "--stride", "2", "--pooling",
        "sum", "--lambda", "0.1", "--quiet", "--output", "local.safetensors",
      ],
    ] {
      let output = try Tool.run(arguments, in: folder)
      #expect(output.code == 0, "\(output.error)")
    }
    let model = try Safetensors.read(folder.path("m.safetensors"))
    try Safetensors(
      tensors: model.tensors.filter { ["conv.weight", "head.weight"].contains($0.name) }
    )
    .write(to: folder.path("w.safetensors"))
    return folder
  }

  /// Options that name something to read.
  static let inputs: Set<String> = [
    "--images", "--labels", "--test-images", "--test-labels", "--model", "--start", "--reference",
    "--check-multipliers", "--weights", "--matrix", "--functional", "--member", "--joined-to",
  ]
}
