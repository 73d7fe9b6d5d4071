import Certificates
import ConvexPrograms
import Convolutions
import Foundation
import Tensors
import TestSupport
import Testing

/// The dual norm by frequencies against singular values of the matrix of all shifts, and against all patches.
struct CircularDualNormTests {
  /// Channels, height, width, outputs: signals, tall, wide and odd images, several channels and outputs.
  static let shapes = [
    [1, 1, 7, 1], [1, 1, 6, 3], [3, 1, 5, 1], [2, 1, 4, 3], [1, 3, 4, 1], [1, 5, 2, 2],
    [2, 4, 3, 1], [3, 2, 3, 2], [1, 4, 4, 1], [2, 1, 1, 2], [1, 1, 2, 1],
  ]

  private struct Instance {
    let geometry: PatchGeometry
    let images: Tensor
    let dual: Matrix

    init(_ shape: [Int], samples n: Int = 5, seed: UInt64, scale: Double = 1) throws {
      var random = SeededGenerator(seed: seed)
      geometry = try PatchGeometry(
        channels: shape[0], imageHeight: shape[1], imageWidth: shape[2], filterHeight: shape[1],
        filterWidth: shape[2], padding: .circular)
      // Every third seed draws few values, so that spectra repeat and vanish.
      let isCoarse = seed % 3 == 0
      images = Tensor(
        shape: [n] + shape.dropLast(),
        elements: (0..<n * shape.dropLast().reduce(1, *)).map { _ in
          scale * (isCoarse ? Double(random.integer(below: 3)) - 1 : random.normal())
        })
      dual = random.normalMatrix(rows: n, columns: shape[3])
    }

    var rows: Matrix {
      Matrix(
        rows: images.shape[0], columns: images.elements.count / images.shape[0],
        elements: images.elements)
    }

    func bound(times factor: Double = 1) throws -> Double {
      let shape = try #require(CircularImages(geometry, Pooling(.none), .linear))
      var scaled = dual
      for e in scaled.elements.indices { scaled.elements[e] *= factor }
      return try CircularDualNorm.upperBound(rows, shape: shape, dual: scaled)
    }

    /// The largest singular value of `T[(o, k), (e, t)] = sum_i Lambda[i, o] x_i[e, k + t]`, entry by entry.
    func exact() throws -> Double {
      let (channels, height, width) = (images.shape[1], images.shape[2], images.shape[3])
      let d = height * width
      var t = Matrix(rows: dual.columns * d, columns: channels * d)
      for o in 0..<dual.columns {
        for (k, s) in (0..<d * d).map({ $0.quotientAndRemainder(dividingBy: d) }) {
          let row = (k / width + s / width) % height
          let column = (k % width + s % width) % width
          for e in 0..<channels {
            t[o * d + k, e * d + s] = (0..<dual.rows).reduce(0) {
              $0 + dual[$1, o] * images.elements[($1 * channels + e) * d + row * width + column]
            }
          }
        }
      }
      return try LAPACK.singularValues(t).values.first ?? 0
    }
  }

  @Test(arguments: shapes, 1...4 as ClosedRange<UInt64>)
  func isTheLargestSingularValueOfAllShifts(shape: [Int], seed: UInt64) throws {
    let instance = try Instance(shape, seed: seed)
    let (bound, exact) = (try instance.bound(), try instance.exact())
    #expect(bound >= exact * (1 - 1e-14))
    #expect(bound <= exact * (1 + 1e-11))
  }

  @Test(arguments: shapes)
  func isThatOfAllPatches(shape: [Int]) throws {
    let instance = try Instance(shape, seed: 7)
    let patches = PooledPatches(
      rows: try PatchReader.rows(of: instance.images, geometry: instance.geometry),
      sampleCount: instance.dual.rows, threads: 1)
    let slow = try MaskedDualNorm.upperBound(
      patches, weights: .identity(instance.geometry.patchesPerSample), masks: nil,
      dual: instance.dual)
    #expect(abs(try instance.bound() - slow) <= 2e-9 * slow)
  }

