/// Samples that are read a few at a time, so that a data set need not fit in memory.
///
/// Laws, checked by `SampleSourceTests` and `SampleFileTests`: `read` gives the same numbers however the samples are cut into
/// ranges, and may be called by several threads at once.
public protocol SampleSource: Sendable {
  /// Number of samples `n`.
  var sampleCount: Int { get }
  /// Shape `[channels, height, width]` of one sample.
  var sampleShape: [Int] { get }
  /// Bytes that the source itself keeps in memory.
  var residentBytes: Int { get }

  /// Writes samples, one after the other, in row-major order.
  ///
  /// Passes over the data do not stop in the middle: what cannot be read becomes not-a-number, and `requireReadable()` tells.
  ///
  /// - Parameters:
  ///   - samples: Range of sample indices.
  ///   - target: Room for `samples.count * sampleSize` numbers.
  func read(_ samples: Range<Int>, into target: UnsafeMutablePointer<Double>)

  /// Throws the first error of `read`, if there was one.
  func requireReadable() throws
}

extension SampleSource {
  /// Numbers per sample.
  public var sampleSize: Int { sampleShape.reduce(1, *) }

  /// Some samples as a batch of shape `[samples.count, channels, height, width]`.
  ///
  /// - Parameter samples: Range of sample indices.
  /// - Returns: The batch.
  public func batch(_ samples: Range<Int>) -> Tensor {
    let count = samples.count * sampleSize
    let elements = [Double](unsafeUninitializedCapacity: count) { buffer, initialized in
      if let base = buffer.baseAddress { read(samples, into: base) }
      initialized = count
    }
    return Tensor(shape: [samples.count] + sampleShape, elements: elements)
  }
}

/// A batch in memory as a source of samples.
public struct TensorSource: SampleSource {
  /// Batch of shape `[n, channels, height, width]`.
  public let images: Tensor

  /// The samples of a batch.
  ///
  /// - Parameter images: Batch of shape `[n, channels, height, width]`.
  /// - Precondition: The batch has four axes.
  public init(_ images: Tensor) {
    precondition(images.shape.count == 4, "TensorSource: expected 4 axes, found \(images.shape)")
    self.images = images
  }

  /// Number of samples.
  public var sampleCount: Int { images.shape[0] }
  /// Shape of one sample.
  public var sampleShape: [Int] { Array(images.shape.dropFirst()) }
  /// Bytes of the batch.
  public var residentBytes: Int { images.elements.count * MemoryLayout<Double>.stride }

  /// Copies samples.
  public func read(_ samples: Range<Int>, into target: UnsafeMutablePointer<Double>) {
    let size = sampleSize
    images.elements.withUnsafeBufferPointer { elements in
      guard let base = elements.baseAddress else { return }
      target.update(from: base + samples.lowerBound * size, count: samples.count * size)
    }
  }

  /// Memory is always readable.
  public func requireReadable() throws {}
}

/// Some samples of a source, in an order of their own.
public struct SelectedSource: SampleSource {
  private let base: any SampleSource
  private let indices: [Int]

  /// The samples with given indices.
  ///
  /// - Parameters:
  ///   - base: Where the samples are.
  ///   - indices: Indices below `base.sampleCount`.
  public init(_ base: any SampleSource, indices: [Int]) {
    self.base = base
    self.indices = indices
  }

  /// Number of samples.
  public var sampleCount: Int { indices.count }
  /// Shape of one sample.
  public var sampleShape: [Int] { base.sampleShape }
  /// Bytes of the source behind, and of the indices.
  public var residentBytes: Int {
    base.residentBytes + indices.count * MemoryLayout<Int>.stride
  }

  /// Reads the samples, neighbors at once.
  public func read(_ samples: Range<Int>, into target: UnsafeMutablePointer<Double>) {
    let size = sampleSize
    var start = samples.lowerBound
    while start < samples.upperBound {
      var end = start + 1
      while end < samples.upperBound, indices[end] == indices[end - 1] + 1 { end += 1 }
      base.read(
        indices[start]..<indices[start] + end - start,
        into: target + (start - samples.lowerBound) * size)
      start = end
    }
  }

  /// Throws when the source behind could not be read.
  public func requireReadable() throws { try base.requireReadable() }
}
