public import ConvexPrograms
import Convolutions
import Tensors

/// The largest entry of the gradient of a difference of networks with integer filters, by all cells of all hyperplanes.
///
/// Slow and obvious: the row of every filter at every position is read off the responses to images with one bright pixel,
/// the cells come from `CellTwin`, and in each cell the gradients of the active rows are added up.
public enum GradientTwin {
  /// The largest entry.
  ///
  /// - Parameter parts: Networks with small integer filters and the factors they enter with.
  /// - Returns: The largest absolute entry.
  /// - Throws: `GeometryError` when windows do not fit.
  public static func largestEntry(_ parts: [(network: Network, factor: Double)]) throws -> Double {
    guard let first = parts.first?.network else { return 0 }
    let g = first.geometry
    let pixels = g.channels * g.imageHeight * g.imageWidth
    var rows: [[Int]] = []
    var weights: [[Double]] = []
    for (network, factor) in parts {
      let map = try network.pooling.map(for: g)
      for j in 0..<network.neuronCount {
        let filter = Matrix(
          rows: 1, columns: network.filters.columns, elements: Array(network.filters.row(j)))
        for k in map.windows.indices {
          rows.append(try row(filter, position: k, g, pixels))
          weights.append(
            (0..<network.outputCount).map { o in
              factor * map.weights[k]
                * network.outputWeights[j * map.outputCount + map.windows[k], o]
            })
        }
      }
    }
    return largest(rows, weights, pixels: pixels, hasBias: g.hasBias)
  }

  /// The row of a filter at a position, with the constant at the end if there is one.
  private static func row(
    _ filter: Matrix, position: Int, _ g: PatchGeometry, _ pixels: Int
  ) throws -> [Int] {
    let shape = [1, g.channels, g.imageHeight, g.imageWidth]
    func response(_ image: Tensor) throws -> Double {
      let patches = try PatchSet(images: image, geometry: g).patches
      return zip(patches.row(position), filter.elements).reduce(0) { $0 + $1.0 * $1.1 }
    }
    let dark = try response(Tensor(shape: shape))
    var result: [Int] = []
    for p in 0..<pixels {
      var image = Tensor(shape: shape)
      image.elements[p] = 1
      result.append(Int(try response(image) - dark))
    }
    return g.hasBias ? result + [Int(dark)] : result
  }

  private static func largest(
    _ rows: [[Int]], _ weights: [[Double]], pixels: Int, hasBias: Bool
  ) -> Double {
    // Unit rows complete the rank and split cells, which changes no gradient.
    let dimension = pixels + (hasBias ? 1 : 0)
    let units = (0..<dimension).map { p in (0..<dimension).map { $0 == p ? 1 : 0 } }
    let bending = rows.indices.filter { index in rows[index].contains { $0 != 0 } }
    let cells = CellTwin.cells(bending.map { rows[$0] } + units)
    var best = 0.0
    for cell in cells where !hasBias || cell[cell.count - 1] {
      for o in 0..<(weights.first?.count ?? 0) {
        for p in 0..<pixels {
          var entry = 0.0
          for (position, index) in bending.enumerated() where cell[position] {
            entry += weights[index][o] * Double(rows[index][p])
          }
          best = max(best, abs(entry))
        }
      }
    }
    return best
  }
}
