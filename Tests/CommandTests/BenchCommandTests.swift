import Foundation
import Testing

/// The tool builds and becomes the benchmark program; here swift and the program are scripts.
struct BenchCommandTests {
  /// Runs the tool with other sources and another PATH.
  private func run(
    _ arguments: [String], sources: String, path: String
  ) throws -> Tool.Output {
    let words = ["CCNN_SOURCES=\(sources)", "PATH=\(path)", Tool.path, "bench"] + arguments
    return try Tool.run(words, program: "/usr/bin/env")
  }

  private func script(_ text: String, _ folder: Folder, _ name: String) throws {
    let url = folder.url.appendingPathComponent(name)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data("#!/bin/sh\n\(text)\n".utf8).write(to: url)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: url.path)
  }

  /// A package that builds, with a program that prints its words and exits with 3.
  private func sources() throws -> Folder {
    let folder = try Folder()
    try script("", folder, "Benchmarks/Package.swift")
    try script("echo \"built: $@\"; exit ${BUILD_CODE:-0}", folder, "bin/swift")
    try script("echo \"ran: $@\"; exit 3", folder, "Benchmarks/.build/release/Scaling")
    return folder
  }

  @Test func flagsAndExitCodeAreHandedThrough() throws {
    let folder = try sources()
    defer { folder.remove() }
    let output = try run(
      ["--full", "--only", "pricing", "--json", "-", "--html", folder.path("b.html")],
      sources: folder.url.path, path: folder.path("bin") + ":/bin")
    #expect(output.code == 3)
    #expect(
      output.out == "ran: all --full --only pricing --json - --html \(folder.path("b.html"))\n")
    #expect(output.error.contains("-c release --product Scaling"))
    #expect(
      try run([], sources: folder.url.path, path: folder.path("bin") + ":/bin").out
        == "ran: all --quick\n")
  }

  @Test func whatIsMissingIsNamed() throws {
    let folder = try sources()
    defer { folder.remove() }
    let noSources = try run([], sources: folder.path("nowhere"), path: "/bin")
    #expect(noSources.code == 74)
    #expect(noSources.error.contains("Benchmarks/Package.swift"))
    let noSwift = try run([], sources: folder.url.path, path: folder.path("nowhere"))
    #expect(noSwift.code == 74)
    #expect(noSwift.error.contains("expected swift on the PATH, found none"))
    let both = try run(["--quick", "--full"], sources: folder.url.path, path: "/bin")
    #expect(both.code == 64)
    #expect(both.error.contains("--full: expected either --quick or --full, found both"))
    let lost = try run(
      ["--csv", folder.path("no/b.csv")], sources: folder.url.path, path: "/bin")
    #expect(lost.code == 74)
  }
}
