/// Images in any of the formats, told apart by name and first bytes.
public enum ImageSource {
  /// Reads images, and their labels where the format holds them.
  ///
  /// A folder holds PNG files. Otherwise the name decides: `.npz`, `.npz:key`, `.npy`, `.csv`, `.bin`
  /// (CIFAR); other names are NPY, NPZ or IDX by their first bytes.
  ///
  /// - Parameter specification: A path, or `PATH.npz:key`.
  /// - Returns: The images in the shape and units of the file, their labels and the names of the
  ///   classes.
  /// - Throws: `FormatError`.
  public static func read(
    _ specification: String
  ) throws -> (images: ArrayFile, labels: [Int]?, classNames: [String]?) {
    if FileBytes.isFolder(specification) {
      let folder = try PNGFolder.read(specification)
      return (folder.images, folder.labels, folder.classNames)
    }
    if specification.lowercased().hasSuffix(".bin") {
      let batch = try CIFAR.read(specification)
      return (batch.images, batch.labels, nil)
    }
    return (try ArraySource.read(specification), nil, nil)
  }
}

/// Labels or targets in any of the formats that hold one array.
public enum LabelSource {
  /// Reads an IDX, NPY, NPZ or CSV file.
  ///
  /// - Parameter specification: A path, or `PATH.npz:key`.
  /// - Returns: The array; a table of one column has shape `[n]`.
  /// - Throws: `FormatError`.
  public static func read(_ specification: String) throws -> ArrayFile {
    let array = try ArraySource.read(specification)
    guard ArraySource.isCSV(specification), array.shape.last == 1 else { return array }
    return ArrayFile(
      shape: [array.elements.count], elements: array.elements, elementKind: array.elementKind)
  }
}

/// One array in a file, told apart by name and first bytes.
private enum ArraySource {
  static func isCSV(_ path: String) -> Bool { path.lowercased().hasSuffix(".csv") }

  static func read(_ specification: String) throws -> ArrayFile {
    if !FileBytes.exists(specification), let (path, key) = NPZ.split(specification) {
      return try NPZ.read(path, key: key)
    }
    let bytes = try FileBytes.read(specification)
    let name = specification.lowercased()
    if name.hasSuffix(".npy") || bytes.starts(with: NPYHeader.magic) {
      return try NPY.parse(bytes, path: specification)
    }
    if name.hasSuffix(".npz") || bytes.starts(with: [0x50, 0x4B, 3, 4]) {
      return try NPZ.parse(bytes, path: specification, key: nil)
    }
    if isCSV(specification) { return try CSV.parse(bytes, path: specification).array }
    return try IDX.parse(bytes, path: specification)
  }
}
