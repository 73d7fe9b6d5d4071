import Convolutions
import Tensors
import TestSupport
import Testing

@Suite struct PatchGeometryTests {
  @Test func validPaddingCountsWholeFilters() throws {
    let geometry = try PatchGeometry(
      channels: 3, imageHeight: 10, imageWidth: 9, filterHeight: 3, filterWidth: 2, stride: 2,
      dilation: 2, hasBias: true)
    let counts = [
      geometry.outputHeight, geometry.outputWidth, geometry.patchesPerSample,
      geometry.patchDimension,
    ]
    // Rows 0, 2, 4 (a span of 5 in 10); columns 0, 2, 4, 6 (a span of 3 in 9).
    #expect(counts == [3, 4, 12, 19])
  }

  @Test(arguments: [PatchGeometry.Padding.zero, .circular])
  func paddingWithStrideOneKeepsTheSize(padding: PatchGeometry.Padding) throws {
    for filter in 1...4 {
      let geometry = try PatchGeometry(
        imageHeight: 7, imageWidth: 8, filterHeight: filter, filterWidth: filter, dilation: 2,
        padding: padding)
      let size = [geometry.outputHeight, geometry.outputWidth]
      #expect(size == [7, 8])
    }
  }

  @Test(arguments: [PatchGeometry.Padding.zero, .circular])
  func paddingWithStrideRoundsUp(padding: PatchGeometry.Padding) throws {
    let geometry = try PatchGeometry(
      length: 10, filterLength: 3, stride: 3, padding: padding)
    #expect(geometry.outputWidth == 4)
  }

  @Test func signalsHaveHeightOneAndStrideAlongTheLength() throws {
    let geometry = try PatchGeometry(
      channels: 2, length: 21, filterLength: 5, stride: 2, dilation: 3)
    let rows = [
      geometry.imageHeight, geometry.filterHeight, geometry.strideRows, geometry.dilationRows,
      geometry.outputHeight,
    ]
    let columns = [
      geometry.imageWidth, geometry.filterWidth, geometry.strideColumns, geometry.dilationColumns,
      geometry.outputWidth, geometry.patchDimension,
    ]
    #expect(geometry.isSignal)
    #expect(rows == [1, 1, 1, 1, 1])
    #expect(columns == [21, 5, 2, 3, 5, 10])
  }

