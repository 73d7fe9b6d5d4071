import Foundation
import Tensors
import Testing

/// OpenBLAS runs kernels for this processor, even where it does not know its model.
struct ProcessorTests {
  /// Kernels of processors without AVX2, which OpenBLAS falls back to.
  private static let old = ["Prescott", "Nehalem", "Sandybridge"]

  @Test func wideInstructionsAreUsedWhereThereAreAny() throws {
    #expect(!BLAS.processorName.isEmpty)
    // A choice of the user stands; other systems have no such list.
    guard ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"] == nil,
      let facts = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
    else { return }
    let line = facts.split(separator: "\n").first { $0.hasPrefix("flags") } ?? ""
    let flags = Set(line.split(separator: " "))
    let isOld = Self.old.contains(BLAS.processorName)
    #expect(!isOld || !flags.isSuperset(of: ["avx2", "fma"]))
    // The choice leaves no trace that programs started from here would inherit.
    #expect(getenv("OPENBLAS_CORETYPE") == nil)
  }
}
