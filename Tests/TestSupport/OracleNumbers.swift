public import Tensors

/// Numbers that `Tests/Oracles/convex_programs.py` draws too, to the bit: multiples of 1/64 in `[-2, 2)`.
public struct OracleNumbers {
  private var state: UInt64

  /// Numbers started from a seed.
  public init(seed: Int) { state = UInt64(seed) }

  /// The next number.
  public mutating func next() -> Double {
    state = (state * 1_103_515_245 + 12345) % (1 << 31)
    return Double(Int(state / 65536 % 256) - 128) / 64
  }

  /// The next numbers as the rows of a matrix.
  public mutating func matrix(rows: Int, columns: Int) -> Matrix {
    Matrix(rows: rows, columns: columns, elements: (0..<rows * columns).map { _ in next() })
  }
}
