import Arrangements
import BenchmarkSupport
import ConvexCNN
import Convolutions
import Foundation
import Tensors

/// Kernels beside the least time that this machine needs for what they must move and do.
struct Floors {
  let isQuick: Bool
  /// Called with what was measured, for example to print it.
  let progress: (String) -> Void

  /// A kernel: its sizes, what it has to move and do, and its work for a number of threads.
  private struct Kernel {
    let name: String
    let setting: String
    var threads: [Int]?
    let bytes: Double
    let operations: Double
    let prepare: (Int) throws -> () throws -> Void
  }

  /// Measures the ceilings, then every kernel with one thread and with all.
  func measure() throws -> (ceilings: [Ceiling], kernels: [FloorResult]) {
    let counts = Parallel.processorCount > 1 ? [1, Parallel.processorCount] : [1]
    let ceilings = Ceilings(threads: counts, isQuick: isQuick)
    var results: [FloorResult] = []
    for kernel in try kernels {
      for threads in kernel.threads ?? counts {
        let work = try kernel.prepare(threads)
        let seconds = try Ceilings.leastSeconds(isQuick ? 0.2 : 2, work)
        let result = FloorResult(
          kernel: kernel.name, setting: kernel.setting, threads: threads, bytes: kernel.bytes,
          operations: kernel.operations, seconds: seconds,
          triad: ceilings.rate("triad", threads: threads),
          product: ceilings.rate("dgemm", threads: threads))
        results.append(result)
        progress(
          "\(result.kernel), \(threads) thread\(threads == 1 ? "" : "s"): "
            + String(format: "%.2f of the floor", result.fraction))
      }
    }
    return (ceilings.all, results)
  }

  private var kernels: [Kernel] {
    get throws { try extraction + convolutions + gated() + [enumeration] }
  }

  private var size: Sweeps.ConvolutionSize {
    Sweeps.ConvolutionSize(samples: 64, channels: 1, side: 64, filter: 5, filterCount: 32)
  }

  /// Reads every image and writes every patch once, to memory that was used before and to new pages.
  private var extraction: [Kernel] {
    [(16, "memory used before"), (64, "new pages of the system")].map { samples, memory in
      var size = size
      size.samples = samples
      let (chosen, setting) = (size, "\(samples) images of 64 x 64, 5x5, \(memory)")
      let entries = chosen.images.elements.count + chosen.patchCount * chosen.patchDimension
      return Kernel(
        name: "patch extraction", setting: setting, threads: [1], bytes: 8 * Double(entries),
        operations: 0
      ) { _ in
        let (images, geometry) = (chosen.images, try chosen.geometry)
        return { _ = try PatchSet(images: images, geometry: geometry) }
      }
    }
  }

  /// Reads images and filters and writes responses; im2col reads the patches, FFT does what its algorithm does.
  private var convolutions: [Kernel] {
    let size = size
    let images = Double(size.images.elements.count)
    let responses = Double(size.patchCount * size.filterCount)
    let products = 2 * responses * Double(size.patchDimension)
    let patches = Double(size.patchCount * size.patchDimension)
    // Spectra of all filters, products of half spectra, transforms of all responses.
    let pixels = Double(size.side * size.side)
    let transform = 2.5 * pixels * log2(pixels)
    let spectral =
      Double(size.filterCount) * transform + Double(size.samples * size.filterCount)
      * (transform + 8 * pixels / 2)
    let setting = "64 images of 64 x 64, 5x5, 32 filters"
    func kernel(
      _ backend: ConvolutionBackend, _ name: String, read: Double, operations: Double
    ) -> Kernel {
      Kernel(
        name: name, setting: setting, bytes: 8 * (read + responses), operations: operations
      ) { threads in
        let layer = try ConvolutionLayer(
          images: size.images, geometry: size.geometry, backend: backend, threads: threads)
        var filters = size.filters
        var result = try layer.responses(of: filters)
        return {
          filters.elements[0] += 1
          try layer.writeResponses(of: filters, into: &result)
        }
      }
    }
    return [
      kernel(.direct, "convolution, direct", read: images, operations: products),
      kernel(.im2col, "convolution, im2col and product", read: patches, operations: products),
      kernel(.fft, "convolution, FFT", read: images, operations: spectral),
    ]
  }

  /// Features of a gated network, one pass over them (predictions and adjoint), and their Gram matrix.
  private func gated() throws -> [Kernel] {
    let (samples, gateCount, outputs) = (isQuick ? 2000 : 4000, 64, 8)
    func problem(_ threads: Int) throws -> TrainingProblem {
      let (images, rates) = ScalingProblems.waveImages(samples: samples, size: 12, seed: 5)
      return try TrainingProblem(
        images: images,
        geometry: PatchGeometry(imageHeight: 12, imageWidth: 12, filterHeight: 3, filterWidth: 3),
        pooling: Pooling(parsing: "sum"), activation: .gated,
        loss: SquaredLoss(targets: ScalingProblems.waveTargets(rates, outputs: outputs)),
        lambda: 1, threads: threads)
    }
    let gates = Sweeps.normals(gateCount, rank: 9)
    let patches = Double(samples * 100 * 9)
    let features = Double(gateCount * 9)
    let entries = Double(samples) * features
    let setting = "\(samples) images of 12 x 12, 3x3, \(gateCount) gates"
    return [
      // Products with the gates, then the sum of the patches that a gate lets through.
      Kernel(
        name: "gated features", setting: setting, bytes: 8 * (patches + entries),
        operations: 4 * patches * Double(gateCount)
      ) { threads in
        let problem = try problem(threads)
        return { _ = problem.gatedFeatures(of: gates) }
      },
      Kernel(
        name: "gated features, streamed", setting: setting, bytes: 8 * (patches + entries),
        operations: 4 * patches * Double(gateCount)
      ) { threads in
        let map = StreamedFeatureMap(problem: try problem(threads), gates: gates)
        return { map.forEachBlock { _, _ in } }
      },
      Kernel(
        name: "gated pass", setting: setting + ", \(outputs) outputs", bytes: 8 * 2 * entries,
        operations: 4 * entries * Double(outputs)
      ) { threads in
        let map = DenseFeatureMap(
          features: try problem(1).gatedFeatures(of: gates), threads: threads)
        var weights = Matrix(rows: map.featureCount, columns: outputs, repeating: 0.5)
        return { weights = map.adjoint(map.predictions(of: weights)).scaled }
      },
      Kernel(
        name: "Gram matrix", setting: setting, bytes: 4 * entries + 8 * features * features,
        operations: entries * features
      ) { threads in
        let map = FloatFeatureMap(StreamedFeatureMap(problem: try problem(threads), gates: gates))
        return { _ = map.gram }
      },
    ]
  }

  /// Writes the pattern of every half cell once.
  private var enumeration: Kernel {
    get throws {
      let enumeration = try CellEnumeration(
        CentralArrangement(normals: Sweeps.normals(200, rank: 4)))
      let cells = Double(try enumeration.count() / 2)
      return Kernel(
        name: "enumeration", setting: "200 normal rows of rank 4",
        bytes: 8 * cells * Double(enumeration.wordsPerCell), operations: 0
      ) { threads in
        { try enumeration.forEachBatch(threads: threads) { _ in true } }
      }
    }
  }
}

extension Matrix {
  /// The matrix over its largest entry, so that repeated products stay finite.
  fileprivate var scaled: Matrix {
    let most = elements.reduce(0) { max($0, abs($1)) }
    return Matrix(rows: rows, columns: columns, elements: elements.map { $0 / max(most, 1e-300) })
  }
}
