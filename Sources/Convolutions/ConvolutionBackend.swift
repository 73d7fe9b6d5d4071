/// The ways to compute a convolution.
public enum ConvolutionBackend: String, Sendable, CaseIterable {
  /// Whichever the cost model predicts to be fastest.
  case auto
  /// Register-blocked loops over the image.
  case direct
  /// Patch extraction and a dense matrix product.
  case im2col
  /// Products of spectra, tile by tile on large images; FFTW transforms the images.
  case fft
}
