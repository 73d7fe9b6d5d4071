import Arrangements
import BenchmarkSupport
import Foundation
import Tensors

/// One listing of all half cells of an instance, with every pattern written to memory, in a process
/// of its own so that its peak memory is its own.
struct ListingRun: Codable {
  var lines = 0
  var rank = 0
  var halfCells: UInt64 = 0
  /// Wall and processor seconds, of the fastest repetition, without reading and preparing the rows.
  var wall = Double.infinity
  var processor = Double.infinity
  /// Processor seconds of the busiest thread that handed over cells.
  var busiestThread = Double.infinity
  var peakMegabytes = 0.0

  /// Nanoseconds of processor time for each half cell.
  var nanoseconds: Double { 1e9 * processor / Double(halfCells) }

  /// Lists the cells of an instance in this process.
  init(_ instance: Instance, threads: Int, repetitions: Int) throws {
    let enumeration = try CellEnumeration(CentralArrangement(normals: instance.normals))
    (lines, rank) = (enumeration.lineCount, enumeration.rank)
    for _ in 0..<repetitions {
      var cells = 0
      var hash: UInt64 = 0
      // Processor time of each thread when it first and last handed over cells.
      var spent: [UInt: (first: Double, last: Double)] = [:]
      let (wall, processor) = (Clocks.wall, Clocks.processor)
      try enumeration.forEachBatch(threads: threads) { batch in
        cells += batch.count
        for i in stride(from: 0, to: batch.words.count, by: 512) { hash ^= batch.words[i] }
        let thread = UInt(bitPattern: pthread_self().hashValue)
        let now = Clocks.thread
        spent[thread] = (spent[thread]?.first ?? now, now)
        return true
      }
      self.wall = min(self.wall, Clocks.wall - wall)
      self.processor = min(self.processor, Clocks.processor - processor)
      let busiest = spent.values.map { $0.last - $0.first }.max() ?? 0
      busiestThread = min(busiestThread, busiest)
      halfCells = UInt64(cells)
    }
    peakMegabytes = Clocks.peakMegabytes
  }

  /// Lists the cells of a named instance in a new process.
  static func inNewProcess(
    _ name: String, threads: Int = 1, repetitions: Int = 1
  ) throws -> ListingRun {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
    process.arguments = ["one", name, "\(threads)", "\(repetitions)"]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return try JSONDecoder().decode(ListingRun.self, from: data)
  }
}
