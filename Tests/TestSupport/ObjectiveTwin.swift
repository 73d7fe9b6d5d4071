public import ConvexPrograms
import Convolutions
public import Tensors

/// The objective of a network on single-channel signals, by nested loops over the definition.
public struct ObjectiveTwin {
  private let signals: Matrix

  /// The twin on signals of shape `[n, length]`, valid convolution, stride 1, no bias.
  public init(signals: Matrix) { self.signals = signals }

  /// The signals as a batch `[n, 1, 1, length]`.
  public var images: Tensor {
    Tensor(shape: [signals.rows, 1, 1, signals.columns], elements: signals.elements)
  }

  /// `f(x_i)` for every sample, `[n, c]`.
  public func predictions(of network: Network) -> Matrix {
    let h = network.geometry.filterWidth
    let count = signals.columns - h + 1
    let a = network.windowCount
    var result = Matrix(rows: signals.rows, columns: network.outputCount)
    for i in 0..<signals.rows {
      for c in 0..<network.outputCount { result[i, c] = network.outputBias?[c] ?? 0 }
      for j in 0..<network.neuronCount {
        var responses: [Double] = []
        for k in 0..<count {
          var (response, gate) = (0.0, 0.0)
          for e in 0..<h {
            response += signals[i, k + e] * network.filters[j, e]
            if let gates = network.gates { gate += signals[i, k + e] * gates[j, e] }
          }
          switch network.activation {
          case .linear: responses.append(response)
          case .relu: responses.append(max(response, 0))
          case .gated: responses.append(gate >= 0 ? response : 0)
          case .quadratic: responses.append(response * response)
          case .polynomial(let p):
            responses.append(p.a * response * response + p.b * response + p.c)
          }
        }
        for q in 0..<a {
          let value = pooled(responses, network: network, window: q, windows: a)
          for c in 0..<network.outputCount {
            result[i, c] += network.outputWeights[j * a + q, c] * value
          }
        }
      }
    }
    return result
  }

  private func pooled(
    _ responses: [Double], network: Network, window: Int, windows: Int
  ) -> Double {
    let count = responses.count
    let members = responses[window * count / windows..<(window + 1) * count / windows]
    switch network.pooling.kind {
    case .none: return responses[window]
    case .sum: return members.reduce(0, +)
    case .average: return members.reduce(0, +) / Double(members.count)
    case .max: return members.max() ?? 0
    }
  }
}
