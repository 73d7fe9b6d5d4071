// Made by `make snippets` from Sources/Convolutions/Convolutions.docc/ThreeWaysToConvolve.md: change it there.
import Convolutions
import Tensors

/// The Swift blocks of `Sources/Convolutions/Convolutions.docc/ThreeWaysToConvolve.md`.
func convolutionsThreeWaysToConvolve() throws {
  var generator = SeededGenerator(seed: 1)
  let images = Tensor(
    shape: [2, 1, 6, 6], elements: (0..<72).map { _ in generator.normal() })
  let geometry = try PatchGeometry(
    imageHeight: 6, imageWidth: 6, filterHeight: 3, filterWidth: 3, padding: .zero)
  let filters = Matrix(rows: 4, columns: 9, elements: (0..<36).map { _ in generator.normal() })
  let results = try [ConvolutionBackend.direct, .im2col, .fft].map {
    try ConvolutionLayer(images: images, geometry: geometry, backend: $0).responses(of: filters)
  }
  let difference = zip(results[0].elements, results[2].elements).map { abs($0 - $1) }.max() ?? 0
  print(results[0].rows, "x", results[0].columns, "responses")
  print("direct and fft agree:", difference < 1e-12)
  print("--- end of block ---")

  let layer = try FloatConvolutionLayer(images: images, geometry: geometry)
  let rounded = try layer.responses(of: FloatMatrix(filters))
  let error = zip(rounded.elements, results[0].elements).map { abs(Double($0) - $1) }.max() ?? 1
  print("single precision errs by less than 1e-5:", error < 1e-5)
  print("--- end of block ---")
}
