import Certificates
import ConvexPrograms
import Convolutions
import Foundation
import Tensors
import TestSupport
import Testing

/// The verifier's dual norm of networks of degree two, against sampling and known values; what it refuses.
struct SecondMomentTests {
  static let reluFit = Activation.polynomial(Polynomial(0.09, 0.5, 0.47))

  private func certifier(_ problem: TrainingProblem, _ images: Tensor) -> Certifier {
    Certifier(images: images, loss: problem.loss, lambda: problem.lambda)
  }

  private func bound(_ activation: Activation, pooling: String) throws -> Double {
    let problem = try DegreeTwoProblem.four(activation, pooling: pooling, lambda: 0)
    let bound = try certifier(problem, DegreeTwoProblem.fourImages).lambdaMaxUpperBound(
      geometry: problem.geometry, pooling: problem.pooling, activation: activation)
    return try #require(bound)
  }

  /// B7: `|(1/n) sum_i y_i G_i|_2` of the four signals.
  @Test func lambdaMaxOfTheFixture() throws {
    #expect(abs(try bound(.quadratic, pooling: "sum") - 5.30206097987) < 1e-10)
    #expect(abs(try bound(.quadratic, pooling: "average") - 0.5 * 5.30206097987) < 1e-10)
    // A square written as a polynomial has the same bound.
    let square = Activation.polynomial(Polynomial(1, 0, 0))
    #expect(abs(try bound(square, pooling: "sum") - 5.30206097987) < 1e-9)
  }

  /// The largest correlation over a fine grid of filters is below the bound, and close to it.
  @Test(arguments: [
    Activation.quadratic, reluFit, .polynomial(Polynomial(-1, 0.3, 0.2)),
    .polynomial(Polynomial(0, 1, -0.1)), .polynomial(Polynomial(0, 0, 2)),
  ])
  func boundIsTheLargestCorrelation(activation: Activation) throws {
    let problem = try DegreeTwoProblem.nine(activation, lambda: 0.1)
    let gradient = problem.loss.gradient(at: Matrix(rows: 9, columns: 2))
    var largest = 0.0
    let steps = 20_000
    var filters = Matrix(rows: steps, columns: 2)
    for s in 0..<steps {
      let angle = 2 * Double.pi * Double(s) / Double(steps)
      (filters[s, 0], filters[s, 1]) = (cos(angle), sin(angle))
    }
    let correlations = BLAS.product(problem.features(of: filters), .transposed, gradient)
    for value in correlations.elements { largest = max(largest, abs(value)) }
    let bound = try #require(
      try certifier(problem, DegreeTwoProblem.nineImages).lambdaMaxUpperBound(
        geometry: problem.geometry, pooling: problem.pooling, activation: activation))
    #expect(bound >= largest)
    #expect(bound <= largest * (1 + 1e-6))
  }

  /// Without neurons at `lambda >= lambdaMax` the network is optimal, just below it is not.
  @Test(arguments: [(5.31, true), (5.3, false)])
  func emptyNetworkIsOptimalAboveLambdaMax(lambda: Double, isOptimal: Bool) throws {
    let problem = try DegreeTwoProblem.four(.quadratic, pooling: "sum", lambda: lambda)
    let certificate = try certifier(problem, DegreeTwoProblem.fourImages).certify(
      problem.emptyNetwork(), gates: nil, targetGap: 1e-9)
    #expect(abs(certificate.objective - 0.9375) < 1e-15)
    #expect(certificate.isEstablished == isOptimal)
  }

  /// The certificate of a random network has the objective of the definition, and never a bound above it.
  @Test(arguments: [Activation.quadratic, reluFit], 1...5)
  func objectiveIsTheDefinition(activation: Activation, seed: Int) throws {
    let problem = try DegreeTwoProblem.nine(activation, lambda: 0.1)
    let network = try DegreeTwoProblem.network(for: problem, neurons: 3, seed: seed)
    let certificate = try certifier(problem, DegreeTwoProblem.nineImages).certify(
      network, gates: nil, targetGap: 1e-6)
    let slow = DegreeTwoProblem.predictions(of: network, on: problem)
    var penalty = 0.0
    for j in 0..<3 {
      let square = BLAS.dot(Array(network.filters.row(j)), Array(network.filters.row(j)))
      for q in 0..<2 {
        for t in 0..<2 {
          penalty +=
            (activation == .quadratic ? square : 1) * abs(network.outputWeights[j * 2 + q, t])
        }
      }
    }
    let objective = problem.loss.value(at: slow) + 0.1 * penalty
    #expect(abs(certificate.objective - objective) < 1e-13 * objective)
    #expect(abs(problem.objective(of: network).total - objective) < 1e-13 * objective)
    #expect(certificate.lowerBound <= objective)
    #expect(!certificate.isEstablished)
    #expect(certificate.claim.contains(certificate.lowerBound > 0 ? "not weight decay" : "Nothing"))
  }

  @Test func damagedNetworksAreRefused() throws {
    let problem = try DegreeTwoProblem.nine(.quadratic, lambda: 0.1)
    var network = try DegreeTwoProblem.network(for: problem, neurons: 2, seed: 1)
    let certifier = certifier(problem, DegreeTwoProblem.nineImages)
    network.filters[0, 0] = .nan
    #expect(throws: CertificateError.self) {
      try certifier.certify(network, gates: nil, targetGap: 1e-6)
    }
    network.filters[0, 0] = 1e200
    #expect(throws: CertificateError.self) {
      try certifier.certify(network, gates: nil, targetGap: 1e-6)
    }
    let polynomial = try DegreeTwoProblem.nine(Self.reluFit, lambda: 0.1)
    var longer = try DegreeTwoProblem.network(for: polynomial, neurons: 2, seed: 1)
    for e in 0..<2 { longer.filters[1, e] *= 1.01 }
    let error = #expect(throws: CertificateError.self) {
      try certifier.certify(longer, gates: nil, targetGap: 1e-6)
    }
    #expect(error?.place == "filter of neuron 1")
  }

  @Test func lambdaZeroProvesNothing() throws {
    let problem = try DegreeTwoProblem.four(.quadratic, pooling: "sum", lambda: 0)
    let certificate = try certifier(problem, DegreeTwoProblem.fourImages).certify(
      DegreeTwoProblem.network(for: problem, neurons: 4, seed: 3), gates: nil, targetGap: 1e-6)
    #expect(certificate.verdict == .nothingProven)
    #expect(certificate.lowerBound == 0)
  }

  @Test func studiesOfDegreeOneRefuseOthers() throws {
    let problem = try DegreeTwoProblem.nine(.quadratic, lambda: 0.1)
    let network = try DegreeTwoProblem.network(for: problem, neurons: 2, seed: 1)
    let certifier = certifier(problem, DegreeTwoProblem.nineImages)
    #expect(throws: CertificateError.self) { try certifier.prune(network) }
    #expect(throws: CertificateError.self) { try certifier.optimalSet(of: network) }
    #expect(throws: CertificateError.self) { try certifier.sensitivity(of: network) }
    #expect(throws: CertificateError.self) { try certifier.criticalPoint(of: network) }
    #expect(throws: CertificateError.self) { try CanonicalForm(network) }
    #expect(throws: CertificateError.self) { try EvenOddForm(network) }
  }
}
