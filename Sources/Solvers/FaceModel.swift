package import ConvexPrograms
import Convolutions
package import Tensors

/// The objective around a network, on the faces of the arrangement where its filters lie.
///
///     J(U, W) = L(sum_j Phi(u_j) W_j) + (lambda/2) (|U|^2 + |W|^2)
///
/// With its lines on the hyperplanes fixed and every other line on its side, `Phi(u_j) = A_j u_j` is linear, and `J` has
/// two derivatives. A hyperplane on which a filter lies belongs to its face while its multiplier is between the slopes
/// of the kink; at a bound of the multiplier the filter descends by leaving to that side, and the line takes it.
///
/// - Source: Rockafellar & Wets, *Variational Analysis*, 1998 (subgradients of sums of positive parts); the multiplier
///   of a kink is its fractional activation.
package struct FaceModel {
  let problem: TrainingProblem
  let lines: PatchLines
  /// The network, whose filters lie on their faces.
  package let network: Network
  /// The value `J`.
  package let value: Double
  /// Gradient of the loss by the predictions, `[n, c]`.
  let dual: Matrix
  /// Side of each filter on each line, `[lines, m]`: 1, -1, or 0 where the line belongs to the face.
  private(set) var sides: [Int8]
  /// Lines on which each filter lies: those of its face, in order, and those it leaves.
  package private(set) var faces: [[Int]]
  package private(set) var leaving: [[Int]]
  /// Responses `x . u` of the unit normals, `[lines, m]`.
  let responses: Matrix
  /// Gradient by the filters, where lines of the face count as inactive, `[m, h]`.
  private(set) var filterGradient: Matrix
  /// Gradient by the output weights, `[m a, c]`.
  let weightGradient: Matrix
  /// Norm of the shortest subgradient, over that of `lambda (U, W)`.
  package let stationarity: Double
  /// Pooled active patches, `[n, m a h]`: feature `(j a + q) h + e`.
  private var masked: Matrix
  private let features: Matrix

  /// Largest `|x . u| / (|x| |u|)` that counts as zero.
  static let tolerance = 1e-11

  /// The model at a network with linear pooling and ReLU activation.
  ///
  /// - Complexity: O(`n K h m + lines h m + n m a h c`) time, O(`n m a h + lines m`) memory.
  package init(_ problem: TrainingProblem, lines: PatchLines, network: Network) {
    (self.problem, self.lines) = (problem, lines)
    let (m, h, a, c) = (
      network.neuronCount, problem.geometry.patchDimension, problem.windowCount, problem.outputCount
    )
    let responses = BLAS.product(lines.normals, .plain, network.filters, .transposed)
    let lengths = network.filterNorms
    var sides = [Int8](repeating: 0, count: lines.count * m)
    var near = [[Int]](repeating: [], count: m)
    for l in 0..<lines.count {
      for j in 0..<m {
        let response = responses[l, j]
        if abs(response) <= FaceModel.tolerance * lengths[j] {
          near[j].append(l)
        } else {
          sides[l * m + j] = response > 0 ? 1 : -1
        }
      }
    }
    var masked = FaceModel.maskedSums(problem, lines, sides: sides, count: m)
    var features = Matrix(rows: problem.sampleCount, columns: m * a)
    features.elements.withUnsafeMutableBufferPointer { features in
      masked.elements.withUnsafeBufferPointer { masked in
        network.filters.elements.withUnsafeBufferPointer { filters in
          for f in features.indices {
            let filter = f % (m * a) / a * h
            var sum = 0.0
            for e in 0..<h { sum += masked[f * h + e] * filters[filter + e] }
            features[f] = sum
          }
        }
      }
    }
    let map = DenseFeatureMap(features: features, threads: problem.threads)
    let (loss, dual) = problem.loss.valueAndGradient(
      at: map.predictions(of: network.outputWeights))
    value = loss + problem.lambda * network.weightDecay
    var weightGradient = map.adjoint(dual)
    BLAS.add(problem.lambda, network.outputWeights.elements, to: &weightGradient.elements)
    (self.network, self.responses, self.dual) = (network, responses, dual)
    (self.weightGradient, self.features) = (weightGradient, features)
    let correlations = DenseFeatureMap(features: masked, threads: problem.threads).adjoint(dual)
    var gradient = network.filters
    for e in gradient.elements.indices { gradient.elements[e] *= problem.lambda }
    for f in 0..<m * a {
      for e in 0..<h {
        for k in 0..<c {
          gradient[f / a, e] += correlations[f * h + e, k] * network.outputWeights[f, k]
        }
      }
    }
    var faces = [[Int]](repeating: [], count: m)
    var leaving = faces
    var squares = BLAS.dot(weightGradient.elements, weightGradient.elements)
    for j in 0..<m {
      var own = Array(gradient.row(j))
      if !near[j].isEmpty {
        let choice = FaceModel.choice(
          near[j], gradient: own, problem: problem, lines: lines, network: network, neuron: j,
          dual: dual)
        (faces[j], leaving[j]) = (choice.face, choice.leaving.map(\.line))
        for (line, side) in choice.leaving {
          sides[line * m + j] = side
          lines.addActive(line, side: side, neuron: j, problem: problem, to: &masked)
        }
        own = choice.residual
        for e in 0..<h { gradient[j, e] = own[e] }
      }
      squares += BLAS.dot(own, own)
    }
    (self.sides, self.faces, self.leaving, self.masked) = (sides, faces, leaving, masked)
    filterGradient = gradient
    stationarity =
      (squares / max(2 * network.weightDecay, .leastNormalMagnitude)).squareRoot() / problem.lambda
  }
}

