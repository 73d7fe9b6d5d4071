public import Tensors

/// Samples in the units a network was trained in, shifted and scaled whenever they are read.
public struct StandardizedSource: SampleSource {
  private let base: any SampleSource
  private let mean: [Double]
  private let scale: [Double]

  /// The samples of a source in other units.
  ///
  /// - Parameters:
  ///   - base: Samples in the units of the data.
  ///   - standardization: The units; not of whitened patches.
  /// - Throws: `InputError` for whitened patches, which take all samples at once.
  /// - Precondition: For `pixel`, samples have the shape that was fitted.
  init(_ base: any SampleSource, _ standardization: Standardization) throws {
    guard standardization.whitening == nil else {
      throw InputError(
        .usage, "--memory", expected: "a model without whitened patches", found: "patch-whiten",
        advice: "Leave out --memory; whitening takes all patches of a sample at once.")
    }
    precondition(
      standardization.mode != .pixel || standardization.mean.shape == base.sampleShape,
      "StandardizedSource: expected \(standardization.mean.shape), found \(base.sampleShape)")
    self.base = base
    mean = standardization.mean.elements
    scale = standardization.scale.elements
  }

  /// Number of samples.
  public var sampleCount: Int { base.sampleCount }
  /// Shape of one sample.
  public var sampleShape: [Int] { base.sampleShape }
  /// Bytes of the source behind.
  public var residentBytes: Int { base.residentBytes }

  /// Reads samples and applies `x' = (x - mean) / scale`.
  public func read(_ samples: Range<Int>, into target: UnsafeMutablePointer<Double>) {
    base.read(samples, into: target)
    let pixels = mean.count
    guard pixels > 0 else { return }
    for i in 0..<samples.count * sampleSize {
      target[i] = (target[i] - mean[i % pixels]) / scale[i % pixels]
    }
  }

  /// Throws when the source behind could not be read.
  public func requireReadable() throws { try base.requireReadable() }
}
