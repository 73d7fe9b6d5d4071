import Arrangements
import BenchmarkSupport
import ConvexCNN
import Convolutions
import Foundation
import Tensors

/// Bounds on the dual norm without search, beside the largest norm that pricing found.
struct BoundComparison {
  /// Whether to leave out the larger sizes.
  let isQuick: Bool

  /// Gaussian rows of several sizes, then 3x3 filters on 200 digits.
  func run() throws {
    print("Gaussian rows, one output; ratio = bound / largest norm found, three seeds")
    print("    N  h   spectral  worst sdp  mean sdp  s/bound  peak MB")
    let sizes = [(30, 2), (30, 3), (300, 3), (30, 4), (300, 4), (100, 6), (30, 9), (100, 9)]
    for (count, h) in sizes + (isQuick ? [] : [(300, 9), (1000, 9), (1000, 4)]) {
      try gaussian(count, h)
    }
    if !isQuick { try digits() }
  }

  private func gaussian(_ count: Int, _ h: Int) throws {
    var (spectral, moments, seconds): ([Double], [Double], Double) = ([], [], 0)
    for seed in 0..<3 {
      var generator = SeededGenerator(seed: UInt64(1000 * h + count + seed))
      let rows = Matrix(
        rows: count, columns: h, elements: (0..<count * h).map { _ in generator.normal() })
      let targets = Matrix(
        rows: count, columns: 1, elements: (0..<count).map { _ in generator.normal() })
      var dual = targets
      for e in dual.elements.indices { dual.elements[e] /= -Double(count) }
      let terms = PatchTerms(patches: rows, weights: Matrix(rows: 1, columns: 1, repeating: 1))
      let request = PricingRequest(relativeTolerance: 1e-6, nodeLimit: 20_000, seconds: 20)
      let norm = ConeSearch().price(terms.correlation(with: dual), request).largestNorm
      let images = Tensor(shape: [count, 1, 1, h], elements: rows.elements)
      spectral.append(try bound(images, targets, .spectral) / norm)
      let clock = ContinuousClock()
      let start = clock.now
      moments.append(try bound(images, targets, .sdp) / norm)
      seconds += (clock.now - start) / .seconds(1)
    }
    print(
      String(
        format: "%5d %2d %10.3f %10.3f %9.3f %8.1f %8.0f", count, h,
        spectral.reduce(0, +) / 3, moments.max() ?? 0, moments.reduce(0, +) / 3, seconds / 3,
        Clocks.peakMegabytes))
  }

  /// The bound on the dual norm at the network without neurons.
  private func bound(
    _ images: Tensor, _ targets: Matrix, _ method: BoundEffort.Method
  ) throws -> Double {
    let h = images.shape[3]
    let network = try Network(
      geometry: PatchGeometry(imageHeight: 1, imageWidth: h, filterHeight: 1, filterWidth: h),
      pooling: Pooling(.sum), activation: .relu, filters: Matrix(rows: 0, columns: h),
      outputWeights: Matrix(rows: 0, columns: 1))
    let certificate = try Certifier(
      images: images, loss: SquaredLoss(targets: targets), lambda: 1,
      threads: Parallel.processorCount
    ).certify(network, gates: nil, targetGap: 0, effort: BoundEffort(method: method))
    return certificate.dualNormUpperBound ?? .infinity
  }

  private func digits() throws {
    let all = try BundledDataset.digitsParity.load().train
    let count = 200
    let size = all.images.elements.count / all.images.shape[0]
    guard case .signs(let signs) = all.labels else { throw ScalingError.labels }
    let train = LabeledDataset(
      name: "digits-parity, 200 samples",
      images: Tensor(
        shape: [count] + all.images.shape.dropFirst(),
        elements: Array(all.images.elements.prefix(count * size))),
      isSignal: false, labels: .signs(Array(signs.prefix(count))), classNames: all.classNames)
    var configuration = TrainingConfiguration(filter: FilterSize(height: 3, width: 3))
    configuration.pooling = "sum"
    configuration.loss = "squared"
    configuration.strength = .ratio(0.05)
    let data = Dataset(train: train, test: nil)
    let (model, _) = try Trainer(configuration: configuration, maximumSeconds: 60).train(on: data)
    print("\n200 digits, parity, 3x3 filters, sum pooling, squared loss, ratio 0.05")
    print("bound       seconds given  seconds      gap   norm / lambda")
    for (method, seconds) in [
      (BoundEffort.Method.spectral, 300.0), (.branch, 300), (.sdp, 30), (.sdp, 300),
    ] {
      let (result, _) = try model.certified(
        on: data, targetGap: 1e-3, effort: BoundEffort(method: method, seconds: seconds),
        threads: Parallel.processorCount)
      print(
        method.rawValue.padding(toLength: 12, withPad: " ", startingAt: 0)
          + String(
            format: "%13.0f %8.1f %8.3f %15.2f", seconds, result.seconds.value ?? 0,
            result.relativeGap.value ?? 1, result.dualNormOverLambda.value ?? 0))
    }
    print(String(format: "peak memory %.0f MB", Clocks.peakMegabytes))
  }
}
