import Certificates
import ConvexPrograms
import Convolutions
import Tensors

extension StabilityExample {
  static func localMinimum() throws -> StabilityExample {
    let network = try plane([[1, 0]], [0])
    let root = (0.1).squareRoot()
    let nearby = try plane([[0, root]], [root])
    let sample = Tensor(shape: [1, 1, 1, 2], elements: [-1, 1])
    func loss(_ network: Network) throws -> Double {
      let value = try CanonicalForm(network).predictions(of: sample).elements[0]
      return 0.5 * (value - 1) * (value - 1)
    }
    // Within 0.45 the filter has a negative response to the sample, so that the loss is 1/2.
    var generator = SeededGenerator(seed: 1)
    var least = Double.infinity
    for _ in 0..<1000 {
      func moved(_ x: Double) -> Double { x + 0.45 * (2 * generator.uniform() - 1) }
      least = min(least, try loss(plane([[moved(1), moved(0)]], [moved(0)])))
    }
    return StabilityExample(
      .localMinimum, "sample x = (-1, 1), target 1, u = (1, 0) of weight 0; and relu(x2) / 10",
      columns: ["loss", "least within 0.45", "distance of g", "loss of g"],
      rows: [
        [
          try loss(network), least, try InverseStability(network, nearby).distance.upper,
          try loss(nearby),
        ]
      ],
      remarks: ["Least of 1000 random parameters at most 0.45 away in every entry."],
      claim: "A local minimum over parameters that no ball of functions around it is one of.")
  }

  /// Stochastic gradient descent of the official demonstration: rate 1e-3, momentum 0.9, batches of 10 from
  /// `[-10, 10]`, 500 steps.
  static func descent() throws -> StabilityExample {
    // relu(x) - relu(x - 1): slopes, biases and output weights of two neurons.
    var parameters: [Double] = [1, 0, 1, 1, -1, -1]
    let start = parameters
    var velocity = [Double](repeating: 0, count: 6)
    var generator = SeededGenerator(seed: 0)
    var rows = [try measured(0, parameters, from: start)]
    for step in 1...500 {
      var gradient = [Double](repeating: 0, count: 6)
      for _ in 0..<10 {
        let x = 20 * generator.uniform() - 10
        addGradient(at: x, parameters, to: &gradient)
      }
      for e in 0..<6 {
        velocity[e] = 0.9 * velocity[e] + gradient[e] / 10
        parameters[e] -= 1e-3 * velocity[e]
      }
      if step % 100 == 0 { rows.append(try measured(step, parameters, from: start)) }
    }
    return StabilityExample(
      .descent, "mean square of relu(x) - relu(x - 1) on [-10, 10], target 0, seed 0",
      columns: ["step", "mean square", "largest value", "largest slope", "parameters moved"],
      rows: rows,
      remarks: [
        "Rate 1e-3, momentum 0.9, batches of 10, 500 steps.",
        "Slopes of 1 that cancel are a small function in values and not in slopes.",
      ],
      claim:
        "Values go down much faster than slopes: the network comes near 0 in the one norm only.")
  }

  /// Adds the gradient of `f(x)^2` for neurons `(slope, bias, weight)`.
  private static func addGradient(
    at x: Double, _ parameters: [Double], to gradient: inout [Double]
  ) {
    let responses = [0, 3].map { parameters[$0] * x + parameters[$0 + 1] }
    let value = parameters[2] * max(0, responses[0]) + parameters[5] * max(0, responses[1])
    for (neuron, response) in responses.enumerated() where response > 0 {
      let first = 3 * neuron
      gradient[first] += 2 * value * parameters[first + 2] * x
      gradient[first + 1] += 2 * value * parameters[first + 2]
      gradient[first + 2] += 2 * value * response
    }
  }

  private static func measured(
    _ step: Int, _ parameters: [Double], from start: [Double]
  ) throws -> [Double] {
    let network = try Network(
      geometry: try PatchGeometry(length: 1, filterLength: 1, hasBias: true),
      pooling: Pooling(.sum), activation: .relu,
      filters: Matrix([Array(parameters[0..<2]), Array(parameters[3..<5])]),
      outputWeights: Matrix([[parameters[2]], [parameters[5]]]))
    let form = try EvenOddForm(network)
    let points = Tensor(shape: [4001, 1, 1, 1], elements: (0...4000).map { Double($0) / 200 - 10 })
    let values = form.values(at: points).elements
    return [
      Double(step), values.reduce(0) { $0 + $1 * $1 } / Double(values.count),
      values.reduce(0) { max($0, abs($1)) }, try form.largestGradient().upper,
      zip(parameters, start).reduce(0) { max($0, abs($1.0 - $1.1)) },
    ]
  }

  static func lift() throws -> StabilityExample {
    var generator = SeededGenerator(seed: 0)
    func random(_ rows: Int, _ columns: Int) -> Matrix {
      Matrix(
        rows: rows, columns: columns,
        elements: (0..<rows * columns).map { _ in generator.normal() })
    }
    let (filters, weights, points) = (random(5, 3), random(5, 2), random(100, 3))
    let biases = random(1, 5).elements
    func lifted(_ margin: Double) throws -> Network {
      try HalfSpaceLift(
        filters: filters, biases: biases, outputWeights: weights, outputBias: [0.5, -1],
        margin: margin
      ).network
    }
    let (one, two) = (try lifted(1), try lifted(2))
    let images = HalfSpaceLift.images(points)
    let (x, y) = (
      try CanonicalForm(one).predictions(of: images), try CanonicalForm(two).predictions(of: images)
    )
    let onSlice = zip(x.elements, y.elements).reduce(0) { max($0, abs($1.0 - $1.1)) }
    let result = try InverseStability(one.balancedByLargestEntry(), two.balancedByLargestEntry())
    return StabilityExample(
      .lift, "five neurons with biases as two networks without, on (x, 1, -1)",
      columns: ["on the slice", "parameters", "as functions", "bound"],
      rows: [
        [
          onSlice, try NeuronMatching(one, two).distance, result.distance.lower,
          result.asGiven.bound,
        ]
      ],
      remarks: [
        "balanced in the largest entry: \(result.asGiven.verdict.name)",
        "Inverse stability is about functions of all five inputs, not of the slice of the data.",
      ],
      claim:
        "Equal on the data slice, 1 apart in parameters: there the networks are not determined.")
  }
}
