import ConvexPrograms
import Convolutions
import Tensors

/// The filters of a quadratic network with output weights `+1` and `-1`, as one vector of unknowns.
///
/// Window `q`, output `t` and a sign have `m` filters of `h` entries, one after the other: with positive sign at
/// `((q c + t) 2) m h`, with negative sign `m h` further.
struct QuadraticFactors {
  private let program: QuadraticProgram
  private let composite: CompositeProgram
  private let (a, c, h, m): (Int, Int, Int, Int)
  private var norm: SymmetricNuclearNorm { SymmetricNuclearNorm(blockCount: a, order: h) }

  /// Number of unknowns.
  var count: Int { neuronCount * h }
  /// Number of filters.
  var neuronCount: Int { 2 * a * c * m }

  /// A point with what is known there.
  struct Point {
    /// Objective.
    let value: Double
    /// Dual value of the convex program; 0 where `lambda` is.
    let lowerBound: Double
    /// Gradients of the loss by the matrices, `[a h (h + 1) / 2, c]`.
    let slope: Matrix
  }

  init(_ program: QuadraticProgram, lambda: Double, filtersPerSign: Int) {
    self.program = program
    composite = program.composite.with(lambda: lambda)
    let problem = program.problem
    (a, c, h, m) = (
      problem.windowCount, problem.outputCount, problem.geometry.patchDimension, filtersPerSign
    )
  }

  /// The filters of a window, an output and a sign, `[m, h]`.
  private func filters(_ x: [Double], _ block: Int, isPositive: Bool) -> Matrix {
    let start = (2 * block + (isPositive ? 0 : 1)) * m * h
    return Matrix(rows: m, columns: h, elements: Array(x[start..<start + m * h]))
  }

  /// The coordinates of the matrices `M_qt`, `[a h (h + 1) / 2, c]`.
  private func matrices(_ x: [Double]) -> Matrix {
    var result = composite.zero
    let size = h * (h + 1) / 2
    for block in 0..<a * c {
      let (up, down) = (
        filters(x, block, isPositive: true), filters(x, block, isPositive: false)
      )
      var matrix = BLAS.product(up, .transposed, up)
      BLAS.add(-1, BLAS.product(down, .transposed, down).elements, to: &matrix.elements)
      SymmetricCoordinates.put(
        matrix, into: &result.elements, start: block / c * size * c + block % c, stride: c)
    }
    return result
  }

  func valueAndGradient(at x: [Double]) -> (Double, [Double]) {
    let (loss, dual) = composite.loss.valueAndGradient(
      at: composite.map.predictions(of: matrices(x)))
    let slope = composite.map.adjoint(dual)
    var gradient = x
    for e in gradient.indices { gradient[e] *= 2 * composite.lambda }
    for block in 0..<a * c {
      let r = norm.matrix(block: block / c, column: block % c, of: slope)
      for isPositive in [true, false] {
        let product = BLAS.product(filters(x, block, isPositive: isPositive), .plain, r)
        let start = (2 * block + (isPositive ? 0 : 1)) * m * h
        let factor: Double = isPositive ? 2 : -2
        for e in 0..<m * h { gradient[start + e] += factor * product.elements[e] }
      }
    }
    return (loss + composite.lambda * BLAS.dot(x, x), gradient)
  }

  func point(at x: [Double]) -> Point {
    let (loss, dual) = composite.loss.valueAndGradient(
      at: composite.map.predictions(of: matrices(x)))
    let slope = composite.map.adjoint(dual)
    return Point(
      value: loss + composite.lambda * BLAS.dot(x, x),
      lowerBound: composite.lambda > 0
        ? composite.dualValue(gradient: dual, dualNorm: norm.dualNorm(slope)) : 0,
      slope: slope)
  }

  /// A point of lower objective along the direction `a b'` of the most negative curvature, over all windows, outputs and signs.
  ///
  /// - Returns: The point; nil where there is no negative curvature or the rows have no dependence.
  func escape(from x: [Double], _ point: Point) -> [Double]? {
    var best: (curvature: Double, block: Int, isPositive: Bool, vector: [Double])?
    for block in 0..<a * c {
      let r = norm.matrix(block: block / c, column: block % c, of: point.slope)
      guard let (values, vectors) = try? LAPACK.symmetricEigen(r) else { return nil }
      for (row, isPositive) in [(0, true), (h - 1, false)] {
        let curvature = (isPositive ? values[row] : -values[row]) + composite.lambda
        if curvature < best?.curvature ?? 0 {
          best = (curvature, block, isPositive, Array(vectors.row(row)))
        }
      }
    }
    guard let best else { return nil }
    let u = filters(x, best.block, isPositive: best.isPositive)
    // The dependence of the rows: the eigenvector of U U' to its smallest eigenvalue.
    guard let rows = try? LAPACK.symmetricEigen(BLAS.product(u, .plain, u, .transposed)).vectors
    else { return nil }
    let start = (2 * best.block + (best.isPositive ? 0 : 1)) * m * h
    var direction = [Double](repeating: 0, count: count)
    for j in 0..<m {
      for e in 0..<h { direction[start + j * h + e] = rows[0, j] * best.vector[e] }
    }
    // Along w = t^2 the objective is convex where the dependence is exact: steps double while it falls.
    var (found, lowest): ([Double]?, Double) = (nil, point.value)
    var step = 1e-3 * max(1e-3, BLAS.norm(x))
    for _ in 0..<60 {
      var trial = x
      BLAS.add(step, direction, to: &trial)
      let value = self.point(at: trial).value
      guard value < lowest else { break }
      (found, lowest) = (trial, value)
      step *= 2
    }
    return found
  }

  /// The network of all filters.
  func network(at x: [Double]) throws -> Network {
    var weights = Matrix(rows: neuronCount * a, columns: c)
    for j in 0..<neuronCount {
      let (block, sign) = (j / (2 * m), j / m % 2)
      weights[j * a + block / c, block % c] = sign == 0 ? 1 : -1
    }
    let problem = program.problem
    return problem.withBestOutputBias(
      try Network(
        geometry: problem.geometry, pooling: problem.pooling, activation: .quadratic,
        filters: Matrix(rows: neuronCount, columns: h, elements: x), outputWeights: weights))
  }
}
