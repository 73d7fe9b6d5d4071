// Made by `make snippets` from Sources/Formats/Formats.docc/DataFiles.md: change it there.
import Formats
import Foundation
import Tensors

/// The Swift blocks of `Sources/Formats/Formats.docc/DataFiles.md`.
func formatsDataFiles() throws {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
    "formats-\(ProcessInfo.processInfo.processIdentifier)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  let path = folder.appendingPathComponent("values.npy").path
  let values = Matrix([[1, 0.1], [-2.5, 1e-300]])
  try NPY.write(values, to: path)
  let file = try NPY.read(path)
  print(file.shape, file.elementKind, file.elements == values.elements)
  try FileManager.default.removeItem(at: folder)
  print("--- end of block ---")
}
