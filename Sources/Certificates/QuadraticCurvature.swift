import ConvexPrograms
import Tensors

/// Products with the Hessian of a quadratic network by its filters, from the definition.
///
/// With responses `z_ikj = x_ik . u_j` the predictions are `f_it = sum_jq W_j[q, t] sum_k P[q, k] z_ikj^2`. Along a direction `V` of the
/// filters with responses `y_ikj = x_ik . v_j` they change by `2 sum W P z y`, and the derivative of the gradient is
///
///     2 sum_ik (c_ikj y_ikj + d_ikj z_ikj) x_ik + 2 lambda |W_j|_1 v_j,
///
/// where `c` and `d` pull the gradient of the loss, and its change, back to the responses.
struct QuadraticCurvature {
  let patches: PooledPatches
  /// Pooling weights `P`, `[a, K]`.
  let pooling: Matrix
  let network: Network
  let loss: any Loss
  let lambda: Double
  /// Predictions of the network, `[n, c]`.
  let predictions: Matrix
  /// Gradient of the loss there, `[n, c]`.
  let slope: Matrix

  private var neuronCount: Int { network.neuronCount }

  /// The gradient of the objective by the filters, `[m, h]`.
  func gradient() -> Matrix {
    let responses = BLAS.product(patches.rows, .plain, network.filters, .transposed)
    return adjoint(pulled(slope), times: responses, direction: network.filters)
  }

  /// The product of the Hessian with a direction, `m h` numbers.
  func product(_ vector: [Double]) -> [Double] {
    let direction = Matrix(
      rows: neuronCount, columns: network.filters.columns, elements: vector)
    let responses = BLAS.product(patches.rows, .plain, network.filters, .transposed)
    let changes = BLAS.product(patches.rows, .plain, direction, .transposed)
    let change = loss.hessianProduct(
      at: predictions, direction: predicted(responses, changes))
    var result = adjoint(pulled(slope), times: changes, direction: direction)
    let zero = Matrix(rows: neuronCount, columns: network.filters.columns)
    BLAS.add(
      1, adjoint(pulled(change), times: responses, direction: zero).elements, to: &result.elements)
    return result.elements
  }

  /// `2 sum_jq W_j[q, t] sum_k P[q, k] z_ikj y_ikj`, `[n, c]`.
  private func predicted(_ z: Matrix, _ y: Matrix) -> Matrix {
    let (n, k, m, a, c) = (
      patches.sampleCount, patches.patchesPerSample, neuronCount, pooling.rows,
      network.outputCount
    )
    var features = Matrix(rows: n, columns: m * a)
    for i in 0..<n {
      for position in 0..<k {
        let row = (i * k + position) * m
        for q in 0..<a where pooling[q, position] != 0 {
          let weight = 2 * pooling[q, position]
          for j in 0..<m {
            features.elements[i * m * a + j * a + q] +=
              weight * z.elements[row + j] * y.elements[row + j]
          }
        }
      }
    }
    guard m > 0 else { return Matrix(rows: n, columns: c) }
    return BLAS.product(features, .plain, network.outputWeights)
  }

  /// `sum_qt P[q, k] W_j[q, t] dual[i, t]` for every patch and neuron, `[n K, m]`.
  private func pulled(_ dual: Matrix) -> Matrix {
    let (n, k, m, a) = (
      patches.sampleCount, patches.patchesPerSample, neuronCount, pooling.rows
    )
    var result = Matrix(rows: n * k, columns: m)
    guard m > 0 else { return result }
    let heads = BLAS.product(dual, .plain, network.outputWeights, .transposed)
    for i in 0..<n {
      for position in 0..<k {
        let row = (i * k + position) * m
        for q in 0..<a where pooling[q, position] != 0 {
          let weight = pooling[q, position]
          for j in 0..<m {
            result.elements[row + j] += weight * heads.elements[i * m * a + j * a + q]
          }
        }
      }
    }
    return result
  }

  /// `2 sum_ik c_ikj r_ikj x_ik + 2 lambda |W_j|_1 v_j`, `[m, h]`.
  private func adjoint(_ weights: Matrix, times responses: Matrix, direction: Matrix) -> Matrix {
    var scaled = weights
    for e in scaled.elements.indices { scaled.elements[e] *= 2 * responses.elements[e] }
    var result = BLAS.product(scaled, .transposed, patches.rows)
    for (j, sum) in network.outputSums.enumerated() {
      for e in 0..<direction.columns { result[j, e] += 2 * lambda * sum * direction[j, e] }
    }
    return result
  }

  /// The smallest eigenvalue, a margin for its rounding, and whether all eigenvalues were found.
  func smallestEigenvalue(denseLimit: Int) throws -> (value: Double, error: Double, isDense: Bool) {
    let count = network.filters.elements.count
    guard count > 0 else { return (0, 0, true) }
    guard count <= denseLimit else {
      let found = try Lanczos().smallestEigenvalue(dimension: count, product: product)
      return (found.value, 0, false)
    }
    var hessian = Matrix(rows: count, columns: count)
    for e in 0..<count {
      var unit = [Double](repeating: 0, count: count)
      unit[e] = 1
      let column = product(unit)
      for f in 0..<count { hessian[e, f] = column[f] }
    }
    for e in 0..<count {
      for f in 0..<e {
        let mean = 0.5 * (hessian[e, f] + hessian[f, e])
        (hessian[e, f], hessian[f, e]) = (mean, mean)
      }
    }
    let value = try LAPACK.symmetricEigen(hessian).values[0]
    let terms = Double(patches.rows.rows + patches.patchDimension + count + 64)
    return (
      value,
      4 * terms * 0x1p-52 * mass() + 16 * Double(count) * 0x1p-52 * BLAS.norm(hessian.elements),
      true
    )
  }

  /// A bound on the sums of the absolute values of all terms of the Hessian, in the Frobenius norm.
  private func mass() -> Double {
    let (k, m, a, c) = (
      patches.patchesPerSample, neuronCount, pooling.rows, network.outputCount
    )
    let responses = BLAS.product(patches.rows, .plain, network.filters, .transposed)
    let pulledSlope = pulled(slope)
    var (residual, jacobian) = ([Double](repeating: 0, count: m), 0.0)
    for i in 0..<patches.sampleCount {
      var sizes = [Double](repeating: 0, count: m)
      for position in 0..<k {
        let row = i * k + position
        let length = BLAS.norm(Array(patches.rows.row(row)))
        for j in 0..<m {
          residual[j] += 2 * abs(pulledSlope[row, j]) * length * length
          var head = 0.0
          for q in 0..<a where pooling[q, position] != 0 {
            for t in 0..<c {
              head += abs(pooling[q, position] * network.outputWeights[j * a + q, t])
            }
          }
          sizes[j] += 2 * head * abs(responses[row, j]) * length
        }
      }
      jacobian += BLAS.dot(sizes, sizes)
    }
    let penalty = network.outputSums.map { 2 * lambda * $0 }
    return BLAS.norm(residual) + loss.smoothness * jacobian + BLAS.norm(penalty)
  }
}
