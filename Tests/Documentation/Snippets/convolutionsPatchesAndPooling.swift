// Made by `make snippets` from Sources/Convolutions/Convolutions.docc/PatchesAndPooling.md: change it there.
import Convolutions
import Tensors

/// The Swift blocks of `Sources/Convolutions/Convolutions.docc/PatchesAndPooling.md`.
func convolutionsPatchesAndPooling() throws {
  let geometry = try PatchGeometry(imageHeight: 8, imageWidth: 8, filterHeight: 3, filterWidth: 3)
  print(geometry.patchesPerSample, "patches of", geometry.patchDimension, "entries")

  let signal = Tensor(shape: [1, 1, 1, 5], elements: [1, 2, 3, 4, 5])
  let pairs = try PatchGeometry(length: 5, filterLength: 2)
  let patches = try PatchSet(images: signal, geometry: pairs).patches
  for k in 0..<patches.rows { print(Array(patches.row(k))) }

  let map = try Pooling(parsing: "average:1x2").map(for: geometry)
  print(map.outputCount, "windows, weight of a position", Float(map.weights[0]))
  print("--- end of block ---")
}
