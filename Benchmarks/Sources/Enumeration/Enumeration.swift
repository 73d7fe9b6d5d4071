import Arrangements
import ConvexCNN
import Foundation
import Tensors

/// Speed and memory of exact enumeration and counting: `Enumeration table|cases|families|counting|`
/// `twin|threads|all [--quick]`, or `Enumeration one NAME [threads] [repetitions]` for one listing.
@main
enum Enumeration {
  static func main() throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    let isQuick = arguments.contains("--quick")
    let names = arguments.filter { $0 != "--quick" }
    let parts = ["table", "cases", "families", "counting", "twin", "threads"]
    switch names.first {
    case "one" where names.count > 1:
      guard let instance = try Instance(names[1]) else { return usage() }
      let numbers = names.dropFirst(2).compactMap { Int($0) } + [1, 1]
      let run = try ListingRun(instance, threads: numbers[0], repetitions: numbers[1])
      print(String(decoding: try JSONEncoder().encode(run), as: UTF8.self))
    case "all" where names.count == 1:
      for part in parts { try Report(isQuick: isQuick).write(part) }
    case let part? where parts.contains(part) && names.count == 1:
      try Report(isQuick: isQuick).write(part)
    default: usage()
    }
  }

  private static func usage() {
    print("usage: Enumeration table|cases|families|counting|twin|threads|all [--quick]")
    print("       Enumeration one gaussian-1000-4|digits-2x2-20|braid-10 [threads] [repetitions]")
  }
}
