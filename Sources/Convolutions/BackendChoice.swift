/// A backend and the reason why it was picked.
struct BackendChoice {
  /// How much faster than im2col another backend must be predicted to be; keeps noise from deciding.
  private static let margin = 1.25

  let backend: ConvolutionBackend
  let reason: String

  /// The backend that the caller asked for.
  init(requested backend: ConvolutionBackend) {
    self.backend = backend
    reason = "\(backend.rawValue) (requested)"
  }

  /// The backend that the cost model predicts to be fastest, im2col unless another is clearly faster.
  init(layout: PatchLayout, samples: Int, filterCount: Int, cacheBytes: Int) throws {
    let model = try CostModel.shared
    let candidates: [ConvolutionBackend] = [.im2col, .direct, .fft]
    let times = candidates.map {
      model.seconds(
        $0, layout: layout, samples: samples, filterCount: filterCount, cacheBytes: cacheBytes)
    }
    var best = 0
    for index in 1..<candidates.count {
      let bar = best == 0 ? times[0] / Self.margin : times[best]
      if times[index] < bar { best = index }
    }
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
