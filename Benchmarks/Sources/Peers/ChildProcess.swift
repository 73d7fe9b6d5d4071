#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A program that ran to its end, with what it used and wrote.
struct ChildProcess {
  /// Exit code, or minus the signal that ended it.
  let status: Int32
  /// Seconds of the processor, in user mode and in the system.
  let seconds: Double
  /// Largest resident memory, at least that of this program when it started the child.
  let megabytes: Double
  /// What it wrote to standard output.
  let output: String

  /// Runs a program, its standard error going where ours goes.
  ///
  /// - Parameters:
  ///   - program: Path of the executable.
  ///   - arguments: Its arguments, without the name.
  ///   - environment: Variables that replace or join ours.
  /// - Returns: What `wait4` says of the child.
  /// - Throws: `PeersError` when it cannot be started.
  static func run(
    _ program: String, _ arguments: [String], environment: [String: String]
  ) throws -> ChildProcess {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw PeersError("pipe: no file descriptors left.") }
    let child = try spawn(program, arguments, environment: environment, writingTo: ends)
    close(ends[1])
    let output = everything(from: ends[0])
    close(ends[0])
    var status: Int32 = 0
    var usage = rusage()
    while wait4(child, &status, 0, &usage) < 0 && errno == EINTR {}
    let signal = status & 0x7f
    return ChildProcess(
      status: signal == 0 ? (status >> 8) & 0xff : -signal,
      seconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
      megabytes: Double(usage.ru_maxrss) * bytesOfUnit / 1_048_576, output: output)
  }

  private static func spawn(
    _ program: String, _ arguments: [String], environment: [String: String],
    writingTo ends: [Int32]
  ) throws -> pid_t {
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
    #else
      var actions = posix_spawn_file_actions_t()
    #endif
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    posix_spawn_file_actions_addclose(&actions, ends[0])
    posix_spawn_file_actions_addclose(&actions, ends[1])
    let variables = environment.map { "\($0.key)=\($0.value)" }
    let words = ([program] + arguments).map { strdup($0) } + [nil]
    let settings = variables.map { strdup($0) } + [nil]
    defer { for word in words + settings { free(word) } }
    var child = pid_t()
    let code = posix_spawnp(&child, program, &actions, nil, words, settings)
    guard code == 0 else {
      close(ends[0])
      close(ends[1])
      throw PeersError(
        "\(program): expected an executable, found: \(String(cString: strerror(code))).")
    }
    return child
  }

  private static func everything(from descriptor: Int32) -> String {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { break }
      bytes += buffer[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func seconds(_ time: timeval) -> Double {
    Double(time.tv_sec) + 1e-6 * Double(time.tv_usec)
  }

  #if canImport(Darwin)
    private static let bytesOfUnit = 1.0
  #else
    private static let bytesOfUnit = 1024.0
  #endif
}
