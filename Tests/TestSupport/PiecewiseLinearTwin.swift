public import Tensors

/// The dual norm by brute force over all maps and all flats: slow, and obvious.
///
/// On every face of the arrangement `F` is one of finitely many linear maps, and its maximum over unit
/// filters is attained at the top singular vector of a map restricted to a flat. Every such vector is
/// tried with both signs, by the definition of `F`: the result is attained, and nothing is larger.
public struct PiecewiseLinearTwin {
  /// Stacked patches, `[n * K, h]`.
  public let patches: Matrix
  /// Pooling weights `[a, K]`; with max pooling, 1 where the position is in the window.
  public let weights: Matrix
  /// Whether windows take the maximum of their patches, instead of the weighted sum.
  public let isMaximum: Bool
  /// Dual point, `[n, c]`.
  public let dual: Matrix

  /// A dual norm over given data.
  public init(patches: Matrix, weights: Matrix, isMaximum: Bool, dual: Matrix) {
    (self.patches, self.weights) = (patches, weights)
    (self.isMaximum, self.dual) = (isMaximum, dual)
  }

  /// `|F(u)|` by definition.
  public func value(at u: [Double]) -> Double {
    let count = weights.columns
    let responses = (0..<patches.rows).map { r in
      max(0, zip(patches.row(r), u).reduce(0) { $0 + $1.0 * $1.1 })
    }
    var square = 0.0
    for q in 0..<weights.rows {
      for j in 0..<dual.columns {
        var entry = 0.0
        for i in 0..<dual.rows {
          var pooled = 0.0
          for k in 0..<count where weights[q, k] != 0 {
            let response = weights[q, k] * responses[i * count + k]
            pooled = isMaximum ? max(pooled, response) : pooled + response
          }
          entry += dual[i, j] * pooled
        }
        square += entry * entry
      }
    }
    return square.squareRoot()
  }

  /// The largest value over unit filters, for a handful of different rows.
  ///
  /// - Complexity: Exponential in the number of lines.
  public func largest() -> Double {
    let maps = isMaximum ? mapsOfMaxima : mapsOfSigns
    var best = 0.0
    for basis in flats {
      for map in maps {
        let restricted = BLAS.product(map, .plain, basis.transposed)
        guard let vector = Self.topVector(restricted) else { continue }
        let u = (0..<patches.columns).map { e in
          (0..<basis.rows).reduce(0) { $0 + vector[$1] * basis[$1, e] }
        }
        best = max(best, value(at: u), value(at: u.map { -$0 }))
      }
    }
    return best
  }

  // MARK: - Parts

  private var lines: [[Double]] { Self.distinct((0..<patches.rows).map { Array(patches.row($0)) }) }

  /// Unit normals of the hyperplanes where `F` bends.
  private var normals: [[Double]] {
    guard isMaximum else { return lines }
    var rows = (0..<patches.rows).map { Array(patches.row($0)) }
    let count = weights.columns
    for i in 0..<dual.rows {
      for k in 0..<count {
        for l in 0..<k {
          rows.append(zip(patches.row(i * count + k), patches.row(i * count + l)).map { $0 - $1 })
        }
      }
    }
    return Self.distinct(rows)
  }

  /// Directions up to sign, without zeros.
  private static func distinct(_ rows: [[Double]]) -> [[Double]] {
    var found: [[Double]] = []
    for row in rows {
      let length = BLAS.norm(row)
      guard length > 0 else { continue }
      let unit = row.map { $0 / length }
      if !found.contains(where: { abs(BLAS.dot($0, unit)) > 1 - 1e-14 }) { found.append(unit) }
    }
    return found
  }

  private var mapsOfSigns: [Matrix] {
    let lines = lines
    let sides = (0..<patches.rows).map { r -> (line: Int, isOpposite: Bool)? in
      let row = Array(patches.row(r))
      let size = BLAS.norm(row)
      guard let line = lines.firstIndex(where: { abs(BLAS.dot($0, row)) > (1 - 1e-13) * size }),
        size > 0
      else { return nil }
      return (line, BLAS.dot(lines[line], row) < 0)
    }
    return (0..<1 << lines.count).map { pattern in
      map { sample, window, add in
        for k in 0..<weights.columns {
          let row = sample * weights.columns + k
          guard let side = sides[row] else { continue }
          if ((pattern >> side.line) & 1 == 1) != side.isOpposite { add(row, weights[window, k]) }
        }
      }
    }
  }

  private var mapsOfMaxima: [Matrix] {
    let (count, windows) = (weights.columns, weights.rows)
    let choices = (0..<dual.rows * windows).reduce(1) { product, _ in product * (count + 1) }
    return (0..<choices).map { choice in
      map { sample, window, add in
        var rest = choice
        for _ in 0..<sample * windows + window { rest /= count + 1 }
        let k = rest % (count + 1)
        if k < count, weights[window, k] != 0 { add(sample * count + k, 1) }
      }
    }
  }

  /// The map `[a c, h]` of chosen rows with their weights.
  private func map(_ choose: (Int, Int, (Int, Double) -> Void) -> Void) -> Matrix {
    let (c, h) = (dual.columns, patches.columns)
    var result = Matrix(rows: weights.rows * c, columns: h)
    for i in 0..<dual.rows {
      for q in 0..<weights.rows {
        choose(i, q) { row, weight in
          for j in 0..<c {
            for e in 0..<h { result[q * c + j, e] += weight * dual[i, j] * patches[row, e] }
          }
        }
      }
    }
    return result
  }

  /// Orthonormal bases `[d, h]` of all intersections of the hyperplanes, of dimension 1 and more.
  private var flats: [Matrix] {
    let h = patches.columns
    var result: [Matrix] = []
    func extend(_ chosen: [[Double]], from first: Int) {
      result.append(Self.complement(chosen, h))
      guard chosen.count < h - 1 else { return }
      for n in first..<max(first, normals.count) {
        let rest = Self.residual(normals[n], chosen)
        let length = BLAS.norm(rest)
        if length > 1e-9 { extend(chosen + [rest.map { $0 / length }], from: n + 1) }
      }
    }
    let normals = self.normals
    extend([], from: 0)
    return result
  }

  private static func residual(_ x: [Double], _ basis: [[Double]]) -> [Double] {
    var rest = x
    for _ in 0..<2 {
      for b in basis { BLAS.add(-BLAS.dot(b, rest), b, to: &rest) }
    }
    return rest
  }

  private static func complement(_ basis: [[Double]], _ h: Int) -> Matrix {
    var (all, result) = (basis, [[Double]]())
    while all.count < h {
      let rests = (0..<h).map { e in residual((0..<h).map { $0 == e ? 1 : 0 }, all) }
      guard let rest = rests.max(by: { BLAS.norm($0) < BLAS.norm($1) }) else { break }
      let unit = rest.map { $0 / BLAS.norm(rest) }
      all.append(unit)
      result.append(unit)
    }
    return Matrix(result)
  }

  private static func topVector(_ map: Matrix) -> [Double]? {
    guard map.elements.contains(where: { $0 != 0 }) else { return nil }
    let gram = BLAS.product(map.transposed, .plain, map)
    let size = gram.elements.map(abs).max() ?? 1
    let scaled = Matrix(
      rows: gram.rows, columns: gram.columns, elements: gram.elements.map { $0 / size })
    let eigen = try? LAPACK.symmetricEigen(scaled)
    return eigen.map { Array($0.vectors.row(gram.rows - 1)) }
  }
}
