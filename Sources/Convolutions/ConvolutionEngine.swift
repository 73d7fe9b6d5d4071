/// One way to multiply all patches by filters and back.
///
/// Laws, for every engine (`BackendIdentityTests`): `responses` equals the naive convolution to 1e-12 relative;
/// `accumulateAdjoint` is its adjoint; both depend on the range of samples only, not on the thread that calls.
protocol ConvolutionEngine: Sendable {
  /// Overwrites `responses`, shape `[samples.count * K, m]`, with patches times filters.
  func responses(
    filters: UnsafePointer<Double>, count m: Int, samples: Range<Int>,
    into responses: UnsafeMutablePointer<Double>, workspace: inout ConvolutionWorkspace)

  /// Adds cotangent' times patches to `gradient`, shape `[m, h]`.
  func accumulateAdjoint(
    cotangent: UnsafePointer<Double>, count m: Int, samples: Range<Int>,
    into gradient: UnsafeMutablePointer<Double>, workspace: inout ConvolutionWorkspace)
}