extension FaceModel {
  /// Pooled active patches of filters whose sides are given, `[n, m a h]`; lines of side 0 count as inactive.
  private static func maskedSums(
    _ problem: TrainingProblem, _ lines: PatchLines, sides: [Int8], count m: Int
  ) -> Matrix {
    let (h, a, count) = (
      problem.geometry.patchDimension, problem.windowCount, problem.geometry.patchesPerSample
    )
    let (windows, weights) = (problem.poolingMap.windows, problem.poolingMap.weights)
    let width = m * a * h
    var result = Matrix(rows: problem.sampleCount, columns: width)
    result.elements.withUnsafeMutableBufferPointer { out in
      lines.patches.elements.withUnsafeBufferPointer { patches in
        sides.withUnsafeBufferPointer { sides in
          guard let out = out.baseAddress, let patches = patches.baseAddress,
            let sides = sides.baseAddress
          else { return }
          Parallel.forEachChunk(of: problem.sampleCount, chunk: 16, threads: problem.threads) {
            _, samples in
            for row in samples.lowerBound * count..<samples.upperBound * count
            where lines.lineOfRow[row] >= 0 {
              let (own, sign) = (sides + lines.lineOfRow[row] * m, lines.signOfRow[row])
              let (i, k) = row.quotientAndRemainder(dividingBy: count)
              let (patch, weight) = (patches + row * h, weights[k])
              let target = out + i * width + windows[k] * h
              for j in 0..<m where own[j] == sign {
                let feature = target + j * a * h
                for e in 0..<h { feature[e] += weight * patch[e] }
              }
            }
          }
        }
      }
    }
    return result
  }

  /// Slopes of `J` along a line's normal as a filter leaves the line: to the positive and to the negative side.
  ///
  /// Only the patches on the line count; `plus + minus` is the change of slope where the filter crosses it.
  static func slopes(
    of line: Int, problem: TrainingProblem, lines: PatchLines, network: Network, neuron: Int,
    dual: Matrix
  ) -> (plus: Double, minus: Double) {
    let (a, c, count) = (
      problem.windowCount, problem.outputCount, problem.geometry.patchesPerSample
    )
    var (plus, minus) = (0.0, 0.0)
    for row in lines.rows(on: line) {
      let (i, k) = row.quotientAndRemainder(dividingBy: count)
      let feature = neuron * a + problem.poolingMap.windows[k]
      var inner = 0.0
      for o in 0..<c { inner += dual[i, o] * network.outputWeights[feature, o] }
      let slope = problem.poolingMap.weights[k] * lines.lengths[row] * inner
      if lines.signOfRow[row] > 0 { plus += slope } else { minus += slope }
    }
    return (plus, minus)
  }

  /// Which of the lines that a filter lies on make up its face, and which it leaves to descend.
  private static func choice(
    _ near: [Int], gradient: [Double], problem: TrainingProblem, lines: PatchLines,
    network: Network, neuron: Int, dual: Matrix
  ) -> (face: [Int], leaving: [(line: Int, side: Int8)], residual: [Double]) {
    let normals = lines.normals.selectingRows(near)
    let slopes = near.map {
      self.slopes(
        of: $0, problem: problem, lines: lines, network: network, neuron: neuron, dual: dual)
    }
    let bounds = slopes.enumerated().map { position, slope -> ClosedRange<Double> in
      if slope.plus + slope.minus >= 0 { return -slope.minus...slope.plus }
      // A concave kink is no place to stay: the filter leaves to the side of steeper descent.
      let along = BLAS.dot(Array(normals.row(position)), gradient)
      let multiplier = along + slope.plus <= slope.minus - along ? slope.plus : -slope.minus
      return multiplier...multiplier
    }
    let solution = BoundedLeastSquares(gradient, vectors: normals, bounds: bounds)
    var face: [Int] = []
    var leaving: [(line: Int, side: Int8)] = []
    for (position, line) in near.enumerated() {
      if solution.isFree[position] {
        face.append(line)
      } else {
        let isPlus = solution.multipliers[position] == slopes[position].plus
        leaving.append((line, isPlus ? 1 : -1))
      }
    }
    return (face, leaving, solution.residual)
  }
}

