import Convolutions
import Formats
import Tensors

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Takes the parts of a model out of a safetensors file and checks each.
struct ModelReader {
  let path: String
  let file: Safetensors
  var advice = "Use a model file that ccnn train wrote."

  func error(_ name: String, _ expected: String, _ found: String) -> InputError {
    InputError(
      .data, "\(path): \(name)", expected: expected, found: found, advice: advice)
  }

  func text(_ key: String) throws -> String {
    guard let text = file.metadata["ccnn.\(key)"] else {
      throw error("metadata ccnn.\(key)", "a value", "none")
    }
    return text
  }

  func number(_ key: String) throws -> Double {
    let text = try text(key)
    guard let number = Double(text), number.isFinite, number >= 0 else {
      throw error("metadata ccnn.\(key)", "a finite number >= 0", text)
    }
    return number
  }

  func json<Value: Decodable>(_ key: String) throws -> Value {
    let text = try text(key)
    do {
      return try JSONDecoder().decode(Value.self, from: Data(text.utf8))
    } catch {
      throw self.error("metadata ccnn.\(key)", "JSON of the right form", text)
    }
  }

  func tensor(_ name: String, shape: [Int?]) throws -> Tensor {
    let words = "shape [\(shape.map { $0.map(String.init) ?? "any" }.joined(separator: ", "))]"
    guard let tensor = file[name] else { throw error("tensor \(name)", words, "no such tensor") }
    guard tensor.shape.count == shape.count,
      zip(tensor.shape, shape).allSatisfy({ $1 == nil || $0 == $1 })
    else { throw error("tensor \(name)", words, "shape \(tensor.shape)") }
    if let bad = tensor.firstNonFiniteIndex {
      let index = DatasetLoader.index(bad, in: tensor.shape)
      throw error("tensor \(name)\(index)", "a finite number", "\(tensor.elements[bad])")
    }
    return tensor
  }

  func matrix(_ name: String, rows: Int?, columns: Int?) throws -> Matrix {
    let tensor = try tensor(name, shape: [rows, columns])
    return Matrix(rows: tensor.shape[0], columns: tensor.shape[1], elements: tensor.elements)
  }

  /// Filters `[m, h]` from `name.weight` and, with a bias column, `name.bias`.
  func filters(_ name: String, _ geometry: PatchGeometry, rows: Int? = nil) throws -> Matrix {
    let extents =
      geometry.isSignal
      ? [geometry.channels, geometry.filterWidth]
      : [geometry.channels, geometry.filterHeight, geometry.filterWidth]
    let weights = try tensor("\(name).weight", shape: [rows] + extents)
    let (m, size) = (weights.shape[0], weights.strideOfFirstAxis)
    var result = Matrix(rows: m, columns: geometry.patchDimension)
    for j in 0..<m { for e in 0..<size { result[j, e] = weights.elements[j * size + e] } }
    guard geometry.hasBias else { return result }
    let biases = try tensor("\(name).bias", shape: [m])
    for j in 0..<m { result[j, size] = biases.elements[j] }
    return result
  }

  func standardization(
    _ mode: Standardization.Mode, shape: [Int], geometry: PatchGeometry
  ) throws -> Standardization {
    guard mode != .none else { return .identity }
    if mode == .patchWhiten {
      let size = geometry.patchDimension - (geometry.hasBias ? 1 : 0)
      let mean = try tensor("standardization.mean", shape: [size])
      let directions = try matrix("standardization.directions", rows: size, columns: nil)
      guard directions.columns > 0 else {
        throw error("tensor standardization.directions", "at least one column", "none")
      }
      return Standardization(
        PatchWhitening(mean: mean.elements, directions: directions, source: geometry))
    }
    let extents = mode == .global ? [1] : shape
    let mean = try tensor("standardization.mean", shape: extents)
    let scale = try tensor("standardization.scale", shape: extents)
    if let bad = scale.elements.first(where: { $0 <= 0 }) {
      throw error("tensor standardization.scale", "positive numbers", "\(bad)")
    }
    return Standardization(mode: mode, mean: mean, scale: scale)
  }

  /// What was proven when the model was written.
  var certificate: [String: String] {
    let prefix = "ccnn.certificate."
    var result: [String: String] = [:]
    for (key, value) in file.metadata where key.hasPrefix(prefix) {
      result[String(key.dropFirst(prefix.count))] = value
    }
    return result
  }
}
