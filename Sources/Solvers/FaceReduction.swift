import Tensors

/// An orthonormal basis of the vectors that are orthogonal to some normals.
struct FaceBasis {
  /// Number of entries `h` of a vector.
  let length: Int
  /// The basis, `[dimension, h]`.
  let vectors: Matrix
  /// Orthonormal basis of the normals.
  private let normals: [[Double]]

  /// The basis of the face with given unit normals, of which dependent ones are left out.
  ///
  /// - Complexity: O(`h^3`).
  init(normals: Matrix, count h: Int) {
    length = h
    var basis: [[Double]] = []
    func append(_ vector: [Double], above least: Double) {
      var rest = vector
      for _ in 0..<2 {
        for b in basis { BLAS.add(-BLAS.dot(b, rest), b, to: &rest) }
      }
      let length = BLAS.norm(rest)
      if length > least { basis.append(rest.map { $0 / length }) }
    }
    for row in 0..<normals.rows { append(Array(normals.row(row)), above: 1e-9) }
    self.normals = basis
    // Some unit vector always has a part of length `1 / sqrt(h)` off a proper subspace: take the longest first.
    while basis.count < h {
      let rests = (0..<h).map { e in 1 - basis.reduce(0) { $0 + $1[e] * $1[e] } }
      let best = rests.indices.reduce(0) { rests[$1] > rests[$0] ? $1 : $0 }
      append((0..<h).map { $0 == best ? 1 : 0 }, above: 0)
    }
    let own = basis[self.normals.count...]
    vectors = Matrix(rows: own.count, columns: h, elements: own.flatMap { $0 })
  }

  /// Dimension of the face.
  var dimension: Int { vectors.rows }

  /// A vector moved onto the face; with no normals it stays as it is.
  func projected(_ vector: [Double]) -> [Double] {
    var result = vector
    for _ in 0..<2 {
      for normal in normals { BLAS.add(-BLAS.dot(normal, result), normal, to: &result) }
    }
    return result
  }
}

/// The change of variables from filters to coordinates in their faces; output weights stay.
struct FaceReduction {
  /// Basis of the face of each filter.
  let bases: [FaceBasis]
  /// Number of output weights.
  let weightCount: Int

  /// Number of coordinates.
  var count: Int { bases.reduce(weightCount) { $0 + $1.dimension } }

  /// Coordinates of a gradient.
  func reduced(_ gradient: [Double]) -> [Double] {
    var result: [Double] = []
    result.reserveCapacity(count)
    var offset = 0
    for basis in bases {
      let own = Array(gradient[offset..<offset + basis.length])
      for e in 0..<basis.dimension { result.append(BLAS.dot(Array(basis.vectors.row(e)), own)) }
      offset += basis.length
    }
    return result + gradient[offset...]
  }

  /// The symmetric matrix in the new coordinates.
  func reduced(_ hessian: Matrix) -> Matrix {
    // Rows first, then, by symmetry, rows of the transpose.
    reducedRows(reducedRows(hessian).transposed)
  }

  private func reducedRows(_ matrix: Matrix) -> Matrix {
    var result = Matrix(rows: count, columns: matrix.columns)
    let width = matrix.columns
    result.elements.withUnsafeMutableBufferPointer { out in
      matrix.elements.withUnsafeBufferPointer { source in
        var (row, offset) = (0, 0)
        for basis in bases {
          for e in 0..<basis.dimension {
            for f in 0..<basis.length {
              let factor = basis.vectors[e, f]
              guard factor != 0 else { continue }
              for k in 0..<width {
                out[row * width + k] += factor * source[(offset + f) * width + k]
              }
            }
            row += 1
          }
          offset += basis.length
        }
        for e in 0..<weightCount * width { out[row * width + e] = source[offset * width + e] }
      }
    }
    return result
  }

  /// The step of filters and weights that belongs to coordinates.
  func expanded(_ coordinates: [Double]) -> [Double] {
    var result: [Double] = []
    var offset = 0
    for basis in bases {
      var own = [Double](repeating: 0, count: basis.length)
      for e in 0..<basis.dimension {
        BLAS.add(coordinates[offset + e], Array(basis.vectors.row(e)), to: &own)
      }
      result += own
      offset += basis.dimension
    }
    return result + coordinates[offset...]
  }
}
