/// A backend and the reason why it was picked.
struct BackendChoice {
  let backend: ConvolutionBackend
  let reason: String

  /// The backend that the caller asked for.
  init(requested backend: ConvolutionBackend) {
    self.backend = backend
    reason = "\(backend.rawValue) (requested)"
  }

  /// The backend that the cost model of a type predicts to be fastest.
  init<Scalar: KernelScalar>(
    layout: PatchLayout, samples: Int, filterCount: Int, cacheBytes: Int, type: Scalar.Type
  ) throws {
    let model = try CostModel.shared(for: type)
    let candidates: [ConvolutionBackend] =
      type == Double.self ? [.direct, .fft, .im2col] : [.direct, .fft]
    let times = candidates.map {
      model.seconds(
        $0, layout: layout, samples: samples, filterCount: filterCount, cacheBytes: cacheBytes)
    }
    let best = candidates.indices.reduce(0) { times[$1] < times[$0] ? $1 : $0 }
    backend = candidates[best]
    let others = candidates.indices.filter { $0 != best }
      .map { "\(candidates[$0].rawValue) \(Self.milliseconds(times[$0]))" }
    reason = """
      \(backend.rawValue) (predicted \(Self.milliseconds(times[best])); \
      \(others.joined(separator: ", ")))
      """
  }

  /// A time in milliseconds with two significant digits.
  private static func milliseconds(_ seconds: Double) -> String {
    var scale = 1.0
    while seconds * 1e3 * scale < 10, scale < 1e3 { scale *= 10 }
    let value = (seconds * 1e3 * scale).rounded() / scale
    return value == value.rounded() ? "\(Int(value)) ms" : "\(value) ms"
  }
}
