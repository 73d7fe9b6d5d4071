import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Predictions with responses in single precision against those in double precision.
struct FloatPredictionTests {
  private static let degreeTwo = [
    ProblemCase(.image, "average:2x2", .quadratic, .squared, outputs: 2),
    ProblemCase(.signal, "sum", .polynomial(Polynomial(0.1, 0.5, 0.3)), .squared, outputs: 1),
  ]

  private func network(_ test: ProblemCase, neurons m: Int = 21) throws -> Network {
    var generator = SeededGenerator(seed: 3)
    let geometry = try test.geometry()
    let pooling = try Pooling(parsing: test.pooling)
    let h = geometry.patchDimension
    let windows = try pooling.map(for: geometry).outputCount
    let filters = generator.normalMatrix(rows: m, columns: h)
    let gates = test.activation == .gated ? generator.normalMatrix(rows: m, columns: h) : nil
    return try Network(
      geometry: geometry, pooling: pooling, activation: test.activation, filters: filters,
      gates: gates,
      outputWeights: generator.normalMatrix(rows: m * windows, columns: test.outputs),
      outputBias: test.outputs == 2 ? [0.25, -1] : nil)
  }

  @Test(
    arguments: ProblemCase.ungated + ProblemCase.programs + degreeTwo,
    [ConvolutionBackend.direct, .fft])
  func predictionsAreThoseOfDoublePrecision(test: ProblemCase, backend: ConvolutionBackend) throws {
    let problem = try test.problem(samples: 30)
    let network = try network(test)
    let source = TensorSource(try test.images(samples: 30))
    let expected = problem.predictions(of: network)
    let found = try network.floatPredictions(of: source, backend: backend, threads: 1)
    let distance = found.relativeDistance(to: expected)
    #expect(distance <= 1e-5)
    // Single precision, not double under another name.
    #expect(found != expected)
  }

  /// Samples of several blocks of 8 MiB, and of several chunks.
  @Test(arguments: [Activation.relu, .gated], [ConvolutionBackend.direct, .fft])
  func bitsDoNotDependOnTheNumberOfThreads(
    activation: Activation, backend: ConvolutionBackend
  ) throws {
    var generator = SeededGenerator(seed: 8)
    let geometry = try PatchGeometry(
      imageHeight: 300, imageWidth: 300, filterHeight: 5, filterWidth: 5)
    let images = generator.normalTensor(shape: [25, 1, 300, 300])
    let network = try Network(
      geometry: geometry, pooling: Pooling(parsing: "average:2x2"), activation: activation,
      filters: generator.normalMatrix(rows: 3, columns: 25),
      gates: activation == .gated ? generator.normalMatrix(rows: 3, columns: 25) : nil,
      outputWeights: generator.normalMatrix(rows: 12, columns: 2))
    let source = TensorSource(images)
    let alone = try network.floatPredictions(of: source, backend: backend, threads: 1)
    let shared = try network.floatPredictions(of: source, backend: backend, threads: 3)
    #expect(alone == shared)
    let last = try network.floatPredictions(
      of: TensorSource(images.selecting([24])), backend: backend, threads: 1)
    let distance = last.relativeDistance(to: alone.selectingRows([24]))
    #expect(distance <= 1e-14)
  }

  /// Two patches on either side of a gate that are one in single precision, which would make both active.
  @Test func gatesAreDecidedInDoublePrecision() throws {
    let network = try Network(
      geometry: PatchGeometry(length: 2, filterLength: 2), pooling: Pooling(parsing: "sum"),
      activation: .gated, filters: Matrix([[1, 0]]), gates: Matrix([[1, -1]]),
      outputWeights: Matrix([[1]]))
    let images = Tensor(shape: [2, 1, 1, 2], elements: [1 + 0x1p-24, 1, 1, 1 + 0x1p-24])
    let found = try network.floatPredictions(
      of: TensorSource(images), backend: .direct, threads: 1)
    #expect(found.elements == [1, 0])
  }

  @Test func networksWithoutNeuronsPredictTheirBias() throws {
    let network = try network(ProblemCase(.image, "sum", .relu, .squared, outputs: 2), neurons: 0)
    let images = Tensor(shape: [3, 2, 6, 5])
    let found = try network.floatPredictions(of: TensorSource(images), backend: .auto, threads: 1)
    #expect(found == Matrix([[0.25, -1], [0.25, -1], [0.25, -1]]))
    let none = try self.network(ProblemCase(.signal, "sum", .relu, .squared, outputs: 1))
      .floatPredictions(
        of: TensorSource(Tensor(shape: [0, 1, 1, 9])), backend: .auto, threads: 1)
    #expect(none == Matrix(rows: 0, columns: 1))
  }

  @Test func numbersOutOfTheRangeAreRefused() throws {
    let test = ProblemCase(.signal, "sum", .relu, .squared, outputs: 1)
    let network = try network(test)
    let images = try test.images(samples: 2)
    func message(pixels: Double = 1, weights: Double = 1, spoiled: Double? = nil) -> String {
      var (scaled, changed) = (network, images)
      for e in scaled.filters.elements.indices { scaled.filters.elements[e] *= weights }
      for e in changed.elements.indices { changed.elements[e] *= pixels }
      if let spoiled { changed.elements[11] = spoiled }
      do {
        _ = try scaled.floatPredictions(of: TensorSource(changed), backend: .auto, threads: 1)
        return "no error"
      } catch {
        return "\(error)"
      }
    }
    #expect(message() == "no error")
    #expect(message(pixels: 0) == "no error")
    #expect(message(pixels: 1e31).contains("expected pixels of at most 1e30"))
    #expect(message(pixels: 1e-32).contains("expected pixels of at most 1e30"))
    #expect(message(weights: 1e32).contains("expected weights of filters of at most 1e30"))
    #expect(message(pixels: 1e20, weights: 1e20).contains("expected products of both of at most"))
    #expect(
      message(spoiled: .nan).contains("images: expected finite numbers, found nan at index 11"))
  }

  @Test func im2colIsRefused() throws {
    let test = ProblemCase(.signal, "sum", .relu, .squared, outputs: 1)
    let (network, images) = (try network(test), try test.images(samples: 2))
    #expect(throws: GeometryError.self) {
      _ = try network.floatPredictions(of: TensorSource(images), backend: .im2col, threads: 1)
    }
  }
}
