import ConvexCNN
import Foundation
import Testing

struct PathCommandTests {
  private let flags = [
    "path", "--images", "images.npy", "--labels", "labels.npy", "--filter", "2x2", "--threads", "1",
    "--activation", "gated", "--cells", "sample:4", "--loss", "squared", "--points", "5",
  ]

  private func folder() throws -> Folder {
    let folder = try Folder()
    try TinyData.write(to: folder)
    return folder
  }

  @Test func theFolderHasEveryModelTableAndChart() throws {
    let folder = try folder()
    defer { folder.remove() }
    let output = try Tool.run(
      flags + ["--output", "out", "--select", "cv:3", "--breakpoints", "--require-gap"],
      in: folder)
    #expect(output.code == 0, "\(output.error)")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("out")).sorted()
    let models = (1...5).map { "point-0\($0).safetensors" }
    #expect(
      names == (["path.csv", "path.json", "path.svg", "selected.safetensors"] + models).sorted())
    let lines = output.out.split(separator: "\n")
    let widest = lines.dropLast().map(\.count).max() ?? 0
    #expect(widest <= 79)
    #expect(lines.last?.hasPrefix("Proven at 5 of 5 points") == true)
    let study = try JSONDecoder().decode(
      PathStudy.self, from: Data(try folder.bytes("out/path.json")))
    #expect(study.points.count == 5)
    let chosen = try #require(study.selection?.chosen)
    let selected = try Model(contentsOf: folder.path("out/selected.safetensors"))
    let point = try Model(contentsOf: folder.path("out/" + study.points[chosen].file))
    #expect(selected == point)
    let csv = String(decoding: try folder.bytes("out/path.csv"), as: UTF8.self)
    #expect(csv.split(separator: "\n").count == 6)
    let svg = String(decoding: try folder.bytes("out/path.svg"), as: UTF8.self)
    #expect(svg.hasPrefix("<svg"))
    #expect(svg.contains("neurons"))
  }

  @Test func aModelOfThePathIsCertifiedAtItsStrength() throws {
    let folder = try folder()
    defer { folder.remove() }
    let path = try Tool.run(flags + ["--output", "out", "--quiet"], in: folder)
    #expect(path.code == 0)
    let certify = try Tool.run(
      [
        "certify", "--model", "out/point-03.safetensors", "--images", "images.npy", "--labels",
        "labels.npy", "--gap", "1e-3", "--quiet",
      ], in: folder)
    #expect(certify.code == 0, "\(certify.error)")
  }

  @Test func foldersThatCannotBeMadeAreRefusedBeforeAnyWork() throws {
    let folder = try folder()
    defer { folder.remove() }
    try FileManager.default.createDirectory(
      atPath: folder.path("full"), withIntermediateDirectories: false)
    try folder.write([1], "full/file")
    for name in ["nowhere/out", "full", "images.npy"] {
      let output = try Tool.run(flags + ["--output", name], in: folder)
      #expect(output.code == 74, "\(name): \(output.error)")
      #expect(output.error.contains("--output \(name): expected a folder"))
      #expect(output.out == "")
    }
    let before = try folder.listing
    #expect(before == ["full", "images.npy", "labels.npy"])
  }

  @Test(arguments: [
    (["--lambda", "0.1"], "--lambda"), (["--points", "1"], "--points"),
    (["--min-ratio", "1"], "--min-ratio"), (["--select", "train"], "--select"),
    (["--select", "cv:1"], "--select"), (["--rule", "minimum"], "--rule"),
    (["--breakpoint-tolerance", "0.1"], "--breakpoint-tolerance"),
    (["--select", "held-out"], "--select held-out"), (["--max-cells", "5"], "--max-cells"),
    (["--select", "cv:13"], "--select cv:13"), (["--gap", "0"], "--gap"),
  ])
  func flagsThatMakeNoSenseAreRefused(extra: [String], name: String) throws {
    let folder = try folder()
    defer { folder.remove() }
    let output = try Tool.run(flags + extra, in: folder)
    #expect(output.code == 64)
    #expect(output.error.contains("\(name): expected"), "\(output.error)")
  }

  @Test func aGapThatTimeDoesNotAllowGivesCodeTwo() throws {
    let folder = try folder()
    defer { folder.remove() }
    let output = try Tool.run(
      flags + ["--gap", "1e-9", "--max-seconds", "1e-6", "--require-gap", "--json", "r.json"],
      in: folder)
    #expect(output.code == 2, "\(output.error)")
    let study = try JSONDecoder().decode(PathStudy.self, from: Data(try folder.bytes("r.json")))
    #expect(study.status == "time-limit")
    let claim = output.out.split(separator: "\n").last ?? ""
    #expect(claim.contains(" of 5 points asked for: within 1e-09"), "\(claim)")
  }

  @Test func emptyImagesAreNotSentToAnOptionOfOtherCommands() throws {
    let folder = try folder()
    defer { folder.remove() }
    try NPY.write(Tensor(shape: [12, 4, 4]), to: folder.path("images.npy"))
    let output = try Tool.run(
      ["path", "--images", "images.npy", "--labels", "labels.npy", "--filter", "2x2"], in: folder)
    #expect(output.code == 65, "\(output.error)")
    #expect(output.error.contains("lambdaMax: expected a positive number, found 0.0."))
    #expect(!output.error.contains("--lambda"))
  }
}
