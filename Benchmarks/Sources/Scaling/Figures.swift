import Foundation
import Reports

/// Charts beside the tables, written to a folder when the command asks for them.
struct Figures {
  /// The folder, or nil for tables only.
  let folder: String?

  /// Writes `NAME.svg`.
  func write(_ chart: @autoclosure () -> Chart, name: String) throws {
    guard let folder else { return }
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true)
    let path = URL(fileURLWithPath: folder).appendingPathComponent("\(name).svg")
    try Data(chart().svg().utf8).write(to: path, options: .atomic)
    print("\nfigure: \(path.path)")
  }
}
