extension CertifiedOptimum {
  /// More problems with max pooling.
  ///
  /// Printed by `Tests/Oracles/certified_optima.py --max-pooling`, 27 November 2026:
  /// cvxpy 1.9.3, clarabel 0.11.1, numpy 2.4.6, scipy 1.17.1.
  public static let withMaxPooling = [
    CertifiedOptimum(
      name: "two windows", seed: 301, sampleCount: 6, length: 6, h: 2,
      pooling: "max:1x2", loss: "squared", outputs: 1, beta: 0.1, cellCount: 108,
      upperBound: 0.10526417040454578, lowerBound: 0.10526417040424192),
    CertifiedOptimum(
      name: "two windows", seed: 302, sampleCount: 7, length: 7, h: 2,
      pooling: "max:1x2", loss: "squared", outputs: 1, beta: 0.2, cellCount: 166,
      upperBound: 0.14937804507555644, lowerBound: 0.1493780450753728),
    CertifiedOptimum(
      name: "two outputs", seed: 303, sampleCount: 6, length: 5, h: 2,
      pooling: "max", loss: "squared", outputs: 2, beta: 0.3, cellCount: 120,
      upperBound: 0.32546868615257735, lowerBound: 0.32546868615216473),
    CertifiedOptimum(
      name: "two outputs", seed: 304, sampleCount: 7, length: 5, h: 2,
      pooling: "max", loss: "squared", outputs: 2, beta: 0.2, cellCount: 136,
      upperBound: 0.17870088140993526, lowerBound: 0.17870088140972223),
    CertifiedOptimum(
      name: "two windows, two outputs", seed: 305, sampleCount: 6, length: 6, h: 2,
      pooling: "max:1x2", loss: "squared", outputs: 2, beta: 0.3, cellCount: 108,
      upperBound: 0.25376443078736743, lowerBound: 0.2537644307871314),
    CertifiedOptimum(
      name: "two windows, logistic", seed: 306, sampleCount: 8, length: 6, h: 2,
      pooling: "max:1x2", loss: "logistic", outputs: 1, beta: 0.3, cellCount: 144,
      upperBound: 0.25926526110769654, lowerBound: 0.25926526110743975),
    CertifiedOptimum(
      name: "softmax", seed: 307, sampleCount: 8, length: 5, h: 2,
      pooling: "max", loss: "softmax", outputs: 3, beta: 0.2, cellCount: 160,
      upperBound: 0.30595811958385954, lowerBound: 0.3059581195834727),
    CertifiedOptimum(
      name: "two windows, softmax", seed: 308, sampleCount: 7, length: 6, h: 2,
      pooling: "max:1x2", loss: "softmax", outputs: 3, beta: 0.2, cellCount: 126,
      upperBound: 0.2725221799417573, lowerBound: 0.27252217994148403),
    CertifiedOptimum(
      name: "h 3", seed: 309, sampleCount: 3, length: 5, h: 3,
      pooling: "max", loss: "squared", outputs: 1, beta: 0.1, cellCount: 284,
      upperBound: 0.012968060828228725, lowerBound: 0.01296806082820004),
    CertifiedOptimum(
      name: "h 3, two windows", seed: 310, sampleCount: 3, length: 6, h: 3,
      pooling: "max:1x2", loss: "squared", outputs: 1, beta: 0.1, cellCount: 296,
      upperBound: 0.03164733546921359, lowerBound: 0.03164733546866386),
    CertifiedOptimum(
      name: "h 3, two outputs", seed: 311, sampleCount: 3, length: 4, h: 3,
      pooling: "max", loss: "squared", outputs: 2, beta: 0.2, cellCount: 68,
      upperBound: 0.2105039130518781, lowerBound: 0.2105039130516426),
  ]
}
