extension CertifiedOptimum {
  /// Problems whose doubly nonnegative relaxation lies below the optimum.
  ///
  /// Printed by `Tests/Oracles/certified_optima.py --inexact`, 27 November 2026:
  /// cvxpy 1.9.3, clarabel 0.11.1, numpy 2.4.6, scipy 1.17.1.
  public static let withInexactRelaxation = [
    CertifiedOptimum(
      name: "dense, h 4", seed: 406, sampleCount: 6, length: 4, h: 4,
      pooling: "sum", loss: "squared", outputs: 2, beta: 0.3, cellCount: 52,
      upperBound: 0.14481057228443947, lowerBound: 0.1448105722840292),
    CertifiedOptimum(
      name: "dense, h 4", seed: 408, sampleCount: 7, length: 4, h: 4,
      pooling: "sum", loss: "squared", outputs: 3, beta: 0.3, cellCount: 84,
      upperBound: 0.3865261034969098, lowerBound: 0.3865261034959809),
    CertifiedOptimum(
      name: "dense, h 4", seed: 413, sampleCount: 7, length: 4, h: 4,
      pooling: "sum", loss: "squared", outputs: 3, beta: 0.3, cellCount: 84,
      upperBound: 0.39579345726465504, lowerBound: 0.3957934572638142),
  ]
}
