import Tensors

/// Convolution by register-blocked loops over the padded image, without patches.
struct DirectEngine<Scalar: KernelScalar>: ConvolutionEngine {
  let layout: PatchLayout
  private let padded: [Scalar]

  init(layout: PatchLayout, images: Tensor) {
    self.layout = layout
    padded = Scalar.rounded(layout.padded(images))
  }

  func responses(
    filters: UnsafePointer<Scalar>, count m: Int, samples: Range<Int>,
    into responses: UnsafeMutablePointer<Scalar>, workspace: inout ConvolutionWorkspace
  ) {
    let (positions, taps) = (layout.positions.count, layout.taps.count)
    let width = Self.paddedCount(m)
    let packed = workspace.first.reserve((taps + 1) * width, of: Scalar.self)
    pack(filters, m, into: packed, width)
    padded.withUnsafeBufferPointer {
      guard let start = $0.baseAddress else { return }
      for i in samples {
        Scalar.directResponses(
          start + i * layout.sampleStride, layout.positions, positions, layout.taps, taps, packed,
          m, width, responses + (i - samples.lowerBound) * positions * m)
      }
    }
  }

  /// Positions whose sums in single precision are added up in double precision.
  ///
  /// Errors grow like the square root of this number, then no more.
  private static var flushPositions: Int { 4096 }

  func accumulateAdjoint(
    cotangent: UnsafePointer<Scalar>, count m: Int, samples: Range<Int>,
    into gradient: UnsafeMutablePointer<Double>, workspace: inout ConvolutionWorkspace
  ) {
    let (positions, taps) = (layout.positions.count, layout.taps.count)
    let width = Self.paddedCount(m)
    let rows = width == m ? nil : workspace.first.reserve(positions * width, of: Scalar.self)
    rows?.initialize(repeating: 0, count: positions * width)
    let sums = workspace.second.reserve((taps + 1) * width, of: Scalar.self)
    sums.initialize(repeating: 0, count: (taps + 1) * width)
    // Sums in double precision go on over all samples.
    let piece = Scalar.self == Double.self ? positions : min(positions, Self.flushPositions)
    var pending = 0
    padded.withUnsafeBufferPointer { images in
      layout.positions.withUnsafeBufferPointer { places in
        guard let start = images.baseAddress, let first = places.baseAddress else { return }
        for i in samples {
          let source = cotangent + (i - samples.lowerBound) * positions * m
          if let rows {
            for k in 0..<positions { (rows + k * width).update(from: source + k * m, count: m) }
          }
          let cotangents = rows.map { UnsafePointer($0) } ?? source
          for k in stride(from: 0, to: positions, by: piece) {
            let count = min(piece, positions - k)
            if Scalar.self != Double.self, pending + count > Self.flushPositions {
              add(sums, width, m, to: gradient)
              sums.update(repeating: 0, count: (taps + 1) * width)
              pending = 0
            }
            Scalar.directAdjoint(
              start + i * layout.sampleStride, first + k, count, layout.taps, taps,
              cotangents + k * width, width, sums)
            pending += count
          }
        }
      }
    }
    add(sums, width, m, to: gradient)
  }

  /// Adds the transposed sums `[taps + 1, width]` to a gradient.
  private func add(
    _ sums: UnsafePointer<Scalar>, _ width: Int, _ m: Int, to gradient: UnsafeMutablePointer<Double>
  ) {
    let h = layout.geometry.patchDimension
    for j in 0..<m { for t in 0..<h { gradient[j * h + t] += sums[t * width + j].widened } }
  }

  /// The number of filters rounded up to whole vectors.
  private static func paddedCount(_ m: Int) -> Int {
    (m + Scalar.vectorWidth - 1) / Scalar.vectorWidth * Scalar.vectorWidth
  }

  /// Transposes the filters to `[taps + 1, width]`, zeros where there is no filter or no bias.
  private func pack(
    _ filters: UnsafePointer<Scalar>, _ m: Int, into packed: UnsafeMutablePointer<Scalar>,
    _ width: Int
  ) {
    packed.initialize(repeating: 0, count: (layout.taps.count + 1) * width)
    let h = layout.geometry.patchDimension
    for j in 0..<m { for t in 0..<h { packed[t * width + j] = filters[j * h + t] } }
  }
}
