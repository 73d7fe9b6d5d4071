/// Data sets in folders: one sub-folder per class, with PNG files of one size.
public enum PNGFolder {
  /// Reads a data set.
  ///
  /// Classes are the sub-folders in order of their names, and the images of a class follow in order
  /// of theirs. Names that start with a dot, and files beside the sub-folders that are not PNG, are
  /// left out.
  ///
  /// - Parameter path: The folder.
  /// - Returns: Unsigned bytes of shape `[n, channels, height, width]`, `n` labels counted from 0, and
  ///   the names of the classes.
  /// - Throws: `FormatError`, also when an image differs in size or channels from the first.
  public static func read(
    _ path: String
  ) throws -> (images: ArrayFile, labels: [Int], classNames: [String]) {
    let (classNames, files) = try contents(path)
    var pixels: [Double] = []
    var first: PNGImage?
    for (file, _) in files {
      let image = try PNG.read(file)
      let model = first ?? image
      guard shape(image) == shape(model) else {
        throw FormatError(
          path: file, offset: 16, expected: "\(words(model)), as in \(files[0].path)",
          found: words(image), advice: "Give all images the same size and channels.")
      }
      if first == nil {
        first = image
        try FileBytes.requireMemory(forCount: image.bytes.count * files.count, path: path)
        pixels.reserveCapacity(image.bytes.count * files.count)
      }
      appendPlanes(of: image, to: &pixels)
    }
    let images = ArrayFile(
      shape: [files.count] + (first.map(shape) ?? []), elements: pixels,
      elementKind: .unsignedByte)
    return (images, files.map { $0.label }, classNames)
  }

  private static func shape(_ image: PNGImage) -> [Int] {
    [image.channels, image.height, image.width]
  }

  private static func words(_ image: PNGImage) -> String {
    "\(image.height) x \(image.width) pixels of \(image.channels) channel"
      + (image.channels == 1 ? "" : "s")
  }

  /// Appends the channels one after the other.
  private static func appendPlanes(of image: PNGImage, to pixels: inout [Double]) {
    for channel in 0..<image.channels {
      for index in stride(from: channel, to: image.bytes.count, by: image.channels) {
        pixels.append(Double(image.bytes[index]))
      }
    }
  }

  /// The classes of a folder and all its images, class by class.
  private static func contents(
    _ path: String
  ) throws -> (classNames: [String], files: [(path: String, label: Int)]) {
    let entries = try FileBytes.names(inFolder: path)
    let classNames = entries.filter { FileBytes.isFolder("\(path)/\($0)") }
    let stray = entries.first { isPNG($0) && !classNames.contains($0) }
    guard !classNames.isEmpty, stray == nil else {
      throw FormatError(
        path: path, expected: "one sub-folder per class",
        found: stray.map { "'\($0)'" } ?? "no sub-folder",
        advice: "Put the images of each class into a folder with its name.")
    }
    var files: [(path: String, label: Int)] = []
    for (label, className) in classNames.enumerated() {
      let folder = "\(path)/\(className)"
      let names = try FileBytes.names(inFolder: folder)
      guard !names.isEmpty, names.allSatisfy(isPNG) else {
        throw FormatError(
          path: folder, expected: "PNG files only",
          found: names.first { !isPNG($0) }.map { "'\($0)'" } ?? "an empty folder",
          advice: "Convert the images to PNG and remove everything else.")
      }
      files += names.map { ("\(folder)/\($0)", label) }
    }
    return (classNames, files)
  }

  private static func isPNG(_ name: String) -> Bool { name.lowercased().hasSuffix(".png") }
}
