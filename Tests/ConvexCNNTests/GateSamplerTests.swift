import ConvexCNN
import Testing

struct GateSamplerTests {
  @Test func gatesOfATrainedModelAreDistinctAndSplitTheMeanPatch() throws {
    var generator = SeededGenerator(seed: 2)
    let images = Tensor(
      shape: [10, 1, 3, 3], elements: (0..<90).map { _ in generator.uniform() + 1 })
    let data = Dataset(
      train: LabeledDataset(
        name: "bright", images: images, isSignal: false,
        labels: .signs((0..<10).map { $0 % 2 == 0 ? 1 : -1 }), classNames: ["-1", "1"]))
    var flags = TrainingConfiguration(filter: FilterSize(height: 2, width: 2))
    (flags.activation, flags.cells, flags.loss) = (.gated, .sample(8), "squared")
    let model = try Trainer(configuration: flags, threads: 1).train(on: data).model
    let gates = try #require(model.gates)
    let patches = try PatchSet(images: images, geometry: model.network.geometry).patches
    let arrangement = try CentralArrangement(normals: patches)
    let patterns = Set((0..<8).map { arrangement.pattern(of: Array(gates.row($0))) })
    #expect(patterns.count == 8)
    var sums = [Double](repeating: 0, count: 8)
    for g in 0..<8 {
      for i in 0..<patches.rows { sums[g] += BLAS.dot(Array(gates.row(g)), Array(patches.row(i))) }
    }
    let largest = sums.map { abs($0) }.max() ?? 1
    #expect(largest <= 1e-12 * Double(patches.rows))
  }
}
