import ConvexPrograms
import Tensors

/// A program over cones as `AugmentedLagrangian` sees it; points have shape `[2 P h, 1]`.
struct ConeLagrangian: LagrangianProgram {
  let program: ConeProgram
  /// Projections on given cells with what they know of earlier ones; nil where cones have facets.
  private let projections: CellProjections?

  init(_ program: ConeProgram) {
    self.program = program
    projections = program.cellProjections()
  }

  var loss: any Loss { program.problem.loss }
  var lambda: Double { program.problem.lambda }
  var blockCount: Int { 2 * program.coneCount }
  var zero: Matrix { program.zero }
  var endsRoundsEarly: Bool { program.isFree }

  var largestSquare: Double {
    let (features, h) = (program.map.features, program.patchDimension)
    var squares = [Double](repeating: 0, count: program.coneCount)
    for i in 0..<features.rows {
      for (b, _) in squares.enumerated() {
        for e in b * h..<(b + 1) * h { squares[b] += features[i, e] * features[i, e] }
      }
    }
    return squares.max() ?? 0
  }

  func predictions(of point: Matrix) -> Matrix { program.predictions(of: point) }

  func slope(of dual: Matrix) -> [Double] { program.map.adjoint(dual).elements }

  func dualNorm(slope: [Double]) -> Double {
    projections?.dualNorm(slope: slope) ?? program.dualNorm(slope: slope)
  }

  func proximalPoint(center: Matrix, slope: [Double], sigma: Double) -> ProximalPoint {
    var proximal = program.zero
    let active: [Int]
    if let projections {
      active = proximalPoint(
        projections, center: center.elements, slope: slope, sigma: sigma, into: &proximal.elements)
    } else {
      active = proximalPoint(
        center: center.elements, slope: slope, sigma: sigma, into: &proximal.elements)
    }
    var image = [Double](repeating: 0, count: program.problem.sampleCount)
    let (h, count) = (program.patchDimension, program.coneCount)
    for block in active {
      multiply(
        block % count, proximal.elements[block * h..<(block + 1) * h], count: 1,
        scale: block < count ? 1 : -1, sum: 1, into: &image, stride: 1)
    }
    return ProximalPoint(point: proximal, activeBlocks: active, image: image)
  }

  /// The argument `x_k -+ sigma A_b' nu` of one block.
  private func argument(
    _ block: Int, _ center: [Double], _ slope: [Double], _ sigma: Double, into z: inout [Double]
  ) {
    let (h, count) = (program.patchDimension, program.coneCount)
    let step = block < count ? -sigma : sigma
    for e in 0..<h {
      z[e] = center[block * h + e] + step * slope[(block % count) * h + e]
    }
  }

  /// Projections on the cones, shortened by `sigma lambda`.
  ///
  /// - Returns: Blocks that are not zero, in ascending order.
  private func proximalPoint(
    center: [Double], slope: [Double], sigma: Double, into proximal: inout [Double]
  ) -> [Int] {
    let h = program.patchDimension
    let blocks = (program.isFree ? 1 : 2) * program.coneCount
    let threshold = sigma * lambda
    var isActive = [Bool](repeating: false, count: blocks)
    proximal.withUnsafeMutableBufferPointer { proximal in
      isActive.withUnsafeMutableBufferPointer { isActive in
        nonisolated(unsafe) let (proximal, isActive) = (proximal, isActive)
        Parallel.forEachChunk(of: blocks, chunk: 256, threads: program.problem.threads) {
          _, range in
          var projector = ConeProjector(dimension: h)
          var z = [Double](repeating: 0, count: h)
          for block in range {
            argument(block, center, slope, sigma, into: &z)
            guard BLAS.dot(h, z, z).squareRoot() > threshold else { continue }
            projector.project(z, onto: program.cones[block % program.coneCount])
            guard projector.norm > threshold else { continue }
            isActive[block] = true
            let factor = 1 - threshold / projector.norm
            for e in 0..<h { proximal[block * h + e] = factor * projector.point[e] }
          }
        }
      }
    }
    return isActive.indices.filter { isActive[$0] }
  }

  /// Projections on given cells, shortened by `sigma lambda`.
  ///
  /// - Returns: Blocks that are not zero, in ascending order.
  private func proximalPoint(
    _ projections: CellProjections, center: [Double], slope: [Double], sigma: Double,
    into proximal: inout [Double]
  ) -> [Int] {
    let h = program.patchDimension
    let threshold = sigma * lambda
    let active = projections.project(arguments(center, slope, sigma), longerThan: threshold)
    for block in active {
      let face = projections.face(of: block)
      let factor = 1 - threshold / face.norm
      for e in 0..<h { proximal[block * h + e] = factor * face.point[e] }
    }
    return active
  }

