import BenchmarkSupport
import CCeilings
import ConvexCNN
import Foundation
import Reports

/// `Scaling all`: every sweep, the threads, the floors, and the files that say what was found.
struct ScalingRun {
  let options: BenchmarkOptions

  /// Measures, prints, writes the files.
  ///
  /// - Returns: Whether every counter is within its threshold.
  func run() throws -> Bool {
    try options.checkFiles()
    let (start, load) = (Clocks.wall, Clocks.load)
    let sweeps = Sweeps.all.filter { wants($0.group) }
    let committed = try Thresholds(
      parsing: String(decoding: PackageResources.thresholds_csv, as: UTF8.self))
    let runner = SweepRunner(isQuick: options.isQuick, progress: show)
    let results = try sweeps.map { sweep in
      let result = try runner.run(sweep)
      show(String(format: "\n(%.0f s so far)", Clocks.wall - start))
      return result
    }
    let threads = wants("threads") ? try measureThreads() : []
    let floors =
      wants("floors") ? try Floors(isQuick: options.isQuick, progress: show).measure() : nil
    let report = BenchmarkReport(
      date: Date().formatted(.iso8601), isQuick: options.isQuick, machine: Self.machine,
      load: [load, Clocks.load], seconds: Clocks.wall - start, sweeps: results, threads: threads,
      ceilings: floors?.ceilings ?? [], floors: floors?.kernels ?? [],
      counters: committed.compare(results))
    show("\n## Summary\n\n" + (report.claims + [report.counterClaim]).joined(separator: "\n"))
    try write(report, committed)
    return report.counters.exceeded.isEmpty
  }

  /// How to make the results page again, from the package's folder.
  private var command: String {
    let only = options.groups.isEmpty ? "" : " --only \(options.groups.joined(separator: ","))"
    return "make bench BENCH_FLAGS='\(options.isQuick ? "--quick" : "--full")\(only) "
      + "--markdown Benchmarks/RESULTS.md --figures Benchmarks/figures'"
  }

  private func wants(_ group: String) -> Bool {
    options.groups.isEmpty || options.groups.contains(group)
  }

  private func write(_ report: BenchmarkReport, _ committed: Thresholds) throws {
    try BenchmarkOptions.write(report.csv(), to: options.csv)
    try BenchmarkOptions.write(try report.json(), to: options.json)
    try BenchmarkOptions.write(try report.html(), to: options.html)
    try BenchmarkOptions.write(
      report.markdown(command: command, figureFolder: options.figureFolder), to: options.markdown)
    if let folder = options.figures {
      for figure in report.figures {
        try BenchmarkOptions.write(try figure.chart.svg(), to: "\(folder)/\(figure.file)")
      }
    }
    // A run on another kind of processor raises thresholds; delete lines of the committed file to lower them.
    try BenchmarkOptions.write(
      Thresholds(measured: report.sweeps).merging(committed).text, to: options.thresholds)
  }

  private func measureThreads() throws -> [ThreadComparison.Result] {
    let counts = ThreadComparison.threadCounts(processors: Parallel.processorCount)
    return try ThreadWork.all(isQuick: options.isQuick).map { comparison in
      let result = try comparison.run(threads: counts, rounds: options.isQuick ? 3 : 5)
      let ratios = zip(counts, result.ratios).dropFirst().map {
        String(format: "%d threads: %.2f times", $0, $1)
      }
      show("\(comparison.name): \(ratios.joined(separator: ", "))")
      return result
    }
  }

  /// Prints at once, also where standard output is a file; to standard error where the JSON goes to standard output.
  private func show(_ text: String) {
    if options.json == "-" {
      FileHandle.standardError.write(Data("\(text)\n".utf8))
    } else {
      Self.show(text)
    }
  }

  /// Prints at once, also where standard output is a file.
  static func show(_ text: String) {
    print(text)
    fflush(nil)
  }

  private static var machine: BenchmarkReport.Machine {
    let process = ProcessInfo.processInfo
    return BenchmarkReport.Machine(
      processor: processorName, processorCount: Parallel.processorCount,
      memoryGigabytes: Double(process.physicalMemory) / 1e9,
      system: process.operatingSystemVersionString, compiler: compiler,
      openBLAS: String(cString: ceilings_openblas()).trimmingCharacters(in: .whitespaces),
      fftw: String(cString: ceilings_fftw()), package: "ConvexCNN \(Package.version)")
  }

  private static var processorName: String {
    #if os(Linux)
      let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?
        .split(separator: "\n")
      let name = lines?.first { $0.hasPrefix("model name") }?.split(separator: ":").last
      return name.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
    #else
      var size = 0
      sysctlbyname("machdep.cpu.brand_string", nil, &size, nil, 0)
      var name = [CChar](repeating: 0, count: max(size, 1))
      sysctlbyname("machdep.cpu.brand_string", &name, &size, nil, 0)
      return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    #endif
  }

  private static var compiler: String {
    #if compiler(>=6.4)
      "Swift 6.4 or newer"
    #elseif compiler(>=6.3)
      "Swift 6.3"
    #else
      "Swift 6.2"
    #endif
  }
}
