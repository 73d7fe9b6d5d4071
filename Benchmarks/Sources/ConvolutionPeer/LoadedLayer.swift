import Convolutions
import Tensors

/// A layer with filters and results, in double or single precision.
protocol LoadedLayer: AnyObject {
  /// Which backend was picked, and why.
  var choice: String { get }
  /// Responses and gradient of the last passes, in double precision.
  var results: (responses: [Double], gradient: [Double]) { get }

  /// Computes the responses of the filters, the first of whose entries is moved by a number.
  ///
  /// No pass then meets the filters of another, and no spectrum is kept from one to the next.
  func respond(moving: Int) throws
  /// Computes the adjoint of the responses.
  func pullBack() throws
}

/// A layer in double precision.
final class DoubleLayer: LoadedLayer {
  private let layer: ConvolutionLayer
  private let filters: Matrix
  private var moved: Matrix
  private var responses: Matrix
  private var gradient = Matrix(rows: 0, columns: 0)

  init(_ layer: ConvolutionLayer, _ filters: Matrix) throws {
    (self.layer, self.filters, moved) = (layer, filters, filters)
    responses = try layer.responses(of: filters)
  }

  var choice: String { layer.choice }
  var results: (responses: [Double], gradient: [Double]) {
    (responses.elements, gradient.elements)
  }

  func respond(moving: Int) throws {
    moved.elements[0] = filters.elements[0] + Double(moving)
    try layer.writeResponses(of: moved, into: &responses)
  }

  func pullBack() throws { gradient = try layer.adjoint(responses) }
}

/// A layer in single precision.
final class FloatLayer: LoadedLayer {
  private let layer: FloatConvolutionLayer
  private let filters: FloatMatrix
  private var moved: FloatMatrix
  private var responses: FloatMatrix
  private var gradient = FloatMatrix(rows: 0, columns: 0)

  init(_ layer: FloatConvolutionLayer, _ filters: FloatMatrix) throws {
    (self.layer, self.filters, moved) = (layer, filters, filters)
    responses = try layer.responses(of: filters)
  }

  var choice: String { layer.choice }
  var results: (responses: [Double], gradient: [Double]) {
    (Matrix(responses).elements, Matrix(gradient).elements)
  }

  func respond(moving: Int) throws {
    moved.elements[0] = filters.elements[0] + Float(moving)
    try layer.writeResponses(of: moved, into: &responses)
  }

  func pullBack() throws { gradient = try layer.adjoint(responses) }
}
