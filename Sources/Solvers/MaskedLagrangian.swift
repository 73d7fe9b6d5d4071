import ConvexPrograms
import Tensors

/// A group lasso over masked rows as `AugmentedLagrangian` sees it; points have shape `[P h, 1]`.
///
/// With `A_b = diag(m_b) X` the matrix of a Newton step is `A J A' = X X' o (M S M') + Q Q'`: `M` holds the masks of the
/// active blocks, `S` the shares `|p_b| / (|p_b| + sigma lambda)` and the columns of `Q` are `A_b p_b / |p_b|`, times
/// the root of what is left of the share. Its products take a number per active block where those of features take `h`.
struct MaskedLagrangian: LagrangianProgram {
  let map: MaskedFeatureMap
  let loss: any Loss
  let lambda: Double
  let zero: Matrix
  /// `X X'`, kept for moderate numbers of samples.
  private let gram: Matrix?
  private let workspace: Workspace
  private static let largestGram = 2048
  private static let tile = 128

  init(_ map: MaskedFeatureMap, loss: any Loss, lambda: Double) {
    (self.map, self.loss, self.lambda) = (map, loss, lambda)
    zero = Matrix(rows: map.featureCount, columns: 1)
    workspace = Workspace(sampleCount: map.sampleCount, blockCount: map.masks.columns)
    gram = map.sampleCount <= Self.largestGram ? BLAS.gram(map.rows) : nil
  }

  /// Memory of Newton systems, which one step after the other uses.
  private final class Workspace {
    var system: Matrix
    /// Scaled masks and scaled images of directions, room for all blocks `[n, P]`.
    var masks: [Double]
    var images: [Double]

    init(sampleCount n: Int, blockCount: Int) {
      system = Matrix(rows: n, columns: n)
      masks = [Double](repeating: 0, count: n * blockCount)
      images = masks
    }
  }

  var blockCount: Int { map.masks.columns }
  var endsRoundsEarly: Bool { true }
  private var blockSize: Int { map.rows.columns }

  var largestSquare: Double {
    let squares = (0..<map.sampleCount).map { i in map.rows.row(i).reduce(0) { $0 + $1 * $1 } }
    let column = Matrix(rows: 1, columns: squares.count, elements: squares)
    return BLAS.product(column, .plain, map.masks).elements.max() ?? 0
  }

  func predictions(of point: Matrix) -> Matrix { map.predictions(of: point) }

  func slope(of dual: Matrix) -> [Double] { map.adjoint(dual).elements }

  func dualNorm(slope: [Double]) -> Double {
    // A slope that is not a number has no norm.
    guard slope.allSatisfy(\.isFinite) else { return .nan }
    let column = Matrix(rows: slope.count, columns: 1, elements: slope)
    return GroupNorm(blockCount: blockCount).dualNorm(column)
  }

  func proximalPoint(center: Matrix, slope: [Double], sigma: Double) -> ProximalPoint {
    var point = center
    BLAS.add(-sigma, slope, to: &point.elements)
    _ = GroupNorm(blockCount: blockCount).prox(&point, step: sigma * lambda)
    let h = blockSize
    let active = (0..<blockCount).filter { b in
      point.elements[b * h..<(b + 1) * h].contains { $0 != 0 }
    }
    return ProximalPoint(
      point: point, activeBlocks: active, image: map.predictions(of: point).elements)
  }

  /// An active block: `J = share + (1 - share) d d'`.
  private struct ActiveBlock {
    let index: Int
    let direction: [Double]
    let share: Double
  }

  private func activeBlocks(_ point: LagrangianPoint) -> [ActiveBlock] {
    let h = blockSize
    return point.proximal.activeBlocks.map { b in
      let block = Array(point.proximal.point.elements[b * h..<(b + 1) * h])
      let length = BLAS.norm(block)
      return ActiveBlock(
        index: b, direction: block.map { $0 / length },
        share: length / (length + point.sigma * lambda))
    }
  }

  func newtonDirection(at point: LagrangianPoint, roots: [Double]) -> [Double]? {
    let active = activeBlocks(point)
    let (n, m) = (Double(map.sampleCount), Double(active.count * blockSize))
    let costOfCoordinates = n * m * m + m * m * m / 3
    let costOfSamples = 2 * n * n * Double(active.count) + n * n * n / 3
    if costOfCoordinates < costOfSamples {
      return direction(factor: factor(active), at: point, roots: roots)
    }
    fillSystem(active, roots: roots, sigma: point.sigma)
    let right = zip(roots, point.residual).map { -$0 * $1 }
    guard
      let change = try? LAPACK.solvePositiveDefinite(overwriting: &workspace.system, right)
    else { return nil }
    if let root = roots.first, root > 0, roots.allSatisfy({ $0 == root }) {
      return change.map { $0 / root }
    }
    let image = product(active, zip(roots, change).map { $0 * $1 })
    return zip(point.residual, image).map { -$0 - point.sigma * $1 }
  }