  /// Filters and output weights of length one never reach beyond the bound.
  @Test(arguments: shapes)
  func noNeuronPassesTheBound(shape: [Int]) throws {
    let instance = try Instance(shape, seed: 11)
    let bound = try instance.bound()
    var random = SeededGenerator(seed: 3)
    let d = shape[1] * shape[2]
    let circular = try #require(CircularImages(instance.geometry, Pooling(.none), .linear))
    for _ in 0..<100 {
      let network = try Network(
        geometry: instance.geometry, pooling: Pooling(.none), activation: .linear,
        filters: random.normalMatrix(rows: 1, columns: shape[0] * d),
        outputWeights: random.normalMatrix(rows: d, columns: shape[3]))
      let predictions = BLAS.product(
        instance.rows, .plain, circular.weights(of: network), .plain)
      let value = BLAS.dot(predictions.elements, instance.dual.elements)
      #expect(abs(value) <= bound * network.regularization * (1 + 1e-12))
    }
  }

  /// A dual point that is scaled has a dual norm scaled alike: shrinking it does not hide what it violates.
  @Test(arguments: [0.25, 0.999, 1.001, 4, 0x1p-40, 0x1p40])
  func scalesWithTheDualPoint(factor: Double) throws {
    let instance = try Instance([2, 3, 4, 2], seed: 5)
    let (bound, scaled) = (try instance.bound(), try instance.bound(times: factor))
    #expect(abs(scaled - factor * bound) <= 1e-12 * factor * bound)
  }

  /// Signals so long that frequencies are cut into blocks: pure tones at several places.
  @Test func longSignalsAreCoveredFrequencyByFrequency() throws {
    let d = 5000
    for tone in [0, 1, 700, 2400, 2500] {
      let wave = (0..<d).map { p in cos(2 * .pi * Double(tone * p % d) / Double(d)) }
      let geometry = try PatchGeometry(length: d, filterLength: d, padding: .circular)
      let shape = try #require(CircularImages(geometry, Pooling(.none), .linear))
      let bound = try CircularDualNorm.upperBound(
        Matrix(rows: 1, columns: d, elements: wave), shape: shape,
        dual: Matrix(rows: 1, columns: 1, elements: [2]))
      // The transform of cos is d at frequencies 0 and d/2, else d/2 at both of a pair.
      let exact = 2 * Double(d) * (tone % 2500 == 0 ? 1 : 0.5)
      #expect(bound >= exact * (1 - 1e-14))
      #expect(bound <= exact * (1 + 1e-10))
    }
  }

  @Test func otherArchitecturesAreNotTakenForCircularOnes() throws {
    let none = Pooling(.none)
    func geometry(
      filter: Int = 4, stride: Int = 1, padding: PatchGeometry.Padding = .circular,
      bias: Bool = false
    ) throws -> PatchGeometry {
      try PatchGeometry(
        imageHeight: 4, imageWidth: 4, filterHeight: 4, filterWidth: filter, stride: stride,
        padding: padding, hasBias: bias)
    }
    #expect(CircularImages(try geometry(), none, .linear) != nil)
    #expect(CircularImages(try geometry(filter: 3), none, .linear) == nil)
    #expect(CircularImages(try geometry(stride: 2), none, .linear) == nil)
    #expect(CircularImages(try geometry(padding: .zero), none, .linear) == nil)
    #expect(CircularImages(try geometry(padding: .valid), none, .linear) == nil)
    #expect(CircularImages(try geometry(bias: true), none, .linear) == nil)
    #expect(CircularImages(try geometry(), Pooling(.sum), .linear) == nil)
    #expect(CircularImages(try geometry(), none, .relu) == nil)
    #expect(CircularImages(try geometry(), none, .gated) == nil)
  }

  /// Data so small or large that squares leave the range of numbers.
  @Test(arguments: [1e-250, 1e-90, 1e90, 1e150])
  func extremeUnitsDoNotChangeTheCertificate(scale: Double) throws {
    let shape = [2, 2, 3, 1]
    func certificate(_ scale: Double) throws -> Certificate {
      let instance = try Instance(shape, seed: 8, scale: scale)
      var random = SeededGenerator(seed: 2)
      let network = try Network(
        geometry: instance.geometry, pooling: Pooling(.none), activation: .linear,
        filters: Matrix(rows: 0, columns: 12), outputWeights: Matrix(rows: 0, columns: 1))
      let loss = SquaredLoss(targets: random.normalMatrix(rows: 5, columns: 1))
      return try Certifier(images: instance.images, loss: loss, lambda: 0.5 * scale)
        .certify(network, gates: nil, targetGap: 1e-6)
    }
    let (plain, extreme) = (try certificate(1), try certificate(scale))
    #expect(plain.lowerBound > 0)
    #expect(abs(plain.lowerBound - extreme.lowerBound) <= 1e-10 * plain.lowerBound)
  }
}
