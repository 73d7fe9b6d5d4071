import Testing

struct HelpTests {
  @Test(arguments: [
    (
      "train",
      [
        "images", "labels", "dataset", "test-images", "test-labels", "test-fraction",
        "standardize", "filter", "stride", "padding", "pooling", "bias", "activation", "loss",
        "lambda", "lambda-ratio", "cells", "gates", "filter-rank", "gap", "max-seconds",
        "max-cells", "output-bias", "solver", "step", "budget",
        "threads", "seed", "output", "json", "trace", "report", "checkpoint", "checkpoint-seconds",
        "start",
        "require-gap", "quiet", "memory", "features",
      ]
    ),
    (
      "certify",
      [
        "model", "images", "labels", "dataset", "bound", "max-seconds", "lambda", "gap", "json",
        "convolution", "threads", "memory", "report",
      ]
    ),
    (
      "enumerate",
      [
        "matrix", "images", "dataset", "filter", "stride", "padding", "bias", "count", "output",
        "witnesses", "stream", "max-cells", "checkpoint", "checkpoint-seconds", "shard", "sample",
        "sampler", "labels", "threads", "json", "quiet", "faces", "method",
      ]
    ),
    (
      "predict",
      ["model", "images", "dataset", "split", "output", "classes", "convolution", "memory"]
    ),
    (
      "evaluate",
      ["model", "images", "labels", "dataset", "split", "json", "convolution", "memory"]
    ),
    (
      "baseline",
      [
        "optimizer", "width", "epochs", "batch-size", "learning-rate", "momentum", "seeds", "seed",
        "images", "filter", "pooling", "lambda", "lambda-ratio", "json", "output",
        "certify", "gap", "reference", "chart", "max-seconds", "output-bias",
      ]
    ),
    (
      "closed-form",
      [
        "images", "labels", "dataset", "filter", "stride", "padding", "pooling", "bias",
        "activation", "loss", "lambda", "lambda-ratio", "standardize", "gap", "output", "json",
        "threads", "quiet",
      ]
    ),
    (
      "copositive",
      [
        "images", "labels", "dataset", "filter", "stride", "padding", "pooling", "bias", "loss",
        "lambda", "lambda-ratio", "gap", "max-cells", "multipliers", "require-gap", "max-seconds",
        "json",
        "threads", "quiet",
      ]
    ),
    (
      "path",
      [
        "images", "labels", "dataset", "test-images", "test-fraction", "filter", "pooling",
        "activation", "cells", "output-bias", "points", "min-ratio", "gap", "max-cells",
        "breakpoints", "breakpoint-tolerance", "select", "rule", "output", "require-gap",
        "max-seconds", "threads", "seed", "json", "quiet",
      ]
    ),
    (
      "canonicalize",
      ["output", "form", "balance", "tolerance", "probes", "seed", "threads", "json", "quiet"]
    ),
    ("report", ["output", "title"]),
    ("bench", ["quick", "full", "only", "json", "csv", "html", "markdown"]),
    ("distance", ["tolerance", "max-cells", "json", "quiet"]),
    ("export", ["output", "precision", "quiet", "json"]),
    (
      "import",
      [
        "weights", "output", "images", "labels", "dataset", "filter", "pooling", "stride",
        "padding", "bias", "activation", "loss", "lambda", "lambda-ratio", "standardize", "json",
        "output-bias",
      ]
    ),
  ])
  func helpNamesEveryFlag(command: String, flags: [String]) throws {
    let output = try Tool.run([command, "--help"])
    #expect(output.code == 0)
    let missing = flags.filter { !output.out.contains("--\($0)") }
    #expect(missing == [])
  }

  @Test func helpNamesEveryCommandAndExitCode() throws {
    let output = try Tool.run(["--help"])
    #expect(output.code == 0)
    let words = [
      "train", "certify", "predict", "evaluate", "baseline", "export", "import", "130 interrupted",
    ]
    let missing = words.filter { !output.out.contains($0) }
    #expect(missing == [])
  }

  @Test func unknownFlagNamesTheNearest() throws {
    let output = try Tool.run(TinyData.train + ["--poolling", "sum"])
    #expect(output.code == 64)
    #expect(output.error.contains("--pooling"))
  }

  @Test func versionIsPrinted() throws {
    let output = try Tool.run(["--version"])
    #expect(output.code == 0)
    #expect(output.out.contains("."))
  }
}