  @Test(arguments: PatchGeometry.Padding.allCases)
  func aFilterLargerThanTheImageIsRefused(padding: PatchGeometry.Padding) {
    let error = #expect(throws: GeometryError.self) {
      try PatchGeometry(
        imageHeight: 8, imageWidth: 8, filterHeight: 3, filterWidth: 4, dilation: 3,
        padding: padding)
    }
    let text = error?.description
    #expect(
      text
        == "geometry: expected a filter within the image of 8x8, found a filter of 7x10 with its "
        + "dilation. Use a smaller filter or dilation.")
  }

  @Test func sizesThatAreNotPositiveAreRefused() {
    let error = #expect(throws: GeometryError.self) {
      try PatchGeometry(
        imageHeight: 8, imageWidth: 8, filterHeight: 3, filterWidth: 3, stride: 0)
    }
    let text = error?.description
    #expect(text == "geometry: expected a positive stride, found 0. Use 1 or more.")
    let signal = #expect(throws: GeometryError.self) {
      try PatchGeometry(length: 8, filterLength: -1)
    }
    #expect(signal == .nonPositive(what: "filter length", value: -1))
  }

  @Test func imagesOfAnotherShapeAreRefused() throws {
    let geometry = try PatchGeometry(
      channels: 3, imageHeight: 8, imageWidth: 9, filterHeight: 3, filterWidth: 3)
    let images = Tensor(shape: [5, 3, 9, 8])
    let message =
      "convolution: expected an array of shape [any, 3, 8, 9], found [5, 3, 9, 8]. "
      + "Reshape the data or change the geometry."
    let set = #expect(throws: GeometryError.self) {
      try PatchSet(images: images, geometry: geometry)
    }
    let layer = #expect(throws: GeometryError.self) {
      try ConvolutionLayer(images: images, geometry: geometry)
    }
    let flat = #expect(throws: GeometryError.self) {
      try PatchSet(images: Tensor(shape: [5, 216]), geometry: geometry)
    }
    let texts = [set?.description, layer?.description]
    #expect(texts == [message, message])
    #expect(flat == .shapeMismatch(expected: [-1, 3, 8, 9], found: [5, 216]))
  }

  @Test func filtersAndCotangentsOfAnotherShapeAreRefused() throws {
    let geometry = try PatchGeometry(length: 8, filterLength: 3)
    let layer = try ConvolutionLayer(
      images: Tensor(shape: [2, 1, 1, 8]), geometry: geometry, backend: .im2col)
    let filters = #expect(throws: GeometryError.self) {
      try layer.responses(of: Matrix(rows: 2, columns: 4))
    }
    let cotangent = #expect(throws: GeometryError.self) {
      try layer.adjoint(Matrix(rows: 11, columns: 2))
    }
    var result = Matrix(rows: 12, columns: 3)
    let target = #expect(throws: GeometryError.self) {
      try layer.writeResponses(of: Matrix(rows: 2, columns: 3), into: &result)
    }
    #expect(target == .shapeMismatch(expected: [12, 2], found: [12, 3]))
    #expect(filters == .shapeMismatch(expected: [-1, 3], found: [2, 4]))
    #expect(cotangent == .shapeMismatch(expected: [12, -1], found: [11, 2]))
  }

  @Test(arguments: 0..<60)
  func extractionEqualsTheNaivePatches(seed: Int) throws {
    let random = try RandomCase(seed: UInt64(1000 + seed))
    let found = try PatchSet(images: random.images, geometry: random.geometry).patches
    let expected = NaiveConvolution(images: random.images, geometry: random.geometry).patches
    #expect(found == expected)
  }

  @Test(arguments: PatchGeometry.Padding.allCases)
  func largestStrideLeavesOnePatch(padding: PatchGeometry.Padding) throws {
    let geometry = try PatchGeometry(
      imageHeight: 5, imageWidth: 4, filterHeight: 2, filterWidth: 2, stride: .max,
      padding: padding)
    #expect(geometry.patchesPerSample == 1)
  }

  @Test(arguments: [Int.max, Int.max - 1, Int.max / 2 + 1])
  func absurdDilationDoesNotFit(dilation: Int) {
    #expect(throws: GeometryError.self) {
      try PatchGeometry(length: 9, filterLength: 3, dilation: dilation)
    }
    #expect(throws: GeometryError.self) {
      try PatchGeometry(length: 9, filterLength: 2, dilation: dilation)
    }
  }

  @Test func aLargeFilterWithoutDilationIsNotAskedForLess() {
    let error = #expect(throws: GeometryError.self) {
      try PatchGeometry(imageHeight: 6, imageWidth: 6, filterHeight: 7, filterWidth: 7)
    }
    let text = error?.description
    #expect(
      text
        == "geometry: expected a filter within the image of 6x6, found a filter of 7x7. Use a "
        + "smaller filter.")
  }

  @Test func geometriesReadInWords() throws {
    let images = try PatchGeometry(
      imageHeight: 6, imageWidth: 8, filterHeight: 2, filterWidth: 3, hasBias: true)
    #expect(images.words == "images 1 x 6 x 8, filter 2x3, stride 1, padding valid, bias")
    let signals = try PatchGeometry(
      channels: 2, length: 21, filterLength: 5, stride: 2, dilation: 3, padding: .circular)
    #expect(
      signals.words == "signals 2 x 21, filter 5, stride 2, dilation 3, padding circular")
  }
}
