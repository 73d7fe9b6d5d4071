import CLibFuzzer

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

// Feeds a parser with files that libFuzzer makes: `Fuzz PARSER [flags and folders of libFuzzer]`; see `make fuzz`.

/// What is fed; set once before the first file.
nonisolated(unsafe) var parser: Parser?

/// The function that libFuzzer calls with every file.
@_cdecl("LLVMFuzzerTestOneInput")
func feed(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
  parser?.feed([UInt8](UnsafeBufferPointer(start: data, count: size)))
  return 0
}

let names = Parser.allCases.map(\.rawValue)
guard CommandLine.argc >= 2, let chosen = Parser(rawValue: CommandLine.arguments[1]) else {
  // `make fuzz` asks for the list.
  print(names.joined(separator: "\n"))
  exit(CommandLine.arguments.dropFirst().first == "list" ? 0 : 64)
}
parser = chosen

// libFuzzer sees the arguments without the name of the parser.
var arguments = CommandLine.unsafeArgv + 1
arguments[0] = CommandLine.unsafeArgv[0]
var count = CommandLine.argc - 1
withUnsafeMutablePointer(to: &arguments) { pointer in
  pointer.withMemoryRebound(
    to: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?.self, capacity: 1
  ) { argv in
    exit(LLVMFuzzerRunDriver(&count, argv, feed))
  }
}