  /// A factor `U` with `U U' = A J A'`, shape `[n, active coordinates]`.
  private func factor(_ active: [ActiveBlock]) -> Matrix {
    let h = blockSize
    let vectors = active.flatMap {
      Self.symmetricRoot($0.direction, shrinkage: $0.share.squareRoot())
    }
    return map.images(
      of: Matrix(rows: active.count * h, columns: h, elements: vectors),
      in: active.flatMap { [Int](repeating: $0.index, count: h) })
  }

  /// Makes the lower triangle of `I + sigma R A J A' R` with `R = diag(roots)`.
  private func fillSystem(_ active: [ActiveBlock], roots: [Double], sigma: Double) {
    let n = map.sampleCount
    scaleColumns(active, roots: roots, sigma: sigma)
    let count = active.count
    workspace.system.elements.withUnsafeMutableBufferPointer { system in
      workspace.masks.withUnsafeBufferPointer { masks in
        workspace.images.withUnsafeBufferPointer { images in
          nonisolated(unsafe) let buffers = (masks, images, system)
          Parallel.forEachChunk(of: n, chunk: Self.tile, threads: map.threads) { _, samples in
            guard let m = buffers.0.baseAddress, let q = buffers.1.baseAddress,
              let y = buffers.2.baseAddress
            else { return }
            let (first, width) = (samples.lowerBound, samples.upperBound)
            BLAS.gemm(
              .plain, .transposed, m: samples.count, n: width, k: count, m + first * count,
              lda: count, m, ldb: count, y + first * n, ldc: n)
            multiplyByGram(samples, y)
            BLAS.gemm(
              .plain, .transposed, m: samples.count, n: width, k: count, q + first * count,
              lda: count, q, ldb: count, beta: 1, y + first * n, ldc: n)
            for i in samples { y[i * n + i] += 1 }
          }
        }
      }
    }
  }

  /// Multiplies rows of the lower triangle by those of `X X'`, entry by entry.
  private func multiplyByGram(_ samples: Range<Int>, _ system: UnsafeMutablePointer<Double>) {
    let (n, h) = (map.sampleCount, blockSize)
    let (first, width) = (samples.lowerBound, samples.upperBound)
    if let gram {
      gram.elements.withUnsafeBufferPointer { gram in
        for i in samples { for j in 0...i { system[i * n + j] *= gram[i * n + j] } }
      }
      return
    }
    var products = [Double](repeating: 0, count: samples.count * width)
    map.rows.elements.withUnsafeBufferPointer { x in
      guard let x = x.baseAddress else { return }
      BLAS.gemm(
        .plain, .transposed, m: samples.count, n: width, k: h, x + first * h, lda: h, x, ldb: h,
        &products, ldc: width)
    }
    for i in samples {
      for j in 0...i { system[i * n + j] *= products[(i - first) * width + j] }
    }
  }

  /// Makes the factors `R M (sigma S)^{1/2}` and `R (sigma)^{1/2} Q`, columns of active blocks.
  private func scaleColumns(_ active: [ActiveBlock], roots: [Double], sigma: Double) {
    let (n, count, stride) = (map.sampleCount, active.count, map.masks.columns)
    let directions = Matrix(
      rows: count, columns: blockSize, elements: active.flatMap(\.direction))
    let images = map.images(of: directions, in: active.map(\.index))
    let shares = active.map { ($0.share * sigma).squareRoot() }
    let rests = active.map { ((1 - $0.share) * sigma).squareRoot() }
    map.masks.elements.withUnsafeBufferPointer { masks in
      for i in 0..<n {
        for (k, block) in active.enumerated() {
          workspace.masks[i * count + k] = roots[i] * shares[k] * masks[i * stride + block.index]
          workspace.images[i * count + k] = roots[i] * rests[k] * images.elements[i * count + k]
        }
      }
    }
  }

  /// The product `A J A' w`.
  private func product(_ active: [ActiveBlock], _ vector: [Double]) -> [Double] {
    let (h, blocks) = (blockSize, active.map(\.index))
    var slopes = map.restricted(to: blocks).adjoint(
      Matrix(rows: vector.count, columns: 1, elements: vector)
    ).elements
    for (k, block) in active.enumerated() {
      let along = BLAS.dot(Array(slopes[k * h..<(k + 1) * h]), block.direction)
      for e in 0..<h {
        slopes[k * h + e] =
          block.share * slopes[k * h + e] + (1 - block.share) * along * block.direction[e]
      }
    }
    let images = map.images(
      of: Matrix(rows: active.count, columns: h, elements: slopes), in: blocks)
    return (0..<images.rows).map { images.row($0).reduce(0, +) }
  }
}
