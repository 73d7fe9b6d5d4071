import ConvexCNN
import Foundation
import Testing

/// Commands that use a model file: certify, predict, evaluate; and baseline, which writes one.
struct ModelCommandTests {
  private func folderWithModel(_ flags: [String] = TinyData.gated) throws -> Folder {
    let folder = try Folder()
    try TinyData.write(to: folder)
    let output = try Tool.run(
      flags + ["--output", "m.safetensors", "--json", "train.json", "--quiet", "--gap", "1e-6"],
      in: folder)
    #expect(output.code == 0, "\(output.error)")
    return folder
  }

  private let data = ["--model", "m.safetensors", "--images", "images.npy"]
  private let labels = ["--labels", "labels.npy"]

  @Test func certifyRepeatsTheCertificateOfTraining() throws {
    let folder = try folderWithModel()
    defer { folder.remove() }
    let output = try Tool.run(
      ["certify"] + data + labels + ["--gap", "1e-6", "--json", "c.json"], in: folder)
    #expect(output.code == 0, "\(output.error)")
    let trained = try result(folder, "train.json")
    let certified = try result(folder, "c.json")
    #expect(certified.objective == trained.objective)
    #expect(certified.lowerBound == trained.lowerBound)
    #expect(certified.claim == trained.claim)
    #expect(certified.lambdaMax == trained.lambdaMax)
  }

  private func result(_ folder: Folder, _ name: String) throws -> TrainingResult {
    try JSONDecoder().decode(TrainingResult.self, from: Data(try folder.bytes(name)))
  }

  @Test func certifyAtAnotherStrengthIsNotEstablished() throws {
    let folder = try folderWithModel()
    defer { folder.remove() }
    let flags = ["certify"] + data + labels + ["--lambda", "1e-3"]
    let asked = try Tool.run(flags + ["--gap", "1e-6"], in: folder)
    let reported = try Tool.run(flags, in: folder)
    #expect(asked.code == 2)
    #expect(reported.code == 0)
  }

  @Test(arguments: ["branch", "sdp", "spectral"])
  func boundThatIsNotAvailableIsRefused(bound: String) throws {
    let folder = try folderWithModel()
    defer { folder.remove() }
    let output = try Tool.run(["certify"] + data + labels + ["--bound", bound], in: folder)
    #expect(output.code == 64)
    #expect(output.error.contains("auto or exact"))
  }

