import CKernels
public import Tensors

/// The windows of a pooling on a geometry: which position goes where, and with what weight.
///
/// Features of a sample with `m` filters form a vector of length `m * a`; feature `j * a + q` is window `q` of
/// filter `j`.
public struct PoolingMap: Sendable {
  /// Number of windows, `a`.
  public let outputCount: Int
  /// Window of each position; length `K`.
  public let windows: [Int]
  /// Weight of each position in its window.
  ///
  /// Length `K`; entry `k` is `P[window(k), k]`, 1 over the size of the window for average pooling, else 1.
  public let weights: [Double]
  /// Whether the pooling is a matrix; false for max pooling.
  public let isLinear: Bool
  /// Positions sorted by window; those of window `q` are `order[starts[q]..<starts[q + 1]]`.
  private let order: [Int32]
  private let starts: [Int32]

  init(kind: Pooling.Kind, outputCount: Int, windows: [Int]) {
    self.outputCount = outputCount
    self.windows = windows
    isLinear = kind != .max
    var sizes = [Int](repeating: 0, count: outputCount)
    for window in windows { sizes[window] += 1 }
    weights = windows.map { kind == .average ? 1 / Double(sizes[$0]) : 1 }
    var starts: [Int32] = [0]
    for size in sizes { starts.append(starts[starts.count - 1] + Int32(size)) }
    var next = starts
    var order = [Int32](repeating: 0, count: windows.count)
    for (k, window) in windows.enumerated() {
      order[Int(next[window])] = Int32(k)
      next[window] += 1
    }
    self.order = order
    self.starts = starts
  }

  /// The pooling matrix `P` of shape `[a, K]`.
  ///
  /// - Precondition: The pooling is linear.
  public var matrix: Matrix {
    precondition(isLinear, "PoolingMap: max pooling has no matrix")
    var result = Matrix(rows: outputCount, columns: windows.count)
    for (k, window) in windows.enumerated() { result[window, k] = weights[k] }
    return result
  }

  /// Pools the positive parts of one sample's responses.
  ///
  /// - Parameters:
  ///   - responses: Shape `[K, m]`.
  ///   - m: Number of filters.
  ///   - features: Length `m * a`, overwritten; entry `j * a + q` is window `q` of filter `j`.
  package func pooledReLU(
    _ responses: UnsafePointer<Double>, filters m: Int,
    into features: UnsafeMutablePointer<Double>
  ) {
    if isLinear {
      ck_pool_relu(responses, m, order, starts, outputCount, weights, features)
    } else {
      ck_pool_max(responses, m, order, starts, outputCount, features)
    }
  }

  /// Pools the positive parts of one sample's responses in single precision, as `pooledReLU` does.
  ///
  /// - Parameters:
  ///   - responses: Shape `[K, m]`.
  ///   - m: Number of filters.
  ///   - features: Length `m * a`, overwritten; sums are in double precision.
  package func pooledReLU(
    _ responses: UnsafePointer<Float>, filters m: Int,
    into features: UnsafeMutablePointer<Double>
  ) {
    if isLinear {
      ck_pool_relu_float(responses, m, order, starts, outputCount, weights, features)
    } else {
      ck_pool_max_float(responses, m, order, starts, outputCount, features)
    }
  }

  /// The adjoint of the derivative of `pooledReLU` at the responses.
  ///
  /// Entry `(k, j)` becomes `1[responses > 0] weight(k) cotangent[j a + window(k)]`; with max pooling only the first
  /// winner of a window gets it, and only if it is positive.
  ///
  /// - Parameters:
  ///   - responses: Shape `[K, m]`; holds the responses before and the result after.
  ///   - m: Number of filters.
  ///   - cotangent: Length `m * a`.
  package func pooledReLUAdjoint(
    _ responses: UnsafeMutablePointer<Double>, filters m: Int, cotangent: UnsafePointer<Double>
  ) {
    if isLinear {
      ck_pool_relu_adjoint(responses, m, order, starts, outputCount, weights, cotangent)
    } else {
      ck_pool_max_adjoint(responses, m, order, starts, outputCount, cotangent)
    }
  }

  /// Pools one sample's responses as they are (identity activation).
  ///
  /// - Parameters:
  ///   - responses: Shape `[K, m]`.
  ///   - m: Number of filters.
  ///   - features: Length `m * a`, overwritten.
  /// - Precondition: The pooling is linear.
  package func pooledLinear(
    _ responses: UnsafePointer<Double>, filters m: Int,
    into features: UnsafeMutablePointer<Double>
  ) {
    precondition(isLinear, "PoolingMap: max pooling is not linear")
    ck_pool_linear(responses, m, order, starts, outputCount, weights, features)
  }

  /// Pools one sample's responses in single precision as they are, as `pooledLinear` does.
  ///
  /// - Parameters:
  ///   - responses: Shape `[K, m]`.
  ///   - m: Number of filters.
  ///   - features: Length `m * a`, overwritten; sums are in double precision.
  /// - Precondition: The pooling is linear.
  package func pooledLinear(
    _ responses: UnsafePointer<Float>, filters m: Int,
    into features: UnsafeMutablePointer<Double>
  ) {
    precondition(isLinear, "PoolingMap: max pooling is not linear")
    ck_pool_linear_float(responses, m, order, starts, outputCount, weights, features)
  }

  /// The adjoint of `pooledLinear`: entry `(k, j)` becomes `weight(k) cotangent[j a + window(k)]`.
  ///
  /// - Parameters:
  ///   - responses: Shape `[K, m]`, overwritten.
  ///   - m: Number of filters.
  ///   - cotangent: Length `m * a`.
  /// - Precondition: The pooling is linear.
  package func pooledLinearAdjoint(
    _ responses: UnsafeMutablePointer<Double>, filters m: Int, cotangent: UnsafePointer<Double>
  ) {
    precondition(isLinear, "PoolingMap: max pooling is not linear")
    ck_pool_linear_adjoint(responses, m, order, starts, outputCount, weights, cotangent)
  }
}
