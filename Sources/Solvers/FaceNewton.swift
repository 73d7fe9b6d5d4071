package import ConvexPrograms
import Convolutions
import Tensors

/// Newton's method on filters and output weights together, inside the faces of the arrangement where filters lie.
///
/// Optimal filters often lie on hyperplanes of patches, where the objective has kinks and descent over all directions
/// jams. Within its face each filter has a linear map, so that Newton steps of the network's objective converge
/// quadratically. A filter whose step meets a hyperplane that would turn it back stops there and takes the line into
/// its face; a line whose multiplier leaves the slopes of its kink is released (`FaceModel`).
///
/// - Source: Active-set Newton methods for nonsmooth problems, as Lewis & Overton, *Partial smoothness and VU decomposition*;
///   the parametrisation by faces of the patch arrangement is ours.
package struct FaceNewton {
  let problem: TrainingProblem
  let lines: PatchLines
  /// Most steps.
  var steps = 60
  /// Stops when the shortest subgradient over that of the regularizer is below this.
  var tolerance = 1e-13

  package init(problem: TrainingProblem, lines: PatchLines) {
    (self.problem, self.lines) = (problem, lines)
  }

  /// Largest number of filter entries and output weights together: the Hessian is formed and factorised.
  static let parameterLimit = 2000
  /// Largest number of entries of the arrays a step works on.
  static let entryLimit = 40_000_000

  /// Whether a network is small enough, and its architecture one whose faces are patches' alone: ReLU and linear pooling, no
  /// output bias.
  package static func supports(_ network: Network, in problem: TrainingProblem) -> Bool {
    let (n, h) = (problem.sampleCount, problem.geometry.patchDimension)
    let (features, rows) = (
      network.neuronCount * problem.windowCount, n * problem.geometry.patchesPerSample
    )
    let parameters = network.neuronCount * h + features * problem.outputCount
    return problem.activation == .relu && problem.poolingMap.isLinear
      && !problem.hasOutputBias && network.neuronCount > 0 && parameters <= parameterLimit
      && max(
        n * features * h, n * problem.outputCount * parameters, rows * h,
        rows * network.neuronCount) <= entryLimit
  }

  /// Descends from a network.
  ///
  /// - Parameters:
  ///   - start: A balanced network that `supports` accepts.
  ///   - shouldStop: Asked before each step.
  /// - Returns: A network whose value exceeds the start's by rounding at most.
  package func minimize(from start: Network, shouldStop: () -> Bool = { false }) -> Network {
    var model = FaceModel(problem, lines: lines, network: start)
    for _ in 0..<steps {
      guard model.stationarity > tolerance, !shouldStop(), let next = step(from: model) else {
        break
      }
      model = next
    }
    return model.network
  }

  /// Stationarity below which values differ by rounding alone, since they change with its square.
  ///
  /// Full steps then help or nothing does: shorter ones only try what rounding makes of the value. EX-2-20 of
  /// `Benchmarks/RESULTS-peers.md` looked at 74 of 86 networks there.
  private static let roundingStationarity = 1e-9

  /// What rounding may add to a value, relative to it.
  ///
  /// Residuals are small differences of predictions and targets, so that equal networks differ by more than the last bit: with
  /// `0x1p-50` a problem of eight signals ended at a dual norm 1e-5 too large with some kernels of OpenBLAS.
  static let roundingOfValues = 0x1p-46

  /// One step; nil when none decreases the value or, at equal value, the gradient.
  package func step(from model: FaceModel) -> FaceModel? {
    let (hessian, curved) = model.hessian()
    let isRounding = model.stationarity < Self.roundingStationarity
    var damping = 0.0
    for _ in 0..<4 {
      guard let plan = NewtonPlan(model, hessian: hessian, damping: &damping) else { return nil }
      let stops = plan.stops(curved: curved)
      var length = 1.0
      while length > 1e-3 {
        let candidate = plan.network(length: length, stops: stops)
        let value = jointValue(candidate)
        if value < model.value * (1 + Self.roundingOfValues) {
          let next = FaceModel(problem, lines: lines, network: candidate)
          let isLower = !isRounding && next.value < model.value * (1 - 0x1p-50)
          if isLower || next.stationarity < 0.5 * model.stationarity { return next }
        }
        guard !isRounding else { break }
        length *= 0.5
      }
      damping = max(100 * damping, 1e-8 * plan.scale)
    }
    return nil
  }

  private func jointValue(_ network: Network) -> Double {
    problem.loss.value(at: problem.predictions(of: network)) + problem.lambda * network.weightDecay
  }
}

/// A Newton direction and the way filters take along it.
private struct NewtonPlan {
  let model: FaceModel
  let hessian: Matrix
  /// Step of filters and output weights.
  let direction: [Double]
  /// Largest diagonal entry of the Hessian.
  let scale: Double
  /// Lines that hold each filter, each set independent.
  let faces: [[Int]]
  private let slopesAlong: Matrix

  /// Where a filter ends before its full step, and on which line.
  struct Stop {
    var length: Double
    var line: Int?
  }

