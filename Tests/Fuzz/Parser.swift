import ConvexPrograms
import Foundation
import Solvers

@testable import ConvexCNN
@testable import Formats

/// Readers of files from outside.
///
/// Each takes any bytes: it may throw, and must neither trap nor allocate without bound.
enum Parser: String, CaseIterable {
  case idx, npy, npz, csv, number, cifar, png, safetensors, json, samples, model, weights
  case multipliers, checkpoint

  /// Reads bytes as a file, and checks what must hold of whatever is accepted.
  func feed(_ bytes: [UInt8]) {
    do {
      try read(bytes)
    } catch is FormatError, is InputError {
      // Refused, as most files are.
    } catch is GeometryError, is ProgramError {
      // Refused, for what the file says of the network.
    } catch {
      preconditionFailure("\(rawValue): an error of another module: \(error)")
    }
  }

  private func read(_ bytes: [UInt8]) throws {
    switch self {
    case .idx: _ = try IDX.parse(bytes, path: "f")
    case .npy: _ = try NPY.parse(bytes, path: "f")
    case .npz: _ = try NPZ.parse(bytes, path: "f", key: nil)
    case .csv: _ = try CSV.parse(bytes, path: "f")
    case .number: try readNumber(bytes)
    case .cifar: _ = try CIFAR.parse(bytes, path: "f", variant: .automatic)
    case .png: _ = try PNG.parse(PNGChecksums.repaired(bytes), path: "f")
    case .safetensors: try readSafetensors(bytes)
    case .json: _ = try JSONValue(parsing: bytes, path: "f")
    case .samples: try readSamples(bytes)
    case .model: try readModel(bytes)
    case .weights: try readWeights(bytes)
    case .checkpoint: try readCheckpoint(bytes)
    case .multipliers: _ = try MemoryFile(bytes).read { try MultiplierCertificate(contentsOf: $0) }
    }
  }

  /// A number is the nearest double, as the standard library has it.
  private func readNumber(_ bytes: [UInt8]) throws {
    let value: Double? = bytes.withUnsafeBufferPointer { buffer in
      var numbers = NumberParser(buffer)
      var position = 0
      guard let value = numbers.value(at: &position), position == buffer.count else { return nil }
      return value
    }
    guard let value else { return }
    let text = String(decoding: bytes, as: UTF8.self).filter { !" \t\"".contains($0) }
    guard let expected = Double(text), expected.isFinite || !value.isFinite else { return }
    precondition(
      value.bitPattern == expected.bitPattern || (value.isNaN && expected.isNaN),
      "number: \(text) is \(expected), found \(value)")
  }

  /// What was read is written to a file that reads the same.
  private func readSafetensors(_ bytes: [UInt8]) throws {
    let file = try Safetensors.parse(bytes, path: "f")
    let again = try MemoryFile([]).read { path in
      try file.write(to: path)
      return try Safetensors.read(path)
    }
    precondition(again.metadata == file.metadata, "safetensors: other metadata")
    for (name, tensor) in file.tensors {
      let same = again[name].map {
        $0.shape == tensor.shape
          && zip($0.elements, tensor.elements).allSatisfy { $0.bitPattern == $1.bitPattern }
      }
      precondition(same == true, "safetensors: another tensor \(name)")
    }
  }

  /// A file read in parts has the numbers of the same file read as a whole.
  private func readSamples(_ bytes: [UInt8]) throws {
    try MemoryFile(bytes).read { path in
      let file = try SampleFile(path) { shape in
        guard !shape.isEmpty else {
          throw FormatError(path: path, expected: "samples", found: "a scalar", advice: "")
        }
        return [1, 1, shape.dropFirst().reduce(1, *)]
      }
      let count = file.sampleCount * file.sampleSize
      let parts = [Double](unsafeUninitializedCapacity: count) { buffer, filled in
        if let base = buffer.baseAddress, count > 0 {
          let half = file.sampleCount / 2
          file.read(0..<half, into: base)
          file.read(half..<file.sampleCount, into: base + half * file.sampleSize)
        }
        filled = count
      }
      try file.requireReadable()
      let whole = try ImageSource.read(path).images
      let scale: Double = whole.elementKind == .unsignedByte ? 255 : 1
      precondition(
        whole.elements.count == count
          && zip(parts, whole.elements).allSatisfy { $0 == $1 / scale || $0.isNaN && $1.isNaN },
        "samples: other numbers than the whole file has")
    }
  }

  /// A model that was read predicts, and is written to a file that reads the same.
  private func readModel(_ bytes: [UInt8]) throws {
    let model = try MemoryFile(bytes).read { try Model(contentsOf: $0) }
    let again = try MemoryFile([]).read { path in
      try model.write(to: path)
      return try Model(contentsOf: path)
    }
    precondition(again.network == model.network, "model: another network")
    let size = model.samples.shape.reduce(1, *)
    guard size <= 4096, model.network.filters.elements.count <= 4096 else { return }
    let images = Tensor(
      shape: [2] + model.samples.shape, elements: (0..<2 * size).map { Double($0 % 7) - 3 })
    let outputs = try model.predictions(of: images, backend: .im2col, threads: 1)
    precondition(outputs.rows == 2 && outputs.columns == model.network.outputCount)
  }

  /// The state of a run that was read is gone on from, for a moment.
  private func readCheckpoint(_ bytes: [UInt8]) throws {
    let reader = try MemoryFile(bytes).read { try TrainingCheckpoint.reader($0) }
    let limits = SolveLimits(iterations: 60, seconds: 0.02)
    if reader.file["filters"] != nil {
      let problem = try CheckpointedProblem.problem(.relu)
      let state = try TrainingCheckpoint.cells(in: reader, of: problem)
      let result = try CellGeneration().solve(problem, limits: limits, from: state)
      precondition(!(result.objective.total < 0), "checkpoint: a negative objective")
    } else {
      let program = try GatedProgram(
        problem: CheckpointedProblem.problem(.gated), gates: CheckpointedProblem.gates
      ).composite
      let state = try TrainingCheckpoint.gates(in: reader, of: program)
      let solution = GatedSolver().solve(program, limits: limits, resuming: state)
      precondition(!(solution.objective < 0), "checkpoint: a negative objective")
    }
  }

  /// Weights that were read make a network for images of their size.
  private func readWeights(_ bytes: [UInt8]) throws {
    let weights = try MemoryFile(bytes).read { try ImportedWeights(contentsOf: $0) }
    let shape = weights.filterShape
    guard shape.dropFirst().allSatisfy({ $0 <= 64 }) else { return }
    let geometry =
      try shape.count == 3
      ? PatchGeometry(
        channels: shape[1], length: shape[2] + 1, filterLength: shape[2], hasBias: weights.hasBias)
      : PatchGeometry(
        channels: shape[1], imageHeight: shape[2] + 1, imageWidth: shape[3] + 1,
        filterHeight: shape[2], filterWidth: shape[3], hasBias: weights.hasBias)
    _ = try weights.network(
      geometry: geometry, pooling: Pooling(.average), activation: .relu, outputCount: 2,
      hasOutputBias: weights.hasOutputBias)
  }
}
