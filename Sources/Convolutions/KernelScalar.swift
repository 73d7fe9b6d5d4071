import CKernels

/// A number type that the kernels are compiled for: `Double` or `Float`.
///
/// The functions are those of `CKernels.h`, one call per sample or tile.
protocol KernelScalar: BinaryFloatingPoint, BitwiseCopyable, Sendable {
  /// Numbers in a vector of the kernels.
  static var vectorWidth: Int { get }

  /// The number in double precision.
  var widened: Double { get }

  /// Numbers rounded to nearest.
  static func rounded(_ numbers: [Double]) -> [Self]

  static func directResponses(
    _ image: UnsafePointer<Self>, _ positions: UnsafePointer<Int32>, _ positionCount: Int,
    _ taps: UnsafePointer<Int32>, _ tapCount: Int, _ filters: UnsafePointer<Self>, _ m: Int,
    _ stride: Int, _ responses: UnsafeMutablePointer<Self>)

  static func directAdjoint(
    _ image: UnsafePointer<Self>, _ positions: UnsafePointer<Int32>, _ positionCount: Int,
    _ taps: UnsafePointer<Int32>, _ tapCount: Int, _ cotangent: UnsafePointer<Self>,
    _ stride: Int, _ gradient: UnsafeMutablePointer<Self>)

  static func spectraForward(
    _ plan: UnsafePointer<ck_spectra>, _ input: UnsafePointer<Self>, _ rowStride: Int,
    _ columnStride: Int, _ rows: Int, _ columns: Int, _ rowStep: Int, _ columnStep: Int,
    _ count: Int, _ work: UnsafeMutablePointer<Self>, _ image: UnsafePointer<Self>?,
    _ channels: Int, _ spectra: UnsafeMutablePointer<Self>)

  static func spectraBackward(
    _ plan: UnsafePointer<ck_spectra>, _ spectra: UnsafePointer<Self>,
    _ image: UnsafePointer<Self>?, _ channels: Int, _ rows: Int, _ columns: Int, _ rowStep: Int,
    _ columnStep: Int, _ work: UnsafeMutablePointer<Self>, _ offset: UnsafePointer<Self>?,
    _ count: Int, _ output: UnsafeMutablePointer<Self>, _ rowStride: Int, _ columnStride: Int)
}

extension KernelScalar {
  /// Real planes that one transform handles: every lane of a vector is two of them, as real and imaginary part.
  static var planesPerTransform: Int { 2 * vectorWidth }
}

extension Double: KernelScalar {
  static var vectorWidth: Int { 8 }

  var widened: Double { self }

  static func rounded(_ numbers: [Double]) -> [Double] { numbers }

  static func directResponses(
    _ image: UnsafePointer<Double>, _ positions: UnsafePointer<Int32>, _ positionCount: Int,
    _ taps: UnsafePointer<Int32>, _ tapCount: Int, _ filters: UnsafePointer<Double>, _ m: Int,
    _ stride: Int, _ responses: UnsafeMutablePointer<Double>
  ) {
    ck_direct_responses(
      image, positions, positionCount, taps, tapCount, filters, m, stride, responses)
  }

  static func directAdjoint(
    _ image: UnsafePointer<Double>, _ positions: UnsafePointer<Int32>, _ positionCount: Int,
    _ taps: UnsafePointer<Int32>, _ tapCount: Int, _ cotangent: UnsafePointer<Double>,
    _ stride: Int, _ gradient: UnsafeMutablePointer<Double>
  ) {
    ck_direct_adjoint(image, positions, positionCount, taps, tapCount, cotangent, stride, gradient)
  }

  static func spectraForward(
    _ plan: UnsafePointer<ck_spectra>, _ input: UnsafePointer<Double>, _ rowStride: Int,
    _ columnStride: Int, _ rows: Int, _ columns: Int, _ rowStep: Int, _ columnStep: Int,
    _ count: Int, _ work: UnsafeMutablePointer<Double>, _ image: UnsafePointer<Double>?,
    _ channels: Int, _ spectra: UnsafeMutablePointer<Double>
  ) {
    ck_spectra_forward(
      plan, input, rowStride, columnStride, rows, columns, rowStep, columnStep, count, work, image,
      channels, spectra)
  }

  static func spectraBackward(
    _ plan: UnsafePointer<ck_spectra>, _ spectra: UnsafePointer<Double>,
    _ image: UnsafePointer<Double>?, _ channels: Int, _ rows: Int, _ columns: Int, _ rowStep: Int,
    _ columnStep: Int, _ work: UnsafeMutablePointer<Double>, _ offset: UnsafePointer<Double>?,
    _ count: Int, _ output: UnsafeMutablePointer<Double>, _ rowStride: Int, _ columnStride: Int
  ) {
    ck_spectra_backward(
      plan, spectra, image, channels, rows, columns, rowStep, columnStep, work, offset, count,
      output, rowStride, columnStride)
  }
}

extension Float: KernelScalar {
  static var vectorWidth: Int { 16 }

  var widened: Double { Double(self) }

  static func rounded(_ numbers: [Double]) -> [Float] { numbers.map { Float($0) } }

  static func directResponses(
    _ image: UnsafePointer<Float>, _ positions: UnsafePointer<Int32>, _ positionCount: Int,
    _ taps: UnsafePointer<Int32>, _ tapCount: Int, _ filters: UnsafePointer<Float>, _ m: Int,
    _ stride: Int, _ responses: UnsafeMutablePointer<Float>
  ) {
    ck_direct_responses_float(
      image, positions, positionCount, taps, tapCount, filters, m, stride, responses)
  }

  static func directAdjoint(
    _ image: UnsafePointer<Float>, _ positions: UnsafePointer<Int32>, _ positionCount: Int,
    _ taps: UnsafePointer<Int32>, _ tapCount: Int, _ cotangent: UnsafePointer<Float>,
    _ stride: Int, _ gradient: UnsafeMutablePointer<Float>
  ) {
    ck_direct_adjoint_float(
      image, positions, positionCount, taps, tapCount, cotangent, stride, gradient)
  }

  static func spectraForward(
    _ plan: UnsafePointer<ck_spectra>, _ input: UnsafePointer<Float>, _ rowStride: Int,
    _ columnStride: Int, _ rows: Int, _ columns: Int, _ rowStep: Int, _ columnStep: Int,
    _ count: Int, _ work: UnsafeMutablePointer<Float>, _ image: UnsafePointer<Float>?,
    _ channels: Int, _ spectra: UnsafeMutablePointer<Float>
  ) {
    ck_spectra_forward_float(
      plan, input, rowStride, columnStride, rows, columns, rowStep, columnStep, count, work, image,
      channels, spectra)
  }

  static func spectraBackward(
    _ plan: UnsafePointer<ck_spectra>, _ spectra: UnsafePointer<Float>,
    _ image: UnsafePointer<Float>?, _ channels: Int, _ rows: Int, _ columns: Int, _ rowStep: Int,
    _ columnStep: Int, _ work: UnsafeMutablePointer<Float>, _ offset: UnsafePointer<Float>?,
    _ count: Int, _ output: UnsafeMutablePointer<Float>, _ rowStride: Int, _ columnStride: Int
  ) {
    ck_spectra_backward_float(
      plan, spectra, image, channels, rows, columns, rowStep, columnStep, work, offset, count,
      output, rowStride, columnStride)
  }
}
