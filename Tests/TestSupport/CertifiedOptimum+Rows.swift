extension CertifiedOptimum {
  /// All problems without an output bias.
  ///
  /// Printed by `Tests/Oracles/certified_optima.py`, 27 November 2026:
  /// cvxpy 1.9.3, clarabel 0.11.1, numpy 2.4.6, scipy 1.17.1.
  public static let all = [
    CertifiedOptimum(
      name: "scalar", seed: 101, sampleCount: 6, length: 6, h: 2,
      pooling: "sum", loss: "squared", outputs: 1, beta: 0.1, cellCount: 60,
      upperBound: 0.04535318843677153, lowerBound: 0.04535318843663358),
    CertifiedOptimum(
      name: "scalar", seed: 102, sampleCount: 6, length: 6, h: 2,
      pooling: "sum", loss: "squared", outputs: 1, beta: 0.1, cellCount: 60,
      upperBound: 0.07200908182433181, lowerBound: 0.07200908182423692),
    CertifiedOptimum(
      name: "scalar", seed: 103, sampleCount: 6, length: 6, h: 2,
      pooling: "sum", loss: "squared", outputs: 1, beta: 0.1, cellCount: 60,
      upperBound: 0.13102900420224056, lowerBound: 0.13102900420210875),
    CertifiedOptimum(
      name: "scalar, beta 1", seed: 101, sampleCount: 6, length: 6, h: 2,
      pooling: "sum", loss: "squared", outputs: 1, beta: 1, cellCount: 60,
      upperBound: 0.15150280468499738, lowerBound: 0.15150280468491126),
    CertifiedOptimum(
      name: "scalar, h 3", seed: 104, sampleCount: 5, length: 5, h: 3,
      pooling: "sum", loss: "squared", outputs: 1, beta: 0.1, cellCount: 212,
      upperBound: 0.04247001552805422, lowerBound: 0.04247001552797834),
    CertifiedOptimum(
      name: "two outputs", seed: 105, sampleCount: 6, length: 6, h: 2,
      pooling: "sum", loss: "squared", outputs: 2, beta: 0.5, cellCount: 60,
      upperBound: 0.5340950645195502, lowerBound: 0.5340950645188499),
    CertifiedOptimum(
      name: "two outputs", seed: 106, sampleCount: 6, length: 6, h: 2,
      pooling: "sum", loss: "squared", outputs: 2, beta: 0.5, cellCount: 60,
      upperBound: 0.4298714989221444, lowerBound: 0.4298714989216091),
    CertifiedOptimum(
      name: "per position", seed: 107, sampleCount: 6, length: 6, h: 2,
      pooling: "none", loss: "squared", outputs: 1, beta: 0.3, cellCount: 60,
      upperBound: 0.09919031685432295, lowerBound: 0.0991903168542201),
    CertifiedOptimum(
      name: "two windows, two outputs", seed: 108, sampleCount: 6, length: 6, h: 2,
      pooling: "sum:1x2", loss: "squared", outputs: 2, beta: 0.3, cellCount: 60,
      upperBound: 0.14911249688797615, lowerBound: 0.14911249688784511),
    CertifiedOptimum(
      name: "logistic", seed: 109, sampleCount: 8, length: 5, h: 2,
      pooling: "sum", loss: "logistic", outputs: 1, beta: 0.4, cellCount: 64,
      upperBound: 0.4257746418419905, lowerBound: 0.425774641841705),
    CertifiedOptimum(
      name: "softmax", seed: 110, sampleCount: 8, length: 6, h: 2,
      pooling: "average", loss: "softmax", outputs: 3, beta: 0.1, cellCount: 80,
      upperBound: 0.6664026604402749, lowerBound: 0.6664026604391683),
    CertifiedOptimum(
      name: "two outputs, h 3", seed: 111, sampleCount: 4, length: 5, h: 3,
      pooling: "sum", loss: "squared", outputs: 2, beta: 0.3, cellCount: 134,
      upperBound: 0.194401797112954, lowerBound: 0.1944017971127601),
    CertifiedOptimum(
      name: "two outputs, h 3", seed: 112, sampleCount: 4, length: 5, h: 3,
      pooling: "sum", loss: "squared", outputs: 2, beta: 0.3, cellCount: 134,
      upperBound: 0.260604516677838, lowerBound: 0.26060451667721146),
    CertifiedOptimum(
      name: "two outputs, h 3", seed: 113, sampleCount: 4, length: 5, h: 3,
      pooling: "sum", loss: "squared", outputs: 2, beta: 0.3, cellCount: 134,
      upperBound: 0.17496373883462282, lowerBound: 0.1749637388344677),
    CertifiedOptimum(
      name: "max pooling", seed: 114, sampleCount: 5, length: 4, h: 2,
      pooling: "max", loss: "squared", outputs: 1, beta: 0.1, cellCount: 60,
      upperBound: 0.15442239076488323, lowerBound: 0.15442239076469175),
    CertifiedOptimum(
      name: "max pooling", seed: 115, sampleCount: 6, length: 5, h: 2,
      pooling: "max", loss: "squared", outputs: 1, beta: 0.1, cellCount: 120,
      upperBound: 0.11151981045812111, lowerBound: 0.11151981045794923),
    CertifiedOptimum(
      name: "max pooling", seed: 116, sampleCount: 6, length: 5, h: 2,
      pooling: "max", loss: "squared", outputs: 1, beta: 0.2, cellCount: 120,
      upperBound: 0.32140134943568915, lowerBound: 0.32140134943538007),
    CertifiedOptimum(
      name: "scalar, h 4", seed: 117, sampleCount: 4, length: 6, h: 4,
      pooling: "sum", loss: "squared", outputs: 1, beta: 0.1, cellCount: 464,
      upperBound: 0.02464840059274809, lowerBound: 0.024648400592714004),
    CertifiedOptimum(
      name: "two outputs, h 4", seed: 118, sampleCount: 3, length: 6, h: 4,
      pooling: "sum", loss: "squared", outputs: 2, beta: 0.2, cellCount: 186,
      upperBound: 0.068765695574121, lowerBound: 0.06876569557403955),
  ]
}
