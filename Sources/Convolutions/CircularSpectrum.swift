public import Tensors

/// Discrete Fourier transforms of real images, one representative of each pair of conjugate frequencies.
///
/// With `d = rows * columns`, the transform of a plane `x` is `x^_f = sum_p x_p exp(-2 pi i (f . p))`, not divided by
/// anything. A frequency and its mirror image `-f` have conjugate values; the one first in the half spectrum is kept.
///
/// - Accuracy: Parseval's identity and the inverse hold to 1e-13 relative (`CircularSpectrumTests`).
public struct CircularSpectrum: Sendable {
  /// Rows of the planes.
  public let rows: Int
  /// Columns of the planes.
  public let columns: Int
  /// Number of frequencies each frequency kept stands for: 2, or 1 where it is its own mirror image.
  public let multiplicities: [Int]
  /// Index of each frequency kept in the half spectrum `[rows, columns / 2 + 1]`.
  private let kept: [Int]

  /// The transform of planes of a size.
  ///
  /// - Precondition: Both numbers are positive.
  public init(rows: Int, columns: Int) {
    precondition(rows > 0 && columns > 0, "CircularSpectrum: planes of \(rows) x \(columns)")
    self.rows = rows
    self.columns = columns
    let half = columns / 2 + 1
    var kept: [Int] = []
    var multiplicities: [Int] = []
    for row in 0..<rows {
      for column in 0..<half {
        let isInOwnColumn = column == 0 || 2 * column == columns
        let mirror = (rows - row) % rows
        if isInOwnColumn, mirror < row { continue }
        kept.append(row * half + column)
        multiplicities.append(isInOwnColumn && mirror == row ? 1 : 2)
      }
    }
    (self.kept, self.multiplicities) = (kept, multiplicities)
  }

  /// Number of points of a plane, `d`.
  public var pointCount: Int { rows * columns }
  /// Number of frequencies kept; their multiplicities sum to `d`.
  public var frequencyCount: Int { kept.count }

  /// Transforms planes.
  ///
  /// - Parameters:
  ///   - planes: Planes `[count, d]`, row after row.
  ///   - threads: Threads to use; the result does not depend on it.
  /// - Returns: Shape `[count, 2 * frequencyCount]`, real and imaginary part of each frequency side by side.
  /// - Complexity: O(`count d log d`).
  public func transformed(_ planes: Matrix, threads: Int = 1) -> Matrix {
    precondition(
      planes.columns == pointCount,
      "transformed: expected planes of \(pointCount) points, found \(planes.columns)")
    var result = Matrix(rows: planes.rows, columns: 2 * frequencyCount)
    let plan = FFTPlan(.forward, rows: rows, columns: columns, batch: 1, planning: .estimate)
    let (d, width, half) = (pointCount, result.columns, rows * (columns / 2 + 1))
    result.elements.withUnsafeMutableBufferPointer { out in
      nonisolated(unsafe) let out = out
      planes.elements.withUnsafeBufferPointer { input in
        nonisolated(unsafe) let input = input
        Parallel.forEachChunk(of: planes.rows, chunk: 16, threads: threads) { _, range in
          let (real, complex) = (AlignedBuffer(), AlignedBuffer())
          let (x, y) = (real.reserve(d), complex.reserve(2 * half))
          for i in range {
            for p in 0..<d { x[p] = input[i * d + p] }
            plan.forward(x, y)
            for (f, index) in kept.enumerated() {
              out[i * width + 2 * f] = y[2 * index]
              out[i * width + 2 * f + 1] = y[2 * index + 1]
            }
          }
        }
      }
    }
    return result
  }

  /// The planes of transforms: the inverse of `transformed`.
  ///
  /// - Parameter spectra: Shape `[count, 2 * frequencyCount]`; imaginary parts of frequencies that are their own mirror
  ///   image are not looked at.
  /// - Returns: Planes `[count, d]`.
  /// - Complexity: O(`count d log d`).
  public func planes(of spectra: Matrix) -> Matrix {
    precondition(
      spectra.columns == 2 * frequencyCount,
      "planes(of:): expected \(2 * frequencyCount) numbers per plane, found \(spectra.columns)")
    var result = Matrix(rows: spectra.rows, columns: pointCount)
    let plan = FFTPlan(.backward, rows: rows, columns: columns, batch: 1, planning: .estimate)
    let width = columns / 2 + 1
    let (real, complex) = (AlignedBuffer(), AlignedBuffer())
    let (x, y) = (real.reserve(pointCount), complex.reserve(2 * rows * width))
    let scale = 1 / Double(pointCount)
    for i in 0..<spectra.rows {
      y.initialize(repeating: 0, count: 2 * rows * width)
      for (f, index) in kept.enumerated() {
        let (re, im) = (scale * spectra[i, 2 * f], scale * spectra[i, 2 * f + 1])
        let isSelf = multiplicities[f] == 1
        (y[2 * index], y[2 * index + 1]) = (re, isSelf ? 0 : im)
        let (row, column) = index.quotientAndRemainder(dividingBy: width)
        let mirror = ((rows - row) % rows) * width + column
        // The half spectrum holds both of a pair in the columns that are their own mirror image.
        if !isSelf, column == 0 || 2 * column == columns {
          (y[2 * mirror], y[2 * mirror + 1]) = (re, -im)
        }
      }
      plan.backward(y, x)
      for p in 0..<pointCount { result[i, p] = x[p] }
    }
    return result
  }
}
