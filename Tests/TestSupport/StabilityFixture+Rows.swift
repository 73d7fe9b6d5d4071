// Made by Tests/Oracles/inverse_stability.py.
// NumPy 2.4.6, SciPy 1.17.1 (HiGHS), 2026-11-27.

extension StabilityFixture {
  /// All fixtures.
  public static let all: [StabilityFixture] = [
    StabilityFixture(
      length: 3, filter: 3, stride: 1, padding: "valid", pooling: "sum",
      outputs: 2,
      filters: (
        [2.0, 1.0, 1.0, -2.0, -1.0, 4.0, -3.0, -3.0, 3.0], [4.0, 2.0, 2.0, 0.0, 1.0, 4.0]
      ),
      weights: ([1.0, 0.5, 0.25, 0.25, 1.75, -1.0], [1.25, 0.75, -2.0, -0.5]),
      distance: 14.25, beta: 1.0, parameters: 3.0,
      lineCount: 4, cellCount: 14),
    StabilityFixture(
      length: 4, filter: 2, stride: 1, padding: "valid", pooling: "sum",
      outputs: 1, filters: ([0.0, 1.0, 2.0, 4.0], [-3.0, 3.0, 2.0, 4.0]),
      weights: ([-1.0, -0.75], [1.5, -0.25]),
      distance: 8.5, beta: 1.0, parameters: 3.0,
      lineCount: 9, cellCount: 96),
    StabilityFixture(
      length: 4, filter: 2, stride: 2, padding: "valid", pooling: "average",
      outputs: 2, filters: ([2.0, 3.0, -3.0, 2.0, -1.0, 3.0], [4.0, 6.0, -1.0, 2.0, 2.0, 3.0]),
      weights: ([2.0, -1.25, 1.5, -2.0, 0.25, -1.0], [-1.25, 0.75, -0.75, 0.25, -1.0, -1.5]),
      distance: 10.875, beta: 2.0, parameters: 3.25,
      lineCount: 8, cellCount: 64),
    StabilityFixture(
      length: 3, filter: 2, stride: 1, padding: "circular", pooling: "sum",
      outputs: 2, filters: ([2.0, 4.0, -2.0, 3.0], [-2.0, 3.0, 3.0, 2.0]),
      weights: ([-2.0, -1.75, -0.75, -0.25], [0.5, 0.0, -1.0, -1.5]),
      distance: 12.75, beta: 1.0, parameters: 2.0,
      lineCount: 9, cellCount: 68),
    StabilityFixture(
      length: 4, filter: 2, stride: 1, padding: "zero", pooling: "sum",
      outputs: 1, filters: ([2.0, 4.0, 3.0, 1.0], [4.0, 8.0, 3.0, 4.0]),
      weights: ([-0.25, 0.5], [-1.0, -0.5]),
      distance: 16.0, beta: 1.0, parameters: 4.0,
      lineCount: 10, cellCount: 164),
    StabilityFixture(
      length: 3, filter: 3, stride: 1, padding: "zero", pooling: "average",
      outputs: 2, filters: ([1.0, 2.0, 4.0, 2.0, 0.0, 1.0], [1.0, -1.0, 4.0, -3.0, -2.0, 2.0]),
      weights: ([0.25, -0.5, -1.5, -2.0], [-2.0, -2.0, -1.5, 2.0]),
      distance: 5.333333333333333, beta: 3.0, parameters: 4.0,
      lineCount: 11, cellCount: 96),
    StabilityFixture(
      length: 3, filter: 2, stride: 1, padding: "valid", pooling: "none",
      outputs: 1, filters: ([0.0, 1.0, 0.0, 2.0], [0.0, 2.0, 1.0, 2.0]),
      weights: ([-0.25, 2.0, -1.25, 0.5], [-0.25, 0.75, 1.0, -0.75]),
      distance: 4.25, beta: 1.0, parameters: 2.25,
      lineCount: 4, cellCount: 12),
    StabilityFixture(
      length: 4, filter: 3, stride: 1, padding: "circular", pooling: "average",
      outputs: 1, filters: ([3.0, 1.0, 2.0, 3.0, 1.0, 3.0], [2.0, -2.0, 4.0]),
      weights: ([-0.75, -1.0], [1.5]),
      distance: 5.125, beta: 4.0, parameters: 3.0,
      lineCount: 12, cellCount: 444),
    StabilityFixture(
      length: 5, filter: 3, stride: 1, padding: "zero", pooling: "sum",
      outputs: 1, filters: ([2.0, -1.0, 3.0, 3.0, -2.0, 2.0], [4.0, -2.0, 6.0]),
      weights: ([1.5, -2.0], [-0.5]),
      distance: 14.0, beta: 1.0, parameters: 3.0,
      lineCount: 10, cellCount: 472),
    StabilityFixture(
      length: 6, filter: 3, stride: 1, padding: "valid", pooling: "sum",
      outputs: 1, filters: ([-1.0, 3.0, 4.0, -1.0, -3.0, 2.0], [1.0, 2.0, 2.0]),
      weights: ([1.0, 1.75], [1.75]),
      distance: 16.75, beta: 1.0, parameters: 3.0,
      lineCount: 12, cellCount: 1592),
  ]
}
