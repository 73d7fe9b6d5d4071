// Made by `make snippets` from Sources/Convolutions/Convolutions.docc/CircularConvolutions.md: change it there.
import Convolutions
import Tensors

/// The Swift blocks of `Sources/Convolutions/Convolutions.docc/CircularConvolutions.md`.
func convolutionsCircularConvolutions() throws {
  let spectrum = CircularSpectrum(rows: 1, columns: 6)
  print(spectrum.frequencyCount, "frequencies stand for", spectrum.multiplicities)
  let plane = Matrix(rows: 1, columns: 6, elements: [1, 2, 3, 4, 5, 6])
  let back = spectrum.planes(of: spectrum.transformed(plane))
  print(back.elements.map { Float($0) })
  print("--- end of block ---")
}
