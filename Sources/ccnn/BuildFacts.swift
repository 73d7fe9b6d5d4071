import ConvexCNN

/// What this build is, for `--version` and for a call without arguments.
enum BuildFacts {
  /// Version, then compiler, machine, and whether several processes can work together.
  static var text: String {
    "\(Package.version)\nbuilt by \(compiler) for \(machine), \(configuration), \(processes)"
  }

  /// What a call without arguments says: how to train, certify and look.
  static let welcome = """
    ccnn \(Package.version): trains two-layer convolutional networks and says what is proven about them.

      ccnn train --dataset digits --filter 3x3 --pooling average:2x2 --output m.safetensors
      ccnn certify --model m.safetensors --dataset digits
      ccnn predict --model m.safetensors --dataset digits --output predictions.csv

    All commands: ccnn --help. One of them: ccnn help train.
    """

  private static var compiler: String {
    #if compiler(>=6.4)
      "Swift 6.4 or newer"
    #elseif compiler(>=6.3)
      "Swift 6.3"
    #else
      "Swift 6.2"
    #endif
  }

  private static var machine: String {
    #if os(Linux)
      let system = "Linux"
    #else
      let system = "macOS"
    #endif
    #if arch(x86_64)
      return "x86_64 \(system)"
    #elseif arch(arm64)
      return "arm64 \(system)"
    #else
      return system
    #endif
  }

  private static var configuration: String {
    #if DEBUG
      "debug"
    #else
      "release"
    #endif
  }

  private static var processes: String {
    #if MPI
      "with MPI"
    #else
      "one process (no MPI)"
    #endif
  }
}
