import CKernels
import Tensors

/// Convolution by register-blocked loops over the padded image, without patches.
struct DirectEngine: ConvolutionEngine {
  let layout: PatchLayout
  let padded: [Double]

  init(layout: PatchLayout, images: Tensor) {
    self.layout = layout
    padded = layout.padded(images)
  }

  func responses(
    filters: UnsafePointer<Double>, count m: Int, samples: Range<Int>,
    into responses: UnsafeMutablePointer<Double>, workspace: inout ConvolutionWorkspace
  ) {
    let (positions, taps) = (layout.positions.count, layout.taps.count)
    let width = Self.paddedCount(m)
    let packed = workspace.first.reserve((taps + 1) * width)
    pack(filters, m, into: packed, width)
    padded.withUnsafeBufferPointer {
      guard let start = $0.baseAddress else { return }
      for i in samples {
        ck_direct_responses(
          start + i * layout.sampleStride, layout.positions, positions, layout.taps, taps, packed,
          m, width, responses + (i - samples.lowerBound) * positions * m)
      }
    }
  }

  func accumulateAdjoint(
    cotangent: UnsafePointer<Double>, count m: Int, samples: Range<Int>,
    into gradient: UnsafeMutablePointer<Double>, workspace: inout ConvolutionWorkspace
  ) {
    let (positions, taps) = (layout.positions.count, layout.taps.count)
    let width = Self.paddedCount(m)
    let rows = width == m ? nil : workspace.first.reserve(positions * width)
    rows?.initialize(repeating: 0, count: positions * width)
    let sums = workspace.second.reserve((taps + 1) * width)
    sums.initialize(repeating: 0, count: (taps + 1) * width)
    padded.withUnsafeBufferPointer {
      guard let start = $0.baseAddress else { return }
      for i in samples {
        let source = cotangent + (i - samples.lowerBound) * positions * m
        if let rows {
          for k in 0..<positions { (rows + k * width).update(from: source + k * m, count: m) }
        }
        ck_direct_adjoint(
          start + i * layout.sampleStride, layout.positions, positions, layout.taps, taps,
          rows.map { UnsafePointer($0) } ?? source, width, sums)
      }
    }
    let h = layout.geometry.patchDimension
    for j in 0..<m { for t in 0..<h { gradient[j * h + t] += sums[t * width + j] } }
  }

  /// The number of filters rounded up to whole vectors.
  private static func paddedCount(_ m: Int) -> Int { (m + 7) / 8 * 8 }

  /// Transposes the filters to `[taps + 1, width]`, zeros where there is no filter or no bias.
  private func pack(
    _ filters: UnsafePointer<Double>, _ m: Int, into packed: UnsafeMutablePointer<Double>,
    _ width: Int
  ) {
    packed.initialize(repeating: 0, count: (layout.taps.count + 1) * width)
    let h = layout.geometry.patchDimension
    for j in 0..<m { for t in 0..<h { packed[t * width + j] = filters[j * h + t] } }
  }
}
