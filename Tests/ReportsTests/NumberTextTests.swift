import Foundation
import Reports
import Testing

struct NumberTextTests {
  @Test(arguments: [0, -0.0, 1, -12.345, 0.05, 1e-300, 6.02e23, 1.7e308, .infinity, -.infinity])
  func numbersAreWrittenAsFoundationWritesThem(value: Double) {
    for format in ["%.1f", "%g", "%.0e", "%.12f", "gap %.3g %%", "%10.2f|"] {
      #expect(String(value, format: format) == String(format: format, value))
    }
  }
}