  /// The arguments of all blocks.
  private func arguments(_ center: [Double], _ slope: [Double], _ sigma: Double) -> [Double] {
    let half = slope.count
    return center.indices.map {
      center[$0] + ($0 < half ? -sigma * slope[$0] : sigma * slope[$0 - half])
    }
  }

  func newtonDirection(at point: LagrangianPoint, roots: [Double]) -> [Double]? {
    direction(factor: activeFactor(point), at: point, roots: roots)
  }

  /// A factor `U` with `U U' = A J A'`, shape `[n, active coordinates]`.
  ///
  /// On a block with projection `y` on a face of its cone, `J = d d' + (1 - sigma lambda / |y|) (Q - d d')` with
  /// `d = y / |y|` and `Q` the projection on the span of the face.
  private func activeFactor(_ point: LagrangianPoint) -> Matrix {
    let (h, n) = (program.patchDimension, program.problem.sampleCount)
    let faces = projections.map { self.faces(point, $0) } ?? self.faces(point)
    var factor = Matrix(rows: n, columns: faces.reduce(0) { $0 + $1.vectors.count / h })
    var column = 0
    for face in faces {
      multiply(
        face.cell, face.vectors[...], count: face.vectors.count / h, scale: 1, sum: 0,
        into: &factor.elements, offset: column, stride: factor.columns)
      column += face.vectors.count / h
    }
    return factor
  }

  /// Cells and roots of `J` of the active blocks.
  private func faces(_ point: LagrangianPoint) -> [(cell: Int, vectors: [Double])] {
    let (h, count) = (program.patchDimension, program.coneCount)
    let threshold = point.sigma * lambda
    var projector = ConeProjector(dimension: h)
    var z = [Double](repeating: 0, count: h)
    return point.proximal.activeBlocks.map { block in
      argument(block, point.center.elements, point.slope, point.sigma, into: &z)
      projector.project(z, onto: program.cones[block % count])
      let shrinkage = max(0, 1 - threshold / projector.norm).squareRoot()
      return (block % count, Self.faceVectors(projector, shrinkage: shrinkage))
    }
  }

  /// Cells and roots of `J` of the active blocks over given cells.
  private func faces(
    _ point: LagrangianPoint, _ projections: CellProjections
  ) -> [(cell: Int, vectors: [Double])] {
    let threshold = point.sigma * lambda
    // Projections since may have moved the faces.
    let active = projections.project(
      arguments(point.center.elements, point.slope, point.sigma), longerThan: threshold)
    return active.map { block in
      let face = projections.face(of: block)
      let shrinkage = max(0, 1 - threshold / face.norm).squareRoot()
      return (block % program.coneCount, face.spanRoots(shrinkage: shrinkage))
    }
  }

  /// Rows `V` with `V' V = d d' + s^2 (Q - d d')`, for the direction `d` and the face `Q` of the last projection.
  private static func faceVectors(_ projector: ConeProjector, shrinkage: Double) -> [Double] {
    guard projector.activeCount == 0, shrinkage > 0 else {
      return projector.faceBasis().enumerated().flatMap { k, vector in
        k == 0 ? vector : shrinkage > 0 ? vector.map { shrinkage * $0 } : []
      }
    }
    // Inside the cone the face is the whole space, and the symmetric root needs no basis.
    return symmetricRoot(projector.point.map { $0 / projector.norm }, shrinkage: shrinkage)
  }

  /// Products of the features of a cell with vectors of length `h`, put into columns of a matrix or added to them.
  private func multiply(
    _ cell: Int, _ vectors: ArraySlice<Double>, count: Int, scale: Double, sum: Double,
    into target: inout [Double], offset: Int = 0, stride: Int
  ) {
    let (features, h) = (program.map.features, program.patchDimension)
    features.elements.withUnsafeBufferPointer { features in
      vectors.withUnsafeBufferPointer { vectors in
        target.withUnsafeMutableBufferPointer { target in
          guard let x = features.baseAddress, let v = vectors.baseAddress,
            let y = target.baseAddress
          else { return }
          let (n, width) = (program.problem.sampleCount, program.map.featureCount)
          BLAS.gemm(
            .plain, .transposed, m: n, n: count, k: h, alpha: scale, x + cell * h, lda: width, v,
            ldb: h, beta: sum, y + offset, ldc: stride)
        }
      }
    }
  }
}
