import Certificates
import Convolutions
import Tensors
import Testing

/// The certifier's own reading of geometry and pooling against the package's.
struct PatchReaderTests {
  private static let paddings = PatchGeometry.Padding.allCases

  @Test(arguments: paddings, 1...12)
  func patchesAgreeWithThePatchSet(padding: PatchGeometry.Padding, seed: Int) throws {
    var generator = SeededGenerator(seed: UInt64(seed))
    let (channels, height, width) = (
      1 + generator.integer(below: 3), 5 + generator.integer(below: 4),
      5 + generator.integer(below: 4)
    )
    let geometry = try PatchGeometry(
      channels: channels, imageHeight: height, imageWidth: width,
      filterHeight: 1 + generator.integer(below: 3), filterWidth: 1 + generator.integer(below: 3),
      stride: 1 + generator.integer(below: 3), dilation: 1 + generator.integer(below: 2),
      padding: padding, hasBias: seed % 2 == 0)
    let images = Tensor(
      shape: [3, channels, height, width],
      elements: (0..<3 * channels * height * width).map { _ in generator.normal() })
    let own = try PatchReader.rows(of: images, geometry: geometry)
    let other = try PatchSet(images: images, geometry: geometry).patches
    #expect(own == other)
  }

  @Test(arguments: ["sum", "average", "none", "sum:2x3", "average:3x2", "average:2x2"])
  func windowsAgreeWithThePoolingMap(text: String) throws {
    let geometry = try PatchGeometry(
      imageHeight: 8, imageWidth: 7, filterHeight: 2, filterWidth: 2)
    let pooling = try Pooling(parsing: text)
    let own = try PatchReader.windows(of: pooling, geometry: geometry)
    let other = try pooling.map(for: geometry).matrix
    #expect(own == .linear(other))
  }

  @Test func maximumWindowsListTheirPositions() throws {
    let geometry = try PatchGeometry(length: 6, filterLength: 2)
    let own = try PatchReader.windows(of: Pooling(parsing: "max:1x2"), geometry: geometry)
    #expect(own == .maximum([[0, 1], [2, 3, 4]]))
  }

  @Test func gridLargerThanThePositionsIsRefused() throws {
    let geometry = try PatchGeometry(length: 6, filterLength: 5)
    #expect(throws: CertificateError.self) {
      _ = try PatchReader.windows(of: Pooling(parsing: "sum:1x3"), geometry: geometry)
    }
  }
}
