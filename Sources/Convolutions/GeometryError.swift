/// Data, shapes or options that a convolution cannot work with.
public struct GeometryError: Error, Equatable, CustomStringConvertible {
  /// What was wrong, with the numbers that a program may want to act on.
  public enum Reason: Equatable, Sendable {
    /// The filter, dilation included, does not fit within the image; all as `[height, width]`.
    case filterLargerThanImage(filter: [Int], image: [Int], dilation: [Int])
    /// A size, stride or count that must be positive is not.
    case nonPositive(what: String, value: Int)
    /// There are more pooling windows than outputs to share among them; both as `[rows, columns]`.
    case windowsDoNotFit(windows: [Int], outputs: [Int])
    /// An array has another shape than the geometry asks for; -1 stands for any extent.
    case shapeMismatch(expected: [Int], found: [Int])
    /// A text does not name a pooling.
    case unknownPooling(text: String)
    /// Single precision does not have a backend, or does not hold numbers.
    case noSinglePrecision(of: String, expected: String, found: String)
    /// FFTW wisdom could not be read from, or written to, a file.
    case wisdom(path: String, writing: Bool)
  }

  /// What was wrong.
  public let reason: Reason

  /// An error for a given reason.
  public init(_ reason: Reason) { self.reason = reason }

  /// The error of a filter that does not fit within the image.
  public static func filterLargerThanImage(
    filter: [Int], image: [Int], dilation: [Int] = [1, 1]
  ) -> GeometryError {
    GeometryError(.filterLargerThanImage(filter: filter, image: image, dilation: dilation))
  }

  /// The error of a size that is not positive.
  public static func nonPositive(what: String, value: Int) -> GeometryError {
    GeometryError(.nonPositive(what: what, value: value))
  }

  /// The error of a grid of windows finer than the grid of outputs.
  public static func windowsDoNotFit(windows: [Int], outputs: [Int]) -> GeometryError {
    GeometryError(.windowsDoNotFit(windows: windows, outputs: outputs))
  }

  /// The error of an array that has another shape than the geometry asks for.
  public static func shapeMismatch(expected: [Int], found: [Int]) -> GeometryError {
    GeometryError(.shapeMismatch(expected: expected, found: found))
  }

  /// The error of something that single precision does not have or hold.
  public static func noSinglePrecision(
    of what: String, expected: String, found: String
  ) -> GeometryError {
    GeometryError(.noSinglePrecision(of: what, expected: expected, found: found))
  }

  /// The error in words: where, what was expected, what was found, what to do.
  public var description: String {
    switch reason {
    case .filterLargerThanImage(let filter, let image, let dilation):
      """
      geometry: expected a filter within the image of \(Self.extent(image)), found a filter of \
      \(Self.extent(filter))\(dilation == [1, 1] ? "" : " with its dilation"). Use a smaller \
      filter\(dilation == [1, 1] ? "" : " or dilation").
      """
    case .nonPositive(let what, let value):
      "geometry: expected a positive \(what), found \(value). Use 1 or more."
    case .windowsDoNotFit(let windows, let outputs):
      """
      pooling: expected at most \(Self.extent(outputs)) windows, one per output, found \
      \(Self.extent(windows)). Use fewer windows.
      """
    case .shapeMismatch(let expected, let found):
      """
      convolution: expected an array of shape \(Self.shape(expected)), found \
      \(Self.shape(found)). Reshape the data or change the geometry.
      """
    case .unknownPooling(let text):
      """
      pooling: expected average, sum, max or none, the first three with windows if wanted \
      (average:2x2), found "\(text)". Use one of these forms.
      """
    case .noSinglePrecision(let what, let expected, let found):
      """
      convolution in single precision: expected \(what) \(expected), found \(found). Use double \
      precision.
      """
    case .wisdom(let path, let writing):
      """
      \(path): expected FFTW wisdom that can be \(writing ? "written" : "read"), found a file \
      that cannot. Check the path and its permissions.
      """
    }
  }

  private static func extent(_ sizes: [Int]) -> String {
    sizes.map { String($0) }.joined(separator: "x")
  }

  private static func shape(_ extents: [Int]) -> String {
    "[" + extents.map { $0 < 0 ? "any" : String($0) }.joined(separator: ", ") + "]"
  }
}
