/// One way to multiply all patches by filters and back.
///
/// Laws, for every engine (`BackendIdentityTests`, `FloatLayerIdentityTests`): `responses` equals the naive convolution to
/// 1e-12 relative, in single precision to what `FloatConvolutionLayer` says; `accumulateAdjoint` is its adjoint; both
/// depend on the range of samples only, not on the thread that calls.
protocol ConvolutionEngine<Scalar>: Sendable {
  /// The numbers of images, filters and responses.
  associatedtype Scalar: KernelScalar

  /// Overwrites `responses`, shape `[samples.count * K, m]`, with patches times filters.
  func responses(
    filters: UnsafePointer<Scalar>, count m: Int, samples: Range<Int>,
    into responses: UnsafeMutablePointer<Scalar>, workspace: inout ConvolutionWorkspace)

  /// Adds cotangent' times patches to `gradient`, shape `[m, h]`, which is in double precision for every type.
  func accumulateAdjoint(
    cotangent: UnsafePointer<Scalar>, count m: Int, samples: Range<Int>,
    into gradient: UnsafeMutablePointer<Double>, workspace: inout ConvolutionWorkspace)
}
