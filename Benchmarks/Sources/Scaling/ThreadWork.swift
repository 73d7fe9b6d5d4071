import Arrangements
import BenchmarkSupport
import ConvexCNN
import Convolutions
import Tensors

/// Work that is measured with one thread and with more.
enum ThreadWork {
  /// Every comparison.
  static func all(isQuick: Bool) -> [ThreadComparison] {
    [convolution(isQuick), enumeration(isQuick), gated(isQuick), training(isQuick)]
  }

  private static func convolution(_ isQuick: Bool) -> ThreadComparison {
    ThreadComparison(
      "convolution, both passes",
      setting: "\(isQuick ? 128 : 512) images of 64 x 64, 5x5, 32 filters, direct"
    ) { threads in
      var size = Sweeps.ConvolutionSize()
      (size.samples, size.side, size.filterCount) = (isQuick ? 128 : 512, 64, 32)
      let layer = try ConvolutionLayer(
        images: size.images, geometry: size.geometry, backend: .direct, threads: threads)
      let filters = size.filters
      var responses = try layer.responses(of: filters)
      return {
        try layer.writeResponses(of: filters, into: &responses)
        _ = try layer.adjoint(responses)
        return Sweep.Reading([])
      }
    }
  }

  private static func enumeration(_ isQuick: Bool) -> ThreadComparison {
    let rows = isQuick ? 400 : 800
    return ThreadComparison("enumeration", setting: "\(rows) normal rows of rank 4, counted") {
      threads in
      let enumeration = try CellEnumeration(
        CentralArrangement(normals: Sweeps.normals(rows, rank: 4)))
      return { Sweep.Reading([Int(try enumeration.count(threads: threads))]) }
    }
  }

  private static func gated(_ isQuick: Bool) -> ThreadComparison {
    ThreadComparison(
      "gated training",
      setting: "\(isQuick ? 1000 : 4000) waves of 12 x 12, 3x3, 4 outputs, 2x2 windows, 64 gates"
    ) { threads in
      GatedTask(
        samples: isQuick ? 1000 : 4000, outputs: 4, windows: "2x2", gates: 64, threads: threads
      ).work()
    }
  }

  private static func training(_ isQuick: Bool) -> ThreadComparison {
    let samples = isQuick ? 180 : 720
    return ThreadComparison(
      "ReLU training", setting: "\(samples) digits by parity, 2x2, sum pooling, proven gap 1 %"
    ) { threads in
      let problem = try ScalingProblems.digits(
        samples: samples, filter: (2, 2), threads: threads)
      return {
        let result = try CellGeneration(oracle: ConeSearch()).solve(
          problem, limits: SolveLimits(relativeGap: 1e-2, seconds: 300))
        return Sweep.Reading([result.rounds, result.pricedNodeCount])
      }
    }
  }
}
