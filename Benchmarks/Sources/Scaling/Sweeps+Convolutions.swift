import BenchmarkSupport
import Convolutions
import Tensors

/// Everything that `Scaling all` measures.
enum Sweeps {
  /// All sweeps, in the order of the page.
  static var all: [Sweep] {
    extraction + convolutions + enumeration + sampling + pricing + gated + training
  }

  /// Names of the groups, in the order of the page, those without sweeps last.
  static var groups: [String] {
    var groups: [String] = []
    for sweep in all where !groups.contains(sweep.group) { groups.append(sweep.group) }
    return groups + ["threads", "floors"]
  }
}

extension Sweeps {
  /// Random images and filters of one size.
  struct ConvolutionSize {
    var samples = 32
    var channels = 1
    var side = 32
    var filter = 5
    var filterCount = 16

    var images: Tensor {
      var random = SeededGenerator(seed: UInt64(1000 * side + filter))
      let shape = [samples, channels, side, side]
      return Tensor(
        shape: shape, elements: (0..<shape.reduce(1, *)).map { _ in random.normal() })
    }

    var geometry: PatchGeometry {
      get throws {
        try PatchGeometry(
          channels: channels, imageHeight: side, imageWidth: side, filterHeight: filter,
          filterWidth: filter)
      }
    }

    /// Patches of all samples.
    var patchCount: Int { samples * (side - filter + 1) * (side - filter + 1) }
    var patchDimension: Int { channels * filter * filter }

    var filters: Matrix {
      var random = SeededGenerator(seed: 3)
      return Matrix(
        rows: filterCount, columns: patchDimension,
        elements: (0..<filterCount * patchDimension).map { _ in random.normal() })
    }
  }

  /// A quantity of images and filters that is varied.
  private struct ConvolutionAxis {
    let name: String
    let setting: String
    let quick: [Int]
    let full: [Int]
    var scale: @Sendable (Int) -> Double = { Double($0) }
    var quantity: String?
    let change: @Sendable (inout ConvolutionSize, Int) -> Void

    /// What is claimed; transforms take pixels times their logarithm, which is 0.15 more of these sizes.
    func growth(_ backend: ConvolutionBackend) -> Sweep.Growth {
      backend == .fft && quantity == "pixels" ? .polynomial(limit: 1.45) : .linear
    }

    func size(_ value: Int) -> ConvolutionSize {
      var size = ConvolutionSize()
      change(&size, value)
      return size
    }
  }

  private static let axes = [
    ConvolutionAxis(
      name: "samples n", setting: "1 channel of 32 x 32, 5x5", quick: [8, 16, 32, 64, 128],
      full: [8, 16, 32, 64, 128, 256, 512]
    ) { $0.samples = $1 },
    ConvolutionAxis(
      name: "image size", setting: "32 samples, 1 channel, 5x5; the side is the value",
      quick: [16, 32, 64, 128], full: [16, 32, 64, 128, 256],
      scale: { Double($0 * $0) }, quantity: "pixels"
    ) { $0.side = $1 },
    ConvolutionAxis(
      name: "channels", setting: "32 samples of 32 x 32, 5x5", quick: [1, 2, 4, 8],
      full: [1, 2, 4, 8, 16, 32]
    ) { $0.channels = $1 },
    ConvolutionAxis(
      name: "filter size", setting: "16 samples, 1 channel of 64 x 64; the side is the value",
      quick: [2, 3, 5, 7, 9], full: [2, 3, 5, 7, 9, 11, 13],
      scale: { Double($0 * $0) }, quantity: "patch dimension h"
    ) { ($0.samples, $0.side, $0.filter) = (16, 64, $1) },
    ConvolutionAxis(
      name: "filters m", setting: "32 samples, 1 channel of 32 x 32, 5x5",
      quick: [4, 8, 16, 32, 64], full: [4, 8, 16, 32, 64, 128, 256]
    ) { $0.filterCount = $1 },
  ]

  /// Cutting patches out of images.
  ///
  /// An eighth of the samples, so that all patches take less than the 32 MB from which on the system hands out new pages
  /// in every run, which may cost ten times as much as the extraction (see `Floors`).
  static var extraction: [Sweep] {
    axes.dropLast().map { axis in
      Sweep(
        "extraction", axis.name, quantity: axis.quantity,
        setting: "\(axis.setting); an eighth of the samples", counters: ["entries"],
        quick: axis.quick, full: axis.quantity == "pixels" ? axis.quick : axis.full,
        scale: axis.scale
      ) { value in
        var size = axis.size(value)
        size.samples /= 8
        let (images, geometry) = (size.images, try size.geometry)
        return {
          let patches = try PatchSet(images: images, geometry: geometry).patches
          return Sweep.Reading([patches.elements.count])
        }
      }
    }
  }

  /// Responses of all patches to filters, and the adjoint, by every backend, on one thread.
  static var convolutions: [Sweep] {
    let passes = [("forward", false), ("adjoint", true)]
    let backends: [ConvolutionBackend] = [.direct, .im2col, .fft]
    return passes.flatMap { pass, isAdjoint in
      axes.flatMap { axis in
        backends.map { backend in
          Sweep(
            "convolution-\(pass)", "\(axis.name), \(backend.rawValue)", chart: axis.name,
            quantity: axis.quantity, setting: "\(axis.setting); 16 filters unless they are varied",
            growth: axis.growth(backend),
            quick: axis.quick, full: axis.full, scale: axis.scale
          ) { try onePass(axis.size($0), backend, isAdjoint) }
        }
      }
    }
  }

  private static func onePass(
    _ size: ConvolutionSize, _ backend: ConvolutionBackend, _ isAdjoint: Bool
  ) throws -> Sweep.Work {
    let layer = try ConvolutionLayer(
      images: size.images, geometry: size.geometry, backend: backend)
    var filters = size.filters
    var responses = try layer.responses(of: filters)
    guard !isAdjoint else {
      return {
        _ = try layer.adjoint(responses)
        return Sweep.Reading([])
      }
    }
    return {
      // Other filters each time, so that no spectrum of a filter is reused.
      filters.elements[0] += 1
      try layer.writeResponses(of: filters, into: &responses)
      return Sweep.Reading([])
    }
  }
}
