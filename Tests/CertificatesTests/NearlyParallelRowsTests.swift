import Certificates
import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Hyperplanes that nearly coincide hide ways down; none of these networks may count as a strict minimum.
struct NearlyParallelRowsTests {
  private static let size = 0.8
  private static let lambda = 0.1

  /// One neuron on hyperplanes whose rows have given slopes; the first sample holds its length.
  private func forged(
    _ rows: [[Double]], slopes: [Double], filter: [Double]? = nil
  ) throws -> (certifier: Certifier, network: Network) {
    let (n, h, a) = (rows.count, rows[0].count, Self.size)
    let targets = [a * a + Double(n) * Self.lambda] + slopes.map { -Double(n) * $0 / a }
    let certifier = Certifier(
      images: Tensor(shape: [n, 1, 1, h], elements: rows.flatMap { $0 }),
      loss: SquaredLoss(targets: Matrix(rows: n, columns: 1, elements: targets)),
      lambda: Self.lambda)
    let first = (0..<h).map { $0 == 0 ? a : 0 }
    let network = try Network(
      geometry: PatchGeometry(length: h, filterLength: h), pooling: Pooling(.sum),
      activation: .relu, filters: Matrix([filter ?? first]), outputWeights: Matrix([[a]]))
    return (certifier, network)
  }

  /// The ray along which the objective falls is cut out by rows at an angle of 5e-6.
  @Test func aRayBetweenNearlyParallelRowsIsNotLost() throws {
    let (angle, a) = (5e-6, Self.size)
    let scale = Self.lambda * a
    let (certifier, network) = try forged(
      [
        [1, 0.056 / scale, 0.04 * angle / scale, 0.056 / scale], [0, 1, 0, 0], [0, 1, angle, 0],
        [0, 0, 0, 1],
      ], slopes: [0.08, 0.08, 0.03])
    #expect(try !certifier.criticalPoint(of: network).isStrictMinimum)
  }

  /// Rows at an angle of 1e-6 whose difference is a direction across kinks, not one within the face.
  @Test func aDirectionAcrossNearlyParallelRowsIsNotInTheFace() throws {
    let (angle, c) = (1e-6, 0.05)
    let rows = [
      [1, 0, 0], [0, 1, -angle / 2], [0, -1, angle / 2], [0, 1, angle / 2], [0, -1, -angle / 2],
    ]
    let (certifier, network) = try forged(rows, slopes: [-c, 3 * c, 3 * c, -c])
    #expect(try !certifier.criticalPoint(of: network).isStrictMinimum)
  }

  /// Two hyperplanes at an angle of 1e-5 meet far from the filter, behind a third.
  @Test func aFilterIsNotMovedAcrossOtherHyperplanes() throws {
    let (angle, a) = (1e-5, Self.size)
    let rows = [
      [1, 0.7, 0.028 * angle / (Self.lambda * a)], [0.01, 0, 1], [0, 1, 0], [0, 1, angle],
      [-1, 0, 0.3],
    ]
    let (certifier, network) = try forged(
      rows, slopes: [-0.8, 0.08, 0.08, -0.048], filter: [a, 0.9e-7 * a, -1.8e-7 / angle * a])
    #expect(throws: CertificateError.self) { try certifier.criticalPoint(of: network) }
  }

  /// Where curvature is small a slope that looks like rounding leaves the piece.
  @Test func flatLogisticPointsAreNotMinima() throws {
    let certifier = Certifier(
      images: Tensor(shape: [4, 1, 1, 1], elements: [1 + 1e-4, 1 - 1e-4, 1, 1]),
      loss: LogisticLoss(labels: [1, 1, 1, -1]), lambda: 1e-6)
    let size = 1e-5.squareRoot()
    let network = try Network(
      geometry: PatchGeometry(length: 1, filterLength: 1), pooling: Pooling(.sum),
      activation: .relu, filters: Matrix([[size]]), outputWeights: Matrix([[size]]),
      outputBias: [1.0986122886681098])
    #expect(try !certifier.criticalPoint(of: network).isStrictMinimum)
  }

  @Test func networksWithoutNeuronsAreNoMinima() throws {
    let (certifier, network) = try forged([[1, 0], [0, 1]], slopes: [0.01])
    let point = try certifier.criticalPoint(of: network.selecting(neurons: []))
    #expect(point.obstacles == [.noWeights])
  }

  /// The gradients of nearly equal neurons differ by 1 in a sliver, however thin.
  @Test(arguments: [1e-8, 5e-10, 1e-12])
  func nearlyEqualNeuronsAreNotCloserThanTheirSlivers(angle: Double) throws {
    func network(_ filter: [Double]) throws -> Network {
      try Network(
        geometry: PatchGeometry(length: 2, filterLength: 2), pooling: Pooling(.sum),
        activation: .relu, filters: Matrix([filter]), outputWeights: Matrix([[1]]))
    }
    let distance = try EvenOddForm(of: network([1, 0]), minus: network([1, angle]))
      .largestGradient()
    #expect(distance.upper + distance.rounding >= 1)
    #expect(!distance.isExact || distance.lower >= 1 - 1e-12)
    let same = try EvenOddForm(of: network([1, 0]), minus: network([1, 0])).largestGradient()
    #expect(same.isExact && same.upper == 0)
  }
}
