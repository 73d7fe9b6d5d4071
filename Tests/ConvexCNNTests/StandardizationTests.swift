import ConvexCNN
import Testing

struct StandardizationTests {
  private func batch(_ count: Int) -> Tensor {
    var generator = SeededGenerator(seed: 3)
    let elements = (0..<count * 6).map { _ in 2 + 3 * generator.normal() }
    return Tensor(shape: [count, 1, 2, 3], elements: elements)
  }

  @Test func globalFitHasMeanZeroAndVarianceOne() throws {
    let images = batch(50)
    let result = try Standardization(fitting: .global, to: images).applied(to: images).elements
    let mean = result.reduce(0, +) / 300
    let variance = result.reduce(0) { $0 + $1 * $1 } / 300
    #expect(abs(mean) <= 1e-13)
    #expect(abs(variance - 1) <= 1e-12)
  }

  @Test func pixelFitStandardizesEachPixel() throws {
    let images = batch(50)
    let fit = Standardization(fitting: .pixel, to: images)
    let result = try fit.applied(to: images).elements
    for p in 0..<6 {
      let values = (0..<50).map { result[$0 * 6 + p] }
      let mean = values.reduce(0, +) / 50
      let variance = values.reduce(0) { $0 + $1 * $1 } / 50
      #expect(abs(mean) <= 1e-13)
      #expect(abs(variance - 1) <= 1e-12)
    }
    #expect(fit.mean.shape == [1, 2, 3])
  }

  @Test func constantPixelKeepsScaleOne() throws {
    var images = batch(7)
    for i in 0..<7 { images.elements[i * 6 + 4] = 0.1 }
    let fit = Standardization(fitting: .pixel, to: images)
    let result = try fit.applied(to: images)
    #expect(fit.scale.elements[4] == 1)
    let largest = (0..<7).map { abs(result.elements[$0 * 6 + 4]) }.max() ?? 1
    #expect(largest <= 1e-15)
  }

  @Test func noneChangesNothing() throws {
    let images = batch(3)
    let fit = Standardization(fitting: .none, to: images)
    #expect(try fit.applied(to: images) == images)
    #expect(fit == .identity)
  }
}
