import ConvexPrograms
import Tensors

/// Predictions within a round of `AugmentedLagrangian`, with everything that a Newton step from them needs.
///
/// The dual objective `L*(nu) + |p|^2 / (2 sigma)` at `nu = grad L(F)` is `<F, nu> - L(F) + |p|^2 / (2 sigma)`; its
/// derivative by `nu` is the residual `F - A p`.
struct LagrangianPoint {
  let predictions: Matrix
  /// The proximal point, shape `[2 P h, 1]`.
  let proximal: Matrix
  /// Blocks of the proximal point that are not zero, in ascending order.
  let activeBlocks: [Int]
  /// `A p`, length `n`.
  let image: [Double]
  /// `F - A p`, length `n`.
  let residual: [Double]
  private let center: Matrix
  private let projections: CellProjections?
  private let sigma: Double
  private let value: Double
  private let dual: Matrix
  private let slope: [Double]

  init(
    _ program: ConeProgram, predictions: Matrix, center: Matrix, sigma: Double,
    projections: CellProjections?
  ) {
    self.predictions = predictions
    self.projections = projections
    self.center = center
    self.sigma = sigma
    let problem = program.problem
    let (loss, gradient) = problem.loss.valueAndGradient(at: predictions)
    dual = gradient
    slope = program.map.adjoint(gradient).elements
    var proximal = program.zero
    let active: [Int]
    if let projections {
      active = Self.proximalPoint(
        program, projections, center: center.elements, slope: slope, sigma: sigma,
        into: &proximal.elements)
    } else {
      active = Self.proximalPoint(
        program, center: center.elements, slope: slope, sigma: sigma, into: &proximal.elements)
    }
    var image = [Double](repeating: 0, count: problem.sampleCount)
    let (h, count) = (program.patchDimension, program.coneCount)
    for block in active {
      Self.multiply(
        program, block % count, proximal.elements[block * h..<(block + 1) * h],
        count: 1, scale: block < count ? 1 : -1, sum: 1, into: &image, stride: 1)
    }
    self.proximal = proximal
    activeBlocks = active
    self.image = image
    residual = zip(predictions.elements, image).map { $0 - $1 }
    let square = BLAS.dot(proximal.elements, proximal.elements)
    value = BLAS.dot(predictions.elements, gradient.elements) - loss + square / (2 * sigma)
  }

