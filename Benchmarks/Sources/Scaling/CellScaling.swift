import Arrangements
import ConvexCNN
import Tensors

/// Time per cell for facets, witnesses and exact points inside, on one thread.
struct CellScaling {
  /// Whether to look at a tenth of the cells.
  let isQuick: Bool

  /// Lines, rank, half cells looked at, facets of a cell, and microseconds for the pattern, the facets,
  /// a proven witness and an exact point; then how many cells floating point left to exact arithmetic.
  func run() throws {
    print(
      "case,lines,rank,half_cells,facets,us_pattern,us_facets,us_witness,us_exact_point,"
        + "exact_facets,exact_witnesses")
    for (lines, columns) in [
      (100, 3), (1000, 3), (100, 4), (1000, 4), (50, 5), (200, 5), (40, 6), (30, 9), (20, 12),
    ] {
      try measure("gaussian", gaussian(lines, columns))
    }
    try measure("resonance", Matrix((1..<64).map { code in (0..<6).map { bit(code, $0) } }))
    try measure("threshold", Matrix((0..<32).map { code in [1] + (0..<5).map { bit(code, $0) } }))
    for (height, width, images) in [(1, 3, 1797), (2, 2, 2), (2, 2, 20), (3, 3, 2)] {
      try measure(
        "digits \(height)x\(width)", patches(height: height, width: width, images: images))
    }
    try measure("moments", Matrix((0..<12).map { moment(1000 + Double($0)) }))
  }

  private func bit(_ code: Int, _ place: Int) -> Double { Double((code >> place) & 1) }

  private func moment(_ s: Double) -> [Double] { [1, s, s * s, s * s * s] }

  private func gaussian(_ lines: Int, _ columns: Int) -> Matrix {
    var generator = SeededGenerator(seed: UInt64(lines + columns))
    return Matrix(
      rows: lines, columns: columns,
      elements: (0..<lines * columns).map { _ in generator.normal() })
  }

  private func patches(height: Int, width: Int, images: Int) throws -> Matrix {
    let data = try DatasetLoader.bundled(named: "digits")
    let train = data.train.images
    let all = train.elements + (data.test?.images.elements ?? [])
    let geometry = try PatchGeometry(
      channels: 1, imageHeight: 8, imageWidth: 8, filterHeight: height, filterWidth: width)
    let batch = Tensor(shape: [images, 1, 8, 8], elements: Array(all.prefix(64 * images)))
    return try PatchSet(images: batch, geometry: geometry).patches
  }

  private func measure(_ name: String, _ rows: Matrix) throws {
    let arrangement = try CentralArrangement(normals: rows)
    let enumeration = try CellEnumeration(arrangement)
    let limit = isQuick ? 2_000 : 20_000
    var cells: [ActivationPattern] = []
    // Cells from everywhere in the order of the sweep, not only the first.
    let patternSeconds = seconds { for _ in enumeration.cells.prefix(10 * limit) {} }
    var step = 0
    for pattern in enumeration.cells.prefix(10 * limit) {
      if step % 10 == 0 { cells.append(pattern) }
      step += 1
    }
    let geometry = CellGeometry(enumeration)
    var facets = 0
    let facetSeconds = seconds {
      for cell in cells { facets += geometry.facets(of: cell)?.count ?? 0 }
    }
    let exactFacets = geometry.exactCellCount
    let witnessSeconds = seconds { for cell in cells { _ = geometry.cell(of: cell) } }
    let exactWitnesses = geometry.exactCellCount - exactFacets
    let few = cells.prefix(100)
    let exactSeconds = seconds { for cell in few { _ = geometry.integerWitness(of: cell) } }
    func micro(_ seconds: Double, _ count: Int) -> String {
      let hundredths = Int((1e8 * seconds / Double(count)).rounded())
      return "\(Double(hundredths) / 100)"
    }
    let mean = Double(100 * facets / cells.count) / 100
    print(
      "\(name),\(enumeration.lineCount),\(enumeration.rank),\(cells.count),\(mean),"
        + "\(micro(patternSeconds, step)),\(micro(facetSeconds, cells.count)),"
        + "\(micro(witnessSeconds, cells.count)),\(micro(exactSeconds, few.count)),"
        + "\(exactFacets),\(exactWitnesses)")
  }

  private func seconds(_ body: () -> Void) -> Double {
    let time = ContinuousClock().measure(body)
    return Double(time.components.seconds) + 1e-18 * Double(time.components.attoseconds)
  }
}
