import Testing

/// Options that are refused with exit code 64 before any work; nothing is written.
struct UsageTests {
  @Test(arguments: [
    (["--lambda", "0.1"], "--lambda-ratio"),
    (["--gap", "0"], "--gap"),
    (["--gap", "nan"], "--gap"),
    (["--gap", "-1"], "--gap"),
    (["--threads", "0"], "--threads"),
    (["--stride", "0"], "--stride"),
    (["--max-seconds", "0"], "--max-seconds"),
    (["--max-cells", "0"], "--max-cells"),
    (["--test-fraction", "1"], "--test-fraction"),
    (["--pooling", "averag"], "average"),
    (["--padding", "circula"], "Did you mean circular?"),
    (["--loss", "softmaxx"], "Did you mean softmax?"),
    (["--activation", "rel"], "Did you mean relu?"),
    (["--activation", "quadratic", "--cells", "all"], "no value with --activation quadratic"),
    (["--activation", "quadratic", "--pooling", "max"], "average, sum or none with quadratic"),
    (["--activation", "quadratic", "--max-cells", "9"], "--max-cells"),
    (["--activation", "quadratic", "--solver", "admm"], "proximal or local"),
    (["--activation", "linear", "--solver", "local"], "proximal or admm or"),
    (
      ["--activation", "quadratic", "--solver", "local", "--start", "m.safetensors"],
      "--solver local"
    ),
    (["--activation", "quadrati"], "Did you mean quadratic?"),
    (["--activation", "polynomial:1,2"], "polynomial:A,B,C"),
    (["--activation", "polynomial:1,nan,3"], "polynomial:A,B,C"),
    (["--activation", "polynomial:0,0,0"], "not all 0"),
    (["--activation", "gated"], "sample:P"),
    (["--activation", "linear", "--pooling", "max"], "--pooling"),
    (["--cells", "all"], "one output and one window"),
    (["--cells", "all", "--loss", "logistic", "--max-cells", "10"], "at most 10 cells"),
    (["--cells", "all", "--activation", "gated"], "sample:P"),
    (["--cells", "sample:8"], "generate"),
    (["--cells", "sample:0"], "P >= 1"),
    (["--gates", "k-means"], "--gates: expected no value together with --activation relu"),
    (
      ["--activation", "gated", "--cells", "sample:3", "--gates", "kmeans"], "Did you mean k-means"
    ),
    (["--standardize", "patch-whitened"], "Did you mean patch-whiten?"),
    (["--filter-rank", "0"], "--filter-rank"),
    (["--filter-rank", "5"], "from 1 to the patch dimension 4"),
    (["--filter-rank", "2", "--activation", "linear"], "no value with linear"),
    (["--all-samples"], "--dataset with --all-samples"),
    (["--report", "m.safetensors"], "--report: expected another file than --output"),
    (["--checkpoint-seconds", "3"], "--checkpoint with --checkpoint-seconds"),
    (["--dataset", "digits"], "--images"),
    (["--dataset", "digit"], "Did you mean digits?"),
    (["--test-labels", "labels.npy"], "--test-images"),
    (["--test-images", "images.npy"], "--test-labels: expected a path"),
    (["--trace", "m.safetensors"], "--trace"),
    (["--trace", "-"], "Only --json"),
    (["--activation", "linear", "--cells", "generate"], "single cell"),
    (["--activation", "linear", "--max-cells", "9"], "--max-cells"),
  ])
  func badOptionIsRefused(extra: [String], word: String) throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let before = try folder.listing
    let flags = TinyData.train + ["--output", "m.safetensors"] + extra
    let output = try Tool.run(flags, in: folder)
    let after = try folder.listing
    #expect(output.code == 64)
    #expect(output.error.contains(word))
    #expect(output.out == "")
    #expect(after == before)
  }

  @Test(arguments: ["0x3", "3x", "x", "3x3x3", "-3", "3X3", "99999999"])
  func badFilterIsRefused(filter: String) throws {
    let output = try Tool.run([
      "train", "--dataset", "digits", "--filter=\(filter)", "--lambda", "-1",
    ])
    #expect(output.code == 64)
    #expect(output.error.contains("--filter: expected"))
    // Problems are reported together.
    #expect(output.error.contains("--lambda: expected"))
  }

  @Test(arguments: [
    ["train"], ["frobnicate"], ["certify", "--model", "m"], ["predict", "--model", "m"],
    ["baseline", "--dataset", "digits", "--filter", "3x3", "--optimizer", "adagrad"],
    ["baseline", "--dataset", "digits", "--filter", "3x3", "--width", "0"],
    ["baseline", "--dataset", "digits", "--filter", "3x3", "--momentum", "1"],
    ["baseline", "--dataset", "digits", "--filter", "3x3", "--activation", "gated"],
    ["baseline", "--dataset", "digits", "--filter", "3x3", "--momentum", "0.5"],
    ["baseline", "--dataset", "digits", "--filter", "3x3", "--cells", "generate"],
    ["baseline", "--dataset", "digits", "--filter", "3x3", "--gates", "centered"],
    ["baseline", "--dataset", "digits", "--filter", "3x3", "--filter-rank", "2"],
    ["baseline", "--dataset", "digits", "--filter", "3x3", "--gap", "0.1"],
    ["baseline", "--dataset", "digits", "--filter", "3x3", "--reference", "m"],
    ["baseline", "--dataset", "digits", "--filter", "3x3", "--certify", "--gap", "2"],
    ["import"], ["import", "--weights", "w", "--dataset", "digits", "--lambda", "1"],
    [
      "baseline", "--dataset", "digits", "--filter", "3x3", "--optimizer", "lbfgs",
      "--learning-rate", "0.1",
    ],
    ["certify", "--model", "m", "--dataset", "digits", "--max-seconds", "0"],
  ])
  func incompleteCommandIsRefused(arguments: [String]) throws {
    let output = try Tool.run(arguments)
    #expect(output.code == 64)
  }
}