  /// The direction on the model's faces; lines that filters are about to leave the wrong way are added to them.
  ///
  /// - Parameters:
  ///   - model: The objective around the network.
  ///   - hessian: Its Hessian.
  ///   - damping: Least multiple of the identity added; on return the one used.
  init?(_ model: FaceModel, hessian: Matrix, damping: inout Double) {
    (self.model, self.hessian) = (model, hessian)
    scale = (0..<hessian.rows).reduce(0) { max($0, hessian[$1, $1]) }
    let (m, h) = (model.network.neuronCount, model.network.filters.columns)
    var faces = model.faces
    var found: (direction: [Double], slopes: Matrix)?
    for _ in 0..<8 {
      let bases = faces.map { FaceBasis(normals: model.lines.normals.selectingRows($0), count: h) }
      guard
        let direction = NewtonPlan.direction(
          hessian, model.gradient, bases: bases, damping: &damping, scale: scale)
      else { return nil }
      let filters = Matrix(rows: m, columns: h, elements: Array(direction[..<(m * h)]))
      let slopes = BLAS.product(model.lines.normals, .plain, filters, .transposed)
      found = (direction, slopes)
      var isChanged = false
      for j in 0..<m {
        let length = BLAS.norm(Array(filters.row(j)))
        // The line that is left the wrong way most; others may follow in the next turn.
        let wrong = model.leaving[j].filter { !faces[j].contains($0) }
          .map { (line: $0, slope: Double(model.sides[$0 * m + j]) * slopes[$0, j]) }
          .min { $0.slope < $1.slope }
        if let wrong, wrong.slope < -1e-9 * length, faces[j].count < h - 1 {
          faces[j].append(wrong.line)
          isChanged = true
        }
      }
      if !isChanged { break }
    }
    guard let found else { return nil }
    (direction, slopesAlong, self.faces) = (found.direction, found.slopes, faces)
  }

  private static func direction(
    _ hessian: Matrix, _ gradient: [Double], bases: [FaceBasis], damping: inout Double,
    scale: Double
  ) -> [Double]? {
    let reduction = FaceReduction(
      bases: bases, weightCount: hessian.rows - bases.reduce(0) { $0 + $1.length })
    let reduced = reduction.reduced(hessian)
    let rightHandSide = reduction.reduced(gradient).map { -$0 }
    damping = max(damping, 1e-15 * scale)
    while damping <= 100 * scale {
      var damped = reduced
      for i in 0..<damped.rows { damped[i, i] += damping }
      if let solution = try? LAPACK.solvePositiveDefinite(damped, rightHandSide) {
        return reduction.expanded(solution)
      }
      damping *= 30
    }
    return nil
  }

  /// For each filter the first line on its way whose kink, with those before, outweighs the descent that is left.
  ///
  /// With all others at their full step, filter `j` has the slope `-(1 - t) d' H_jj d` after a share `t` of its own.
  func stops(curved: Matrix) -> [Stop] {
    let (m, h) = (model.network.neuronCount, model.network.filters.columns)
    let (lines, responses) = (model.lines, model.responses)
    // The gradient of the loss after the step, as the model has it.
    var dual = model.dual
    let change = BLAS.product(
      curved, .plain, Matrix(rows: direction.count, columns: 1, elements: direction))
    BLAS.add(1, change.elements, to: &dual.elements)
    var crossings = [[(length: Double, line: Int)]](repeating: [], count: m)
    for l in 0..<lines.count {
      for j in 0..<m {
        let (response, slope) = (responses[l, j], slopesAlong[l, j])
        guard model.sides[l * m + j] != 0, response * slope < 0, abs(slope) >= abs(response) else {
          continue
        }
        guard !model.leaving[j].contains(l) else { continue }
        crossings[j].append((-response / slope, l))
      }
    }
    return (0..<m).map { j in
      let own = Array(direction[j * h..<(j + 1) * h])
      var curvature = 0.0
      for e in 0..<h {
        for f in 0..<h { curvature += own[e] * hessian[j * h + e, j * h + f] * own[f] }
      }
      var kinks = 0.0
      for (length, line) in crossings[j].sorted(by: { ($0.length, $0.line) < ($1.length, $1.line) })
      {
        let (plus, minus) = FaceModel.slopes(
          of: line, problem: model.problem, lines: lines, network: model.network, neuron: j,
          dual: dual)
        kinks += (plus + minus) * abs(slopesAlong[line, j])
        if kinks >= (1 - length) * curvature { return Stop(length: length, line: line) }
      }
      return Stop(length: 1, line: nil)
    }
  }

  /// The network after a share of the step, its filters on their faces and on the lines that stopped them.
  func network(length: Double, stops: [Stop]) -> Network {
    var result = model.network
    let (m, h) = (result.neuronCount, result.filters.columns)
    for j in 0..<m {
      let stop = stops[j]
      var filter = Array(result.filters.row(j))
      BLAS.add(min(length, stop.length), Array(direction[j * h..<(j + 1) * h]), to: &filter)
      var held = faces[j]
      if stop.length <= length, let line = stop.line { held.append(line) }
      let basis = FaceBasis(normals: model.lines.normals.selectingRows(held), count: h)
      filter = basis.projected(filter)
      for e in 0..<h { result.filters[j, e] = filter[e] }
    }
    for e in result.outputWeights.elements.indices {
      result.outputWeights.elements[e] += length * direction[m * h + e]
    }
    return result
  }
}
