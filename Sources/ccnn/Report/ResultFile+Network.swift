import ConvexCNN
import Reports

/// Most neurons and numbers of neurons that a page has, whatever the file has.
private let (neuronLimit, weightLimit) = (256, 8192)

extension ResultFile {
  /// Filters as pictures, output weights, and both in a table.
  func network() throws -> ReportPage.Section? {
    guard let node = try root.member("details")?.member("weights") else { return nil }
    let layout = try WeightLayout(node)
    let all = try node.required("neurons").elements()
    let perNeuron = layout.filterCount + layout.outputWeightCount
    let limit = min(neuronLimit, max(1, weightLimit / max(1, perNeuron)))
    let neurons = try all.prefix(limit).map { try ShownNeuron($0, layout) }
    let count = try node.member("neuronCount")?.whole() ?? all.count
    let channels =
      layout.shape[0] > 1
      ? " The \(layout.shape[0]) channels of a filter are beside each other." : ""
    var blocks: [ReportPage.Block] = [
      .text(
        "Each picture is a filter above its output weights: orange above zero, blue below, as "
          + "strong as the entry is large in its own neuron. Output weights have a row per pooled "
          + "window (\(layout.windowCount)) and a column per output (\(layout.outputCount)). Below are "
          + "the neuron's number in the model file and its mass, the norm of the filter times the "
          + "norm of its output weights.\(channels)")
    ]
    if neurons.count < count {
      blocks.append(
        .note(
          "\(neurons.count) of \(count) neurons are shown, those of largest mass; the model file "
            + "has all of them."))
    }
    guard !neurons.isEmpty else {
      return ReportPage.Section("Network", [.text("The network has no neurons.")])
    }
    blocks.append(.figures(try neurons.map { try $0.figure(layout) }))
    blocks.append(
      .details("Filters and output weights in numbers", [.table(layout.table(of: neurons))]))
    let bias = try node.values("outputBias")
    if !bias.isEmpty {
      blocks.append(
        .table(
          ReportTable(
            caption: "Output bias", header: ["output", "bias"],
            rows: bias.enumerated().map { [.init("\($0.offset)"), $0.element.wholeCell] })))
    }
    return ReportPage.Section("Network", blocks)
  }
}

/// Shapes of the neurons of a network.
struct WeightLayout {
  let shape: [Int]
  let hasBias: Bool
  let windowCount: Int
  let outputCount: Int

  init(_ node: ResultNode) throws {
    let shapeNode = try node.required("filterShape")
    shape = try shapeNode.elements().map { try $0.whole(atMost: 1 << 20) }
    guard shape.count == 3, !shape.contains(0) else {
      throw shapeNode.mismatch("three numbers above 0: channels, height, width")
    }
    hasBias = try node.member("hasBias").map { $0.value == .bool(true) } ?? false
    windowCount = try node.required("windowCount").whole(atMost: 1 << 20)
    outputCount = try node.required("outputCount").whole(atMost: 1 << 20)
    guard windowCount > 0, outputCount > 0 else {
      throw node.mismatch("at least one window and one output", found: "none")
    }
  }

  /// Numbers of a filter.
  var filterCount: Int { shape.reduce(1, *) + (hasBias ? 1 : 0) }
  /// Numbers of the output weights of a neuron.
  var outputWeightCount: Int { windowCount * outputCount }

  func table(of neurons: [ShownNeuron]) -> ReportTable {
    let entries = (0..<filterCount).map { $0 == shape.reduce(1, *) ? "bias" : "u\($0)" }
    let weights = (0..<windowCount).flatMap { window in
      (0..<outputCount).map { "W\(window),\($0)" }
    }
    return ReportTable(
      caption: "Neurons in falling order of mass: filter entries u, output weights W of window and "
        + "output",
      header: ["neuron", "mass"] + entries + weights,
      rows: neurons.map { neuron in
        [.init("\(neuron.index)"), neuron.mass.wholeCell]
          + (neuron.filter + neuron.outputWeights).map(\.wholeCell)
      })
  }
}

/// A neuron of the page.
struct ShownNeuron {
  let index: Int
  let mass: ResultNode.Number
  let filter: [ResultNode.Number]
  let outputWeights: [ResultNode.Number]

  init(_ node: ResultNode, _ layout: WeightLayout) throws {
    index = try node.required("index").whole()
    mass = try node.required("mass").number()
    let filterNode = try node.required("filter")
    filter = try filterNode.elements().map { try $0.number() }
    guard filter.count == layout.filterCount else {
      throw filterNode.mismatch("\(layout.filterCount) numbers")
    }
    let weights = try node.required("outputWeights")
    outputWeights = try weights.elements().map { try $0.number() }
    guard outputWeights.count == layout.outputWeightCount else {
      throw weights.mismatch("\(layout.outputWeightCount) numbers")
    }
  }

  func figure(_ layout: WeightLayout) throws -> ReportPage.Figure {
    let values = outputWeights.map(\.value)
    let picture = Picture(
      signed: values, width: max(1, layout.outputCount), height: max(1, layout.windowCount),
      scale: values.map { abs($0) }.max() ?? 0)
    let cell = max(2, min(12, 84 / picture.width))
    return ReportPage.Figure(
      images: [
        filterImage(layout),
        ReportPage.Figure.Image(
          picture,
          alternative: "Output weights of neuron \(index), \(range(values))",
          width: cell * picture.width, height: cell * picture.height),
      ],
      caption: "\(index): \(digits(mass.value, "%.3g"))"
        + (layout.hasBias ? ", bias \(digits(filter.last?.value, "%.2g"))" : ""))
  }

  /// Channels beside each other; signals as bars.
  private func filterImage(_ layout: WeightLayout) -> ReportPage.Figure.Image {
    let (channels, height, width) = (layout.shape[0], layout.shape[1], layout.shape[2])
    let values = filter.prefix(channels * height * width).map(\.value)
    let words = "Filter of neuron \(index), \(channels) x \(height) x \(width), \(range(values))"
    if height == 1, width > 1 {
      let picture = Picture(bars: values)
      return ReportPage.Figure.Image(
        picture, alternative: words, width: max(72, picture.width), height: picture.height)
    }
    let scale = values.map { abs($0) }.max() ?? 0
    let planes = (0..<channels).map { c in
      Picture(
        signed: Array(values[c * height * width..<(c + 1) * height * width]), width: width,
        height: height, scale: scale)
    }
    let cell = max(2, min(28, 84 / max(height, width)))
    guard channels > 1 else {
      return ReportPage.Figure.Image(
        planes[0], alternative: words, width: cell * width, height: cell * height)
    }
    let factor = min(8, cell)
    let joined = Picture.joined(planes.map { $0.magnified(by: factor) }, gap: 2)
    return ReportPage.Figure.Image(
      joined, alternative: words, width: joined.width * cell / factor, height: cell * height)
  }

  private func range(_ values: [Double]) -> String {
    "numbers from \(digits(values.min(), "%.3g")) to \(digits(values.max(), "%.3g"))"
  }
}
