extension CertifiedOptimum {
  /// Problems whose networks have an output bias.
  ///
  /// Printed by `Tests/Oracles/certified_optima.py --output-bias`, 27 November 2026:
  /// cvxpy 1.9.3, clarabel 0.11.1, numpy 2.4.6, scipy 1.17.1.
  public static let withOutputBias = [
    CertifiedOptimum(
      name: "scalar", seed: 201, sampleCount: 6, length: 6, h: 2,
      pooling: "sum", loss: "squared", outputs: 1, beta: 0.1, cellCount: 60,
      upperBound: 0.08679013400334266, lowerBound: 0.08679013400323249,
      hasOutputBias: true),
    CertifiedOptimum(
      name: "scalar, h 3", seed: 202, sampleCount: 5, length: 5, h: 3,
      pooling: "sum", loss: "squared", outputs: 1, beta: 0.1, cellCount: 212,
      upperBound: 0.025869840623019995, lowerBound: 0.025869840622861275,
      hasOutputBias: true),
    CertifiedOptimum(
      name: "two outputs", seed: 203, sampleCount: 6, length: 6, h: 2,
      pooling: "sum", loss: "squared", outputs: 2, beta: 0.5, cellCount: 56,
      upperBound: 0.2780246057691879, lowerBound: 0.2780246057674171,
      hasOutputBias: true),
    CertifiedOptimum(
      name: "two windows, two outputs", seed: 204, sampleCount: 6, length: 6, h: 2,
      pooling: "sum:1x2", loss: "squared", outputs: 2, beta: 0.3, cellCount: 60,
      upperBound: 0.2778870663136006, lowerBound: 0.27788706631335774,
      hasOutputBias: true),
    CertifiedOptimum(
      name: "two outputs, h 3", seed: 205, sampleCount: 5, length: 5, h: 3,
      pooling: "sum", loss: "squared", outputs: 2, beta: 0.3, cellCount: 212,
      upperBound: 0.1810711338683998, lowerBound: 0.18107113386824003,
      hasOutputBias: true),
    CertifiedOptimum(
      name: "max pooling", seed: 206, sampleCount: 6, length: 5, h: 2,
      pooling: "max", loss: "squared", outputs: 1, beta: 0.1, cellCount: 120,
      upperBound: 0.03719425483384833, lowerBound: 0.03719425483370988,
      hasOutputBias: true),
    CertifiedOptimum(
      name: "logistic", seed: 207, sampleCount: 10, length: 5, h: 2,
      pooling: "sum", loss: "logistic", outputs: 1, beta: 0.4, cellCount: 80,
      upperBound: 0.5477762184378094, lowerBound: 0.5477762184372261,
      hasOutputBias: true),
    CertifiedOptimum(
      name: "logistic, h 3", seed: 208, sampleCount: 7, length: 5, h: 3,
      pooling: "sum", loss: "logistic", outputs: 1, beta: 0.3, cellCount: 422,
      upperBound: 0.22923724298136486, lowerBound: 0.22923724298108375,
      hasOutputBias: true),
    CertifiedOptimum(
      name: "softmax", seed: 216, sampleCount: 9, length: 6, h: 2,
      pooling: "average", loss: "softmax", outputs: 3, beta: 0.2, cellCount: 90,
      upperBound: 0.7841344128119042, lowerBound: 0.7841344128109694,
      hasOutputBias: true),
    CertifiedOptimum(
      name: "softmax", seed: 218, sampleCount: 9, length: 6, h: 2,
      pooling: "average", loss: "softmax", outputs: 3, beta: 0.2, cellCount: 90,
      upperBound: 0.5408388207285082, lowerBound: 0.5408388207277843,
      hasOutputBias: true),
    CertifiedOptimum(
      name: "softmax, h 3", seed: 212, sampleCount: 6, length: 5, h: 3,
      pooling: "sum", loss: "softmax", outputs: 3, beta: 0.3, cellCount: 308,
      upperBound: 0.4117400766242496, lowerBound: 0.41174007662349504,
      hasOutputBias: true),
  ]
}
