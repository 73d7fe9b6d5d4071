import Tensors
import Testing

struct SampleSourceTests {
  private let images = Tensor(shape: [5, 1, 2, 3], elements: (0..<30).map(Double.init))

  @Test func batchesAreCutFromTheTensor() throws {
    let source = TensorSource(images)
    let whole = source.batch(0..<5)
    let part = source.batch(1..<3)
    #expect(whole == images)
    #expect(part == images.selecting([1, 2]))
    #expect(source.sampleSize == 6)
    #expect(source.residentBytes == 240)
    try source.requireReadable()
  }

  @Test func selectionsKeepTheirOrder() throws {
    let source = SelectedSource(TensorSource(images), indices: [3, 4, 0, 1, 1])
    let whole = source.batch(0..<5)
    let part = source.batch(1..<4)
    #expect(whole == images.selecting([3, 4, 0, 1, 1]))
    #expect(part == images.selecting([4, 0, 1]))
    #expect(source.residentBytes == 280)
  }
}
