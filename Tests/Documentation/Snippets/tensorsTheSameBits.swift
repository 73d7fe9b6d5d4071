// Made by `make snippets` from Sources/Tensors/Tensors.docc/TheSameBits.md: change it there.
import Tensors

/// The Swift blocks of `Sources/Tensors/Tensors.docc/TheSameBits.md`.
func tensorsTheSameBits() throws {
  var first = SeededGenerator(seed: 7)
  var second = SeededGenerator(seed: 7)
  let numbers = (0..<3).map { _ in first.integer(below: 100) }
  print(numbers == (0..<3).map { _ in second.integer(below: 100) })
  print(first.permutation(4).sorted())

  let values = (0..<1000).map { 1 / Double($0 + 1) }
  print("one order:", values.reduce(0, +) == values.reduce(0, +))
  print("the other:", values.reduce(0, +) == values.reversed().reduce(0, +))
  print("--- end of block ---")
}
