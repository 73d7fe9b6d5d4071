import Foundation
import Reports
import Testing

struct PictureTests {
  /// The PNG of one opaque pixel, chunk by chunk, by the PNG specification (checksums by Python's zlib 3.11).
  @Test func onePixelIsThisFile() {
    let picture = Picture(brightness: [0x80], width: 1, height: 1)
    let expected: [UInt8] =
      [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
      + [0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52, 0, 0, 0, 1, 0, 0, 0, 1, 8, 6, 0, 0, 0]
      + [0x1F, 0x15, 0xC4, 0x89]
      + [0, 0, 0, 16, 0x49, 0x44, 0x41, 0x54, 0x78, 0x01, 1, 5, 0, 0xFA, 0xFF]
      + [0, 0x80, 0x80, 0x80, 0xFF, 0x05, 0x84, 0x02, 0x80]
      + [0x14, 0x21, 0x79, 0xF5]
      + [0, 0, 0, 0, 0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82]
    #expect(picture.png == expected)
    #expect(
      picture.dataAddress == "data:image/png;base64," + Data(expected).base64EncodedString())
  }

  @Test func signsHaveColorsAndZeroIsThePaper() {
    let picture = Picture(signed: [2, -1, 0, -8], width: 4, height: 1, scale: 2)
    let alpha = stride(from: 3, to: 16, by: 4).map { picture.bytes[$0] }
    #expect(alpha == [255, 128, 0, 255])
    #expect(picture.bytes[0] > picture.bytes[2])
    #expect(picture.bytes[4] < picture.bytes[6])
    let nothing = Picture(signed: [0, 0], width: 2, height: 1, scale: 0)
    #expect(nothing.bytes[3] == 0 && nothing.bytes[7] == 0)
  }

  @Test func planesBecomePixels() {
    let picture = Picture(brightness: [1, 2, 3, 4, 5, 6], width: 2, height: 1)
    #expect(picture.bytes == [1, 3, 5, 255, 2, 4, 6, 255])
  }

  @Test func picturesAreMagnifiedAndJoined() {
    let left = Picture(brightness: [1, 2], width: 1, height: 2)
    let right = Picture(brightness: [3, 4], width: 1, height: 2)
    let both = Picture.joined([left, right], gap: 1)
    func reds(_ picture: Picture) -> [UInt8] {
      stride(from: 0, to: picture.bytes.count, by: 4).map { picture.bytes[$0] }
    }
    #expect(both.width == 3 && both.height == 2)
    #expect(reds(both) == [1, 128, 3, 2, 128, 4])
    let large = right.magnified(by: 2)
    #expect(large.width == 2 && large.height == 4)
    #expect(reds(large) == [3, 3, 3, 3, 4, 4, 4, 4])
    #expect(Picture.joined([left], gap: 5) == left)
    #expect(left.magnified(by: 1) == left)
  }

  /// Bars stand on the middle: up for positive numbers, down for negative ones, as long as the largest allows.
  @Test func signalsBecomeBars() {
    let picture = Picture(bars: [1, -0.5, 0])
    func isFilled(_ row: Int, _ bar: Int) -> Bool {
      picture.bytes[4 * (row * picture.width + 4 * bar) + 3] == 255
    }
    let lengths = (0..<3).map { bar in (0..<picture.height).count { isFilled($0, bar) } }
    #expect(lengths == [24, 12, 1])
    #expect(isFilled(0, 0) && !isFilled(24, 0))
    #expect(isFilled(24, 1) && !isFilled(23, 1))
    // Products with the largest numbers would overflow.
    #expect(Picture(bars: [1e308, -5e307, 0]).bytes == picture.bytes)
  }

  /// Pictures of more than 65,535 bytes take several blocks; the file tells its own size.
  @Test func largePicturesAreWhole() {
    let picture = Picture(
      brightness: [UInt8](repeating: 7, count: 200 * 200), width: 200, height: 200)
    let bytes = 200 * (1 + 4 * 200)
    let blocks = (bytes + 65_534) / 65_535
    #expect(picture.png.count == 8 + 25 + 12 + 12 + 2 + 5 * blocks + bytes + 4)
  }
}
