import Certificates
import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// What the certifier refuses, and in which words.
struct CertificateErrorTests {
  private let images = Tensor(shape: [2, 1, 1, 4], elements: [1, 2, 3, 4, 5, 6, 7, 9])
  private let loss = SquaredLoss(targets: Matrix([[1], [2]]))

  private func network(
    filter: Double = 1, weight: Double = 1, activation: Activation = .relu
  ) throws -> Network {
    try Network(
      geometry: PatchGeometry(length: 4, filterLength: 2), pooling: Pooling(.sum),
      activation: activation, filters: Matrix([[filter, 1]]),
      gates: activation == .gated ? Matrix([[1, 0]]) : nil, outputWeights: Matrix([[weight]]))
  }

  private func message(_ body: () throws -> Certificate) -> String? {
    do {
      _ = try body()
      return nil
    } catch {
      return "\(error)"
    }
  }

  private func certifier(
    images: Tensor? = nil, loss: (any Loss)? = nil, lambda: Double = 0.1
  ) -> Certifier {
    Certifier(images: images ?? self.images, loss: loss ?? self.loss, lambda: lambda, threads: 1)
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity])
  func weightsThatAreNotFiniteAreRefused(value: Double) throws {
    let filters = message {
      try certifier().certify(network(filter: value), gates: nil, targetGap: 0.1)
    }
    #expect(filters?.hasPrefix("filters, element 0: expected a finite number, found ") == true)
    let weights = message {
      try certifier().certify(network(weight: value), gates: nil, targetGap: 0.1)
    }
    #expect(weights?.hasPrefix("output weights, element 0: expected a finite") == true)
  }

  @Test func imagesThatAreNotFiniteAreRefused() throws {
    var damaged = images
    damaged.elements[5] = .nan
    let found = message {
      try certifier(images: damaged).certify(network(), gates: nil, targetGap: 0.1)
    }
    #expect(found == "images, element 5: expected a finite number, found nan. Repair the data.")
  }

  @Test func targetsThatAreNotFiniteAreRefused() throws {
    let certifier = certifier(loss: SquaredLoss(targets: Matrix([[1], [.nan]])))
    #expect(throws: CertificateError.self) {
      _ = try certifier.certify(network(), gates: nil, targetGap: 0.1)
    }
    #expect(throws: CertificateError.self) {
      let network = try network()
      _ = try certifier.lambdaMaxUpperBound(
        geometry: network.geometry, pooling: network.pooling, activation: .relu)
    }
  }

  @Test func overflowIsRefused() throws {
    let found = message {
      try certifier().certify(
        network(filter: 1e200, weight: 1e200), gates: nil, targetGap: 0.1)
    }
    #expect(found?.hasPrefix("objective: expected a finite number") == true)
  }

  @Test(arguments: [-0.1, Double.nan, .infinity])
  func lambdaOutOfRangeIsRefused(lambda: Double) throws {
    let found = message {
      try certifier(lambda: lambda).certify(network(), gates: nil, targetGap: 0.1)
    }
    #expect(found?.hasPrefix("lambda: expected a finite number not below 0") == true)
  }

  @Test func targetGapBelowZeroIsRefused() throws {
    let found = message { try certifier().certify(network(), gates: nil, targetGap: -1) }
    #expect(
      found == "target gap: expected a number not below 0, found -1.0. Use 1e-3 when in doubt.")
  }

  @Test func gatesMustFitTheActivation() throws {
    let missing = message {
      try certifier().certify(network(activation: .gated), gates: nil, targetGap: 0.1)
    }
    #expect(missing?.hasPrefix("gates: expected all gates of the program, found none.") == true)
    let unasked = message {
      try certifier().certify(
        network(activation: .linear), gates: Matrix([[1, 0]]), targetGap: 0.1)
    }
    #expect(unasked?.hasPrefix("gates: expected none, found 1.") == true)
    let wide = message {
      try certifier().certify(
        network(activation: .gated), gates: Matrix([[1, 0, 1]]), targetGap: 0.1)
    }
    #expect(wide?.contains("patch dimension 2, found shape [1, 3]") == true)
    let infinite = message {
      try certifier().certify(
        network(activation: .gated), gates: Matrix([[1, .infinity]]), targetGap: 0.1)
    }
    #expect(infinite?.hasPrefix("gates, element 1: expected a finite number") == true)
  }

  @Test func shapesMustAgree() throws {
    let fewer = message {
      try certifier(loss: SquaredLoss(targets: Matrix([[1]]))).certify(
        network(), gates: nil, targetGap: 0.1)
    }
    #expect(fewer?.hasPrefix("images: expected shape [1, channels, height, width]") == true)
    let outputs = message {
      try certifier(loss: SquaredLoss(targets: Matrix([[1, 2], [3, 4]]))).certify(
        network(), gates: nil, targetGap: 0.1)
    }
    #expect(outputs?.hasPrefix("network: expected 2 outputs") == true)
    let size = message {
      try certifier(images: Tensor(shape: [2, 1, 1, 5])).certify(
        network(), gates: nil, targetGap: 0.1)
    }
    #expect(size?.hasPrefix("images: expected shape [n, 1, 1, 4]") == true)
  }
}