extension PatchLines {
  /// Adds the patches of a line that are active on a side to the pooled active patches of a filter.
  fileprivate func addActive(
    _ line: Int, side: Int8, neuron: Int, problem: TrainingProblem, to masked: inout Matrix
  ) {
    let (h, count) = (problem.geometry.patchDimension, problem.geometry.patchesPerSample)
    for row in rows(on: line) where signOfRow[row] == side {
      let (i, k) = row.quotientAndRemainder(dividingBy: count)
      let feature = (neuron * problem.windowCount + problem.poolingMap.windows[k]) * h
      for e in 0..<h {
        masked[i, feature + e] += problem.poolingMap.weights[k] * patches[row, e]
      }
    }
  }
}

extension FaceModel {
  /// The gradient by filters and output weights, in the order of `Network.withParameters`.
  package var gradient: [Double] { filterGradient.elements + weightGradient.elements }

  /// Product of the Hessian of the loss with the derivative of the predictions, and that derivative: each `[n c, d]`.
  private func derivatives() -> (plain: Matrix, curved: Matrix) {
    let (m, h, a, c, n) = (
      network.neuronCount, problem.geometry.patchDimension, problem.windowCount,
      problem.outputCount, problem.sampleCount
    )
    let d = m * h + m * a * c
    var plain = Matrix(rows: n * c, columns: d)
    var curved = plain
    let predictions = DenseFeatureMap(features: features, threads: problem.threads)
      .predictions(of: network.outputWeights)
    let curvature = problem.loss.curvature(at: predictions)
    let weights = network.outputWeights
    plain.elements.withUnsafeMutableBufferPointer { plain in
      curved.elements.withUnsafeMutableBufferPointer { curved in
        guard let plain = plain.baseAddress, let curved = curved.baseAddress else { return }
        Parallel.forEachChunk(of: n, chunk: 16, threads: problem.threads) { _, samples in
          for i in samples {
            let block = plain + i * c * d
            for f in 0..<m * a {
              for o in 0..<c {
                let weight = weights[f, o]
                let (row, column) = (block + o * d, f / a * h)
                for e in 0..<h {
                  row[column + e] += masked.elements[(i * m * a + f) * h + e] * weight
                }
                row[m * h + f * c + o] = features[i, f]
              }
            }
            for o in 0..<c {
              let target = curved + (i * c + o) * d
              for p in 0..<c {
                let factor = curvature[p][i, o]
                guard factor != 0 else { continue }
                let row = block + p * d
                for e in 0..<d { target[e] += factor * row[e] }
              }
            }
          }
        }
      }
    }
    return (plain, curved)
  }

  /// The Hessian of `J` on the present faces and sides, `[d, d]` with `d = m h + m a c`, and the derivative of the
  /// gradient of the loss by the parameters, `[n c, d]`.
  ///
  /// - Complexity: O(`n c d^2`) time, O(`n c d + d^2`) memory.
  package func hessian() -> (hessian: Matrix, curved: Matrix) {
    let (m, h, a, c) = (
      network.neuronCount, problem.geometry.patchDimension, problem.windowCount, problem.outputCount
    )
    let (plain, curved) = derivatives()
    var result = Matrix(rows: plain.columns, columns: plain.columns)
    let d = plain.columns
    result.elements.withUnsafeMutableBufferPointer { out in
      plain.elements.withUnsafeBufferPointer { left in
        curved.elements.withUnsafeBufferPointer { right in
          guard let out = out.baseAddress, let left = left.baseAddress,
            let right = right.baseAddress
          else { return }
          Parallel.forEachChunk(of: d, chunk: 64, threads: problem.threads) { _, rows in
            let first = rows.lowerBound
            BLAS.gemm(
              .transposed, .plain, m: rows.count, n: d - first, k: plain.rows, left + first, lda: d,
              right + first, ldb: d, out + first * d + first, ldc: d)
          }
        }
      }
    }
    let correlations = DenseFeatureMap(features: masked, threads: problem.threads).adjoint(dual)
    for f in 0..<m * a {
      for e in 0..<h {
        for o in 0..<c { result[f / a * h + e, m * h + f * c + o] += correlations[f * h + e, o] }
      }
    }
    for i in 0..<d {
      result[i, i] += problem.lambda
      for k in 0..<i { result[i, k] = result[k, i] }
    }
    return (result, curved)
  }
}