  @Test func certifyByMomentsIsSharperThanSpectral() throws {
    let folder = try folderWithModel(TinyData.train + ["--loss", "logistic"])
    defer { folder.remove() }
    var bounds: [Double] = []
    for kind in ["spectral", "sdp"] {
      let flags = ["--bound", kind, "--gap", "1e-9", "--json", "c.json"]
      #expect(try Tool.run(["certify"] + data + labels + flags, in: folder).code == 2)
      let certified = try result(folder, "c.json")
      #expect(certified.bound == kind)
      #expect(certified.scope == "all cells")
      #expect(certified.claim.contains(kind))
      bounds.append(try #require(certified.lowerBound.value))
    }
    let proven = try #require(try result(folder, "train.json").lowerBound.value)
    #expect(bounds[0] < bounds[1])
    #expect(bounds[1] <= proven * (1 + 1e-6))
  }

  @Test(arguments: ["p.npy", "p.csv"])
  func predictWritesOutputs(name: String) throws {
    let folder = try folderWithModel()
    defer { folder.remove() }
    let output = try Tool.run(["predict"] + data + ["--output", name], in: folder)
    #expect(output.code == 0, "\(output.error)")
    let written = try LabelSource.read(folder.path(name))
    #expect(written.shape == [12, 2])
    let model = try Model(contentsOf: folder.path("m.safetensors"))
    let images = TinyData.images().reshaped([12, 1, 4, 4])
    let expected = try model.predictions(of: images, backend: .direct)
    let error = zip(written.elements, expected.elements).map { abs($0 - $1) }.max() ?? 1
    #expect(error <= 1e-12)
  }

  @Test(arguments: ["p.npy", "p.csv"])
  func predictWritesClasses(name: String) throws {
    let folder = try folderWithModel()
    defer { folder.remove() }
    let output = try Tool.run(["predict"] + data + ["--output", name, "--classes"], in: folder)
    #expect(output.code == 0)
    let written = try LabelSource.read(folder.path(name))
    #expect(written.shape == [12])
    #expect(written.elementKind == .integer)
  }

  @Test func predictRefusesImagesOfAnotherShape() throws {
    let folder = try folderWithModel()
    defer { folder.remove() }
    try NPY.write(Tensor(shape: [3, 5, 4]), to: folder.path("images.npy"))
    let output = try Tool.run(["predict"] + data + ["--output", "p.npy"], in: folder)
    #expect(output.code == 65)
    #expect(output.error.contains("images.npy: expected samples of shape [1, 4, 4]"))
    let names = try folder.listing
    #expect(!names.contains("p.npy"))
  }

  @Test func predictRefusesAnotherFormat() throws {
    let folder = try folderWithModel()
    defer { folder.remove() }
    let output = try Tool.run(["predict"] + data + ["--output", "p.txt"], in: folder)
    #expect(output.code == 64)
  }

  @Test func evaluateCountsEverySampleOnce() throws {
    let folder = try folderWithModel()
    defer { folder.remove() }
    let output = try Tool.run(["evaluate"] + data + labels + ["--json", "-"], in: folder)
    #expect(output.code == 0, "\(output.error)")
    let evaluation = try JSONDecoder().decode(Evaluation.self, from: Data(output.out.utf8))
    let total = evaluation.confusion.flatMap { $0 }.reduce(0, +)
    #expect(total == 12)
    let right = Double(evaluation.confusion[0][0] + evaluation.confusion[1][1])
    #expect(evaluation.accuracy.value == right / 12)
    let loss = try result(folder, "train.json").loss.value ?? .nan
    let found = evaluation.loss.value ?? .nan
    #expect(abs(found - loss) <= 1e-12)
  }

  @Test func evaluateRefusesUnknownClasses() throws {
    let folder = try folderWithModel()
    defer { folder.remove() }
    try TinyData.write(
      labels: [Double](repeating: 2, count: 12), to: folder.path("labels.npy"))
    let output = try Tool.run(["evaluate"] + data + labels, in: folder)
    #expect(output.code == 65)
    #expect(output.error.contains("labels.npy[0]: expected a class in 0...1"))
  }

  @Test(arguments: ["conv.weight", "head.weight", "cells.gates", "gates.weight"])
  func damagedTensorIsNamed(name: String) throws {
    let folder = try folderWithModel()
    defer { folder.remove() }
    let path = folder.path("m.safetensors")
    for damage in [0, 1, 2] {
      var file = try Safetensors.read(path)
      let index = try #require(file.tensors.firstIndex { $0.name == name })
      var tensor = file.tensors[index].tensor
      switch damage {
      case 0: tensor = Tensor(shape: tensor.shape + [2])
      case 1: tensor.elements[0] = .nan
      default: break
      }
      if damage == 2 { file.tensors.remove(at: index) } else { file.tensors[index].tensor = tensor }
      try file.write(to: folder.path("damaged.safetensors"))
      let output = try Tool.run(
        [
          "predict", "--model", "damaged.safetensors", "--images", "images.npy", "--output",
          "p.npy",
        ],
        in: folder)
      #expect(output.code == 65)
      #expect(output.error.contains("damaged.safetensors: tensor \(name)"), "\(output.error)")
    }
  }

  /// Samples of any size could be claimed by a small file; their pooling is kept in memory.
  @Test(arguments: ["[1,1048576,1048576]", "[1,0,4]", "[9000000000,2,2]"])
  func modelsOfHugeSamplesAreRefused(shape: String) throws {
    let folder = try folderWithModel()
    defer { folder.remove() }
    var file = try Safetensors.read(folder.path("m.safetensors"))
    #expect(file.metadata["ccnn.shape"] != nil)
    file.metadata["ccnn.shape"] = shape
    try file.write(to: folder.path("m.safetensors"))
    let output = try Tool.run(["evaluate"] + data + labels, in: folder)
    #expect(output.code == 65)
    #expect(output.error.contains("ccnn.shape"), "\(output.error)")
  }

  @Test func truncatedModelIsRefused() throws {
    let folder = try folderWithModel()
    defer { folder.remove() }
    try folder.write(folder.bytes("m.safetensors").dropLast(4), "m.safetensors")
    let output = try Tool.run(["evaluate"] + data + labels, in: folder)
    #expect(output.code == 65)
    #expect(output.error.contains("m.safetensors"))
  }

  @Test(arguments: ["adam", "sgd", "lbfgs"])
  func baselineReportsEverySeed(optimizer: String) throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    var flags = TinyData.train
    flags[0] = "baseline"
    flags += [
      "--optimizer", optimizer, "--width", "4", "--epochs", "10", "--seeds", "3", "--seed", "7",
      "--output", "b.safetensors",
    ]
    let output = try Tool.run(flags + ["--json", "-"], in: folder)
    #expect(output.code == 0, "\(output.error)")
    let study = try JSONDecoder().decode(BaselineStudy.self, from: Data(output.out.utf8))
    let seeds = study.runs.map(\.seed)
    #expect(seeds == [7, 8, 9])
    let objectives = study.runs.compactMap(\.objective.value).sorted()
    #expect(study.best.value == objectives[0])
    #expect(study.median.value == objectives[1])
    let model = try Model(contentsOf: folder.path("b.safetensors"))
    #expect(model.network.neuronCount <= 4)
  }