  /// The argument `x_k -+ sigma A_b' nu` of one block.
  private static func argument(
    _ block: Int, _ program: ConeProgram, _ center: [Double], _ slope: [Double], _ sigma: Double,
    into z: inout [Double]
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
  private static func proximalPoint(
    _ program: ConeProgram, center: [Double], slope: [Double], sigma: Double,
    into proximal: inout [Double]
  ) -> [Int] {
    let h = program.patchDimension
    let blocks = (program.isFree ? 1 : 2) * program.coneCount
    let threshold = sigma * program.problem.lambda
    var isActive = [Bool](repeating: false, count: blocks)
    proximal.withUnsafeMutableBufferPointer { proximal in
      isActive.withUnsafeMutableBufferPointer { isActive in
        nonisolated(unsafe) let (proximal, isActive) = (proximal, isActive)
        Parallel.forEachChunk(of: blocks, chunk: 256, threads: program.problem.threads) {
          _, range in
          var projector = ConeProjector(dimension: h)
          var z = [Double](repeating: 0, count: h)
          for block in range {
            argument(block, program, center, slope, sigma, into: &z)
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
  private static func proximalPoint(
    _ program: ConeProgram, _ projections: CellProjections, center: [Double], slope: [Double],
    sigma: Double, into proximal: inout [Double]
  ) -> [Int] {
    let h = program.patchDimension
    let threshold = sigma * program.problem.lambda
    let active = projections.project(
      arguments(program, center, slope, sigma), longerThan: threshold)
    for block in active {
      let face = projections.face(of: block)
      let factor = 1 - threshold / face.norm
      for e in 0..<h { proximal[block * h + e] = factor * face.point[e] }
    }
    return active
  }

  /// The arguments of all blocks.
  private static func arguments(
    _ program: ConeProgram, _ center: [Double], _ slope: [Double], _ sigma: Double
  ) -> [Double] {
    let half = slope.count
    return center.indices.map {
      center[$0] + ($0 < half ? -sigma * slope[$0] : sigma * slope[$0 - half])
    }
  }

  /// The point after a Newton step, shortened until the dual objective falls; nil where rounding forbids progress.
  func descended(_ program: ConeProgram) -> LagrangianPoint? {
    guard let (direction, decrease) = newtonDirection(program), decrease > 0 else { return nil }
    let slack = 1e-15 * (abs(value) + abs(BLAS.dot(predictions.elements, dual.elements)))
    var length = 1.0
    for _ in 0..<30 {
      var next = predictions
      BLAS.add(length, direction, to: &next.elements)
      guard next != predictions else { return nil }
      let trial = LagrangianPoint(
        program, predictions: next, center: center, sigma: sigma, projections: projections)
      // Where values drown in rounding a smaller residual decides.
      if trial.value < value - max(slack, 1e-4 * length * decrease) { return trial }
      let isClose = trial.value <= value + slack
      if isClose, BLAS.norm(trial.residual) < BLAS.norm(residual) { return trial }
      length *= 0.5
    }
    return nil
  }

  /// Whether a step was within rounding: the dual objective fell by no more than that, and the residual by less than a tenth.
  func isStalled(since last: LagrangianPoint) -> Bool {
    value >= last.value - 1e-15 * abs(value)
      && BLAS.norm(residual) > 0.9 * BLAS.norm(last.residual)
  }

  /// The direction `-(I + sigma U U' H)^{-1} r` with `U U' = A J A'`, `J` the derivative of the proximal map and `H` the
  /// Hessian of the loss, and the decrease that it promises.
  private func newtonDirection(
    _ program: ConeProgram
  ) -> (direction: [Double], decrease: Double)? {
    let roots = hessianRoots(program)
    let factor = activeFactor(program)
    var scaled = factor
    for i in residual.indices where roots[i] != 1 {
      for e in i * factor.columns..<(i + 1) * factor.columns { scaled.elements[e] *= roots[i] }
    }
    let right = Matrix(
      rows: residual.count, columns: 1, elements: zip(roots, residual).map { -$0 * $1 })
    guard let change = coordinateChange(scaled, right) else { return nil }
    let image = BLAS.product(factor, .plain, change).elements
    let direction = zip(residual, image).map { -$0 - $1 }
    // The derivative by nu is the residual, and nu changes by H times the direction.
    let decrease = -zip(zip(roots, residual), direction).reduce(0) {
      $0 + $1.0.0 * $1.0.0 * $1.0.1 * $1.1
    }
    return (direction, decrease)
  }

  /// The change `c = sigma U' H dF` of the active coordinates: `(I / sigma + U' H U) c = -U' H r`.
  ///
  /// Among many coordinates it comes from a system of the order of the samples, with fewer digits.
  private func coordinateChange(_ scaled: Matrix, _ right: Matrix) -> Matrix? {
    let (n, m) = (scaled.rows, scaled.columns)
    if m <= 2 * n {
      var gram = BLAS.gram(scaled, .transposed)
      for k in 0..<m { gram[k, k] += 1 / sigma }
      let inner = BLAS.product(scaled, .transposed, right)
      if let change = try? LAPACK.solvePositiveDefinite(gram, inner) { return change }
    }
    var full = BLAS.gram(scaled)
    for e in full.elements.indices { full.elements[e] *= sigma }
    for i in 0..<n { full[i, i] += 1 }
    guard let y = try? LAPACK.solvePositiveDefinite(full, right) else { return nil }
    var change = BLAS.product(scaled, .transposed, y)
    for e in change.elements.indices { change.elements[e] *= sigma }
    return change
  }

  /// Square roots of the diagonal Hessian of the loss.
  private func hessianRoots(_ program: ConeProgram) -> [Double] {
    let n = residual.count
    var diagonal = [Double](repeating: 1, count: n)
    diagonal.withUnsafeMutableBufferPointer { diagonal in
      predictions.elements.withUnsafeBufferPointer { predictions in
        guard let f = predictions.baseAddress, let d = diagonal.baseAddress else { return }
        program.problem.loss.hessianProduct(
          samples: 0..<n, predictions: f, direction: d, into: d)
      }
    }
    return diagonal.map { max(0, $0).squareRoot() }
  }

  /// A factor `U` with `U U' = A J A'`, shape `[n, active coordinates]`.
  ///
  /// On a block with projection `y` on a face of its cone, `J = d d' + (1 - sigma lambda / |y|) (Q - d d')` with
  /// `d = y / |y|` and `Q` the projection on the span of the face.
  private func activeFactor(_ program: ConeProgram) -> Matrix {
    let (h, n) = (program.patchDimension, residual.count)
    let faces = projections.map { self.faces(program, $0) } ?? self.faces(program)
    var factor = Matrix(rows: n, columns: faces.reduce(0) { $0 + $1.vectors.count / h })
    var column = 0
    for face in faces {
      Self.multiply(
        program, face.cell, face.vectors[...], count: face.vectors.count / h, scale: 1, sum: 0,
        into: &factor.elements, offset: column, stride: factor.columns)
      column += face.vectors.count / h
    }
    return factor
  }

  /// Cells and roots of `J` of the active blocks.
  private func faces(_ program: ConeProgram) -> [(cell: Int, vectors: [Double])] {
    let (h, count) = (program.patchDimension, program.coneCount)
    let threshold = sigma * program.problem.lambda
    var projector = ConeProjector(dimension: h)
    var z = [Double](repeating: 0, count: h)
    return activeBlocks.map { block in
      Self.argument(block, program, center.elements, slope, sigma, into: &z)
      projector.project(z, onto: program.cones[block % count])
      let shrinkage = max(0, 1 - threshold / projector.norm).squareRoot()
      return (block % count, Self.faceVectors(projector, shrinkage: shrinkage))
    }
  }

  /// Cells and roots of `J` of the active blocks over given cells.
  private func faces(
    _ program: ConeProgram, _ projections: CellProjections
  ) -> [(cell: Int, vectors: [Double])] {
    let threshold = sigma * program.problem.lambda
    // Projections since may have moved the faces.
    let active = projections.project(
      Self.arguments(program, center.elements, slope, sigma), longerThan: threshold)
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
    let d = projector.point.map { $0 / projector.norm }
    var vectors = [Double](repeating: 0, count: d.count * d.count)
    for e in d.indices {
      for f in d.indices { vectors[e * d.count + f] = (1 - shrinkage) * d[e] * d[f] }
      vectors[e * d.count + e] += shrinkage
    }
    return vectors
  }

  /// Products of the features of a cell with vectors of length `h`, put into columns of a matrix or added to them.
  private static func multiply(
    _ program: ConeProgram, _ cell: Int, _ vectors: ArraySlice<Double>, count: Int, scale: Double,
    sum: Double, into target: inout [Double], offset: Int = 0, stride: Int
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
