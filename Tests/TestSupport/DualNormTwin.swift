public import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The ReLU dual norm `max_{|u| <= 1} |Phi(u)' Lambda|_F` by definition: slow, and obvious.
public struct DualNormTwin {
  /// Stacked patches, `[n * K, h]`.
  public let rows: Matrix
  /// Pooling weights, `[a, K]`.
  public let weights: Matrix
  /// Dual point, `[n, c]`.
  public let dual: Matrix

  /// A dual norm over given data.
  public init(rows: Matrix, weights: Matrix, dual: Matrix) {
    self.rows = rows
    self.weights = weights
    self.dual = dual
  }

  /// `|Phi(u)' Lambda|_F` of one filter.
  public func value(at u: [Double]) -> Double {
    let count = weights.columns
    var sum = 0.0
    for q in 0..<weights.rows {
      for j in 0..<dual.columns {
        var entry = 0.0
        for i in 0..<dual.rows {
          for k in 0..<count {
            let response = zip(rows.row(i * count + k), u).reduce(0) { $0 + $1.0 * $1.1 }
            entry += dual[i, j] * weights[q, k] * max(response, 0)
          }
        }
        sum += entry * entry
      }
    }
    return sum.squareRoot()
  }

  /// The largest value over random unit filters, each improved by steps to the best filter of its own cell.
  public func bestFound(starts: Int, generator: inout SeededGenerator) -> Double {
    var best = 0.0
    for _ in 0..<starts {
      var u = unit((0..<rows.columns).map { _ in generator.normal() })
      for _ in 0..<12 {
        best = max(best, value(at: u))
        u = unit(step(from: u))
      }
    }
    return best
  }

  /// The exact dual norm for patches of two entries, by looking into every cell of the plane.
  ///
  /// Inside a cell the value is `|T u|` for one matrix `T`: its maximum over the cell is at a top singular vector, when that
  /// lies in the cell, or at one of the two ends.
  public func exactPlanar() -> Double {
    var angles: [Double] = []
    for r in 0..<rows.rows where rows[r, 0] != 0 || rows[r, 1] != 0 {
      let normal = atan2(rows[r, 1], rows[r, 0])
      angles += [remainder(normal + .pi / 2, 2 * .pi), remainder(normal - .pi / 2, 2 * .pi)]
    }
    angles.sort()
    var best = 0.0
    for (index, start) in angles.enumerated() {
      let end = index + 1 < angles.count ? angles[index + 1] : angles[0] + 2 * .pi
      best = max(best, value(at: [cos(start), sin(start)]))
      let middle = 0.5 * (start + end)
      let top = topAngle(of: gram(at: [cos(middle), sin(middle)]))
      for candidate in [top, top + .pi, top - .pi, top + 2 * .pi, top + 3 * .pi]
      where candidate > start && candidate < end {
        best = max(best, value(at: [cos(candidate), sin(candidate)]))
      }
    }
    return best
  }

  /// `T' T` of the cell of a filter, `[h, h]`.
  private func gram(at u: [Double]) -> Matrix {
    let t = masked(at: u)
    return BLAS.product(t, .transposed, t, .plain)
  }

  private func step(from u: [Double]) -> [Double] {
    let form = gram(at: u)
    return BLAS.product(form, .plain, Matrix(rows: u.count, columns: 1, elements: u)).elements
  }

  private func masked(at u: [Double]) -> Matrix {
    let (h, count) = (rows.columns, weights.columns)
    var t = Matrix(rows: weights.rows * dual.columns, columns: h)
    for r in 0..<rows.rows {
      let response = zip(rows.row(r), u).reduce(0) { $0 + $1.0 * $1.1 }
      guard response > 0 else { continue }
      for q in 0..<weights.rows {
        for j in 0..<dual.columns {
          let b = weights[q, r % count] * dual[r / count, j]
          for e in 0..<h { t[q * dual.columns + j, e] += b * rows[r, e] }
        }
      }
    }
    return t
  }

  private func topAngle(of form: Matrix) -> Double {
    0.5 * atan2(2 * form[0, 1], form[0, 0] - form[1, 1])
  }

  private func unit(_ x: [Double]) -> [Double] {
    let norm = BLAS.norm(x)
    return norm > 0 ? x.map { $0 / norm } : x
  }
}