  /// Adam at a rate of 1e300 leaves no numbers, which is no result, and no model.
  @Test func aBaselineThatDivergedIsNoResult() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let flags =
      ["baseline"] + Array(TinyData.train.dropFirst()) + [
        "--width", "4", "--epochs", "3", "--seeds", "2", "--learning-rate", "1e300", "--output",
        "b.safetensors", "--json", "b.json",
      ]
    let output = try Tool.run(flags, in: folder)
    #expect(output.code == 65, "\(output.error)")
    #expect(output.error.contains("baseline: expected a run that does not diverge"))
    #expect(output.out.contains("seeds 0, 1: the objective is not finite"))
    #expect(output.out.contains("none: every run diverged"))
    let study = try JSONDecoder().decode(
      BaselineStudy.self, from: Data(try folder.bytes("b.json")))
    #expect(study.best.value == nil && study.median.value == nil)
    #expect(study.runs.map(\.status) == ["diverged", "diverged"])
    #expect(study.runs.allSatisfy { $0.isDiverged })
    #expect(study.runs.allSatisfy { $0.objective.value == nil })
    #expect(!FileManager.default.fileExists(atPath: folder.path("b.safetensors")))
  }

  /// At a hundred times `lambdaMax` the network without neurons is best by far.
  @Test func aBaselineAboveTheNetworkWithoutNeuronsSaysSo() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let strong = TinyData.train.dropFirst().map { $0 == "0.1" ? "100" : $0 }
    let output = try Tool.run(["baseline"] + strong + ["--epochs", "1", "--json", "-"], in: folder)
    #expect(output.code == 0, "\(output.error)")
    let study = try JSONDecoder().decode(BaselineStudy.self, from: Data(output.out.utf8))
    #expect(study.runs.map(\.status) == ["iteration-limit"])
    #expect(study.claim.contains("The best run ended above the objective"))
  }

  @Test func aBoundByMomentsWithoutTimeSaysSo() throws {
    let folder = try folderWithModel(TinyData.train + ["--loss", "logistic"])
    defer { folder.remove() }
    let flags = ["--bound", "sdp", "--gap", "1e-9", "--max-seconds", "1e-6", "--json", "c.json"]
    #expect(try Tool.run(["certify"] + data + labels + flags, in: folder).code == 2)
    let certified = try result(folder, "c.json")
    #expect(certified.bound == "spectral")
    #expect(certified.statusAdvice.contains("no sdp bound below the spectral one was found"))
  }

  /// The claim below the status may prove much.
  @Test func convergedRunsPointToTheirClaim() {
    let advice = SolveStatus.converged.advice
    #expect(advice.contains("the gap asked for is not proven, see the claim"))
  }
}
