import Convolutions
import Tensors
import TestSupport

/// A random geometry with images, filters and a cotangent that fit it.
struct RandomCase {
  let geometry: PatchGeometry
  let images: Tensor
  let filters: Matrix
  let cotangent: Matrix

  init(seed: UInt64, samples: Int? = nil) throws {
    var random = SeededGenerator(seed: seed)
    func draw(_ range: ClosedRange<Int>) -> Int {
      range.lowerBound + random.integer(below: range.count)
    }
    let padding = PatchGeometry.Padding.allCases[Int(seed % 3)]
    let (channels, stride, dilation) = (draw(1...3), draw(1...3), draw(1...3))
    let (height, width) = (draw(1...4), draw(1...5))
    let hasBias = draw(0...1) == 1
    if seed % 4 == 3 {
      geometry = try PatchGeometry(
        channels: channels, length: dilation * (width - 1) + draw(1...20), filterLength: width,
        stride: stride, dilation: dilation, padding: padding, hasBias: hasBias)
    } else {
      geometry = try PatchGeometry(
        channels: channels, imageHeight: dilation * (height - 1) + draw(1...12),
        imageWidth: dilation * (width - 1) + draw(1...12), filterHeight: height,
        filterWidth: width, stride: stride, dilation: dilation, padding: padding, hasBias: hasBias)
    }
    let n = samples ?? draw(1...4)
    let m = draw(1...19)
    images = random.normalTensor(
      shape: [n, channels, geometry.imageHeight, geometry.imageWidth])
    filters = random.normalMatrix(rows: m, columns: geometry.patchDimension)
    cotangent = random.normalMatrix(rows: n * geometry.patchesPerSample, columns: m)
  }
}
