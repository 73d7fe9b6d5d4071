public import Convolutions
public import Tensors

/// Pooled features of filters and gates by loops over samples, positions and windows.
public struct FeatureTwin {
  private let images: Tensor
  private let geometry: PatchGeometry
  private let pooling: Pooling

  /// The twin over a batch of images.
  public init(images: Tensor, geometry: PatchGeometry, pooling: Pooling) {
    self.images = images
    self.geometry = geometry
    self.pooling = pooling
  }

  private var count: Int { images.shape[0] }

  /// The positions of each window, in the order of the windows.
  public var windows: [[Int]] {
    let (height, width) = (geometry.outputHeight, geometry.outputWidth)
    guard pooling.kind != .none else { return (0..<height * width).map { [$0] } }
    let (rows, columns) = (pooling.windowRows, pooling.windowColumns)
    return (0..<rows).flatMap { r in
      (0..<columns).map { c in
        (r * height / rows..<(r + 1) * height / rows).flatMap { y in
          (c * width / columns..<(c + 1) * width / columns).map { y * width + $0 }
        }
      }
    }
  }

  /// Feature `j * a + q`: pooled responses of filter `j`, rectified when asked; shape `[n, m * a]`.
  public func features(of filters: Matrix, rectified: Bool) -> Matrix {
    let naive = NaiveConvolution(images: images, geometry: geometry)
    let responses = naive.responses(of: filters)
    let windows = windows
    let k = geometry.patchesPerSample
    var result = Matrix(rows: count, columns: filters.rows * windows.count)
    for i in 0..<count {
      for j in 0..<filters.rows {
        for (q, window) in windows.enumerated() {
          let values = window.map { position in
            let response = responses[i * k + position, j]
            return rectified ? max(response, 0) : response
          }
          result[i, j * windows.count + q] = pooled(values)
        }
      }
    }
    return result
  }

  /// Feature `(g * a + q) * h + e`: pooled entries `e` of the patches that gate `g` lets pass; all pass without gates.
  public func gatedFeatures(of gates: Matrix?) -> Matrix {
    let h = geometry.patchDimension
    let patches = NaiveConvolution(images: images, geometry: geometry).patches
    let windows = windows
    let k = geometry.patchesPerSample
    let blocks = gates?.rows ?? 1
    var result = Matrix(rows: count, columns: blocks * windows.count * h)
    for i in 0..<count {
      for g in 0..<blocks {
        for (q, window) in windows.enumerated() {
          for e in 0..<h {
            let values = window.map { position in
              let patch = patches.row(i * k + position)
              let side = gates.map { zip(patch, $0.row(g)).reduce(0) { $0 + $1.0 * $1.1 } } ?? 1
              return side >= 0 ? patches[i * k + position, e] : 0
            }
            result[i, (g * windows.count + q) * h + e] = pooled(values)
          }
        }
      }
    }
    return result
  }

  private func pooled(_ values: [Double]) -> Double {
    switch pooling.kind {
    case .none, .sum: values.reduce(0, +)
    case .average: values.reduce(0, +) / Double(values.count)
    case .max: values.max() ?? 0
    }
  }
}
