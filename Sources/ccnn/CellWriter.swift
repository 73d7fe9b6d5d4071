import ConvexCNN

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Writes the cells of an enumeration to files or standard output, and goes on where it was stopped.
final class CellWriter {
  /// Where an interrupted run stood: complete tasks and the cells written by them.
  private struct Checkpoint: Codable {
    var fingerprint: String
    var tasks: Int
    var cells: UInt64
    var thin: UInt64
    var examined: UInt64

    /// Whether the numbers leave room to count on.
    var isSound: Bool { tasks >= 0 && max(cells, thin, examined) < 1 << 62 }
  }

  private let enumeration: CellEnumeration
  private let shard: EnumerationShard
  private let halfOnly: Bool
  private let expansion: RowExpansion
  private let rowCount: Int
  private let patterns: CellFile?
  private let witnesses: CellFile?
  private let facets: CellFile?
  private let filter: CellFilter
  private let request: CellRequest
  private let streams: Bool
  private let checkpoint: String?
  private var state: Checkpoint
  private var cellsWritten: UInt64
  private var thin: UInt64
  private var examined: UInt64
  private let interval: Double
  private var saved = Stopwatch()

  /// Cells written, both of each pair unless only halves are.
  var cellCount: UInt64 { halfOnly && filter.keepsAll ? 2 * cellsWritten : cellsWritten }
  /// Cells of the pairs looked at, whether they were kept or not.
  var examinedCount: UInt64 { examined }
  /// Cells whose witness could not be proven.
  var thinCount: UInt64 { thin }

  init(
    _ enumeration: CellEnumeration, shard: EnumerationShard, options: CellOutputOptions,
    filters: CellFilterOptions
  ) throws {
    self.enumeration = enumeration
    self.shard = shard
    halfOnly = options.half
    streams = options.stream
    checkpoint = options.checkpoint
    interval = options.checkpointSeconds ?? 5
    let essential = enumeration.arrangement.essential
    let expansion = RowExpansion(essential, linesOnly: options.lines)
    self.expansion = expansion
    rowCount = options.lines ? essential.lineCount : essential.lineOfRow.count
    filter = try filters.filter(essential)
    request = [
      options.witnesses == nil ? [] : .witness, filters.facets == nil ? [] : .facets,
    ]
    let fingerprint =
      "\(String(enumeration.fingerprint, radix: 16)) \(shard.index)/\(shard.count) "
      + "\(options.lines) \(halfOnly) \(options.output != nil) \(options.witnesses != nil) "
      + "\(filters.summary) \(filter.functional?.fingerprint ?? 0)"
    state = try Self.load(checkpoint, fingerprint)
    (cellsWritten, thin, examined) = (state.cells, state.thin, state.examined)
    let kept = state.cells
    patterns = try options.output.map {
      try CellFile($0, type: "|u1", columns: expansion.byteCount, keeping: kept)
    }
    witnesses = try options.witnesses.map {
      try CellFile(
        $0, type: "<f8", columns: enumeration.arrangement.patchDimension, keeping: kept)
    }
    facets = try filters.facets.map {
      try CellFile($0, type: "|u1", columns: expansion.byteCount, keeping: kept)
    }
  }

  private static func load(_ path: String?, _ fingerprint: String) throws -> Checkpoint {
    let fresh = Checkpoint(fingerprint: fingerprint, tasks: 0, cells: 0, thin: 0, examined: 0)
    guard let path, FileManager.default.fileExists(atPath: path) else { return fresh }
    let data = FileManager.default.contents(atPath: path) ?? Data()
    guard let state = try? JSONDecoder().decode(Checkpoint.self, from: data), state.isSound else {
      throw InputError(
        .data, "--checkpoint \(path)", expected: "a checkpoint of ccnn enumerate",
        found: "another file", advice: "Name another file, or remove it to start anew.")
    }
    guard state.fingerprint == fingerprint else {
      throw InputError(
        .data, "--checkpoint \(path)", expected: "a checkpoint of the same data and options",
        found: "another one", advice: "Use the same data and options, or remove it to start anew.")
    }
    return state
  }

  /// Writes all cells; `false` when the user asked to stop.
  func run(threads: Int, _ progress: EnumerationProgress) throws -> Bool {
    do {
      let isComplete =
        request.isEmpty && filter.keepsAll
        ? try enumeration.forEachBatch(
          threads: threads, shard: shard, startTask: state.tasks, taskFinished: finished
        ) { batch in
          try write(batch)
          examined += UInt64(2 * batch.count)
          progress.show(examined)
          return !Interruption.isRequested
        }
        : try enumeration.forEachCell(
          request, where: filter, halfOnly: halfOnly, threads: threads, shard: shard,
          startTask: state.tasks, taskFinished: finished,
          examined: { count in
            examined += UInt64(halfOnly ? 2 * count : count)
            progress.show(examined)
            return !Interruption.isRequested
          },
          {
            try write($0)
            return true
          })
      guard isComplete else {
        if checkpoint != nil { try save() } else { discard() }
        return false
      }
      // From here on nothing is written again if the run is stopped.
      try save()
      try patterns?.finish(rows: cellsWritten)
      try witnesses?.finish(rows: cellsWritten)
      try facets?.finish(rows: cellsWritten)
      if let checkpoint { try? FileManager.default.removeItem(atPath: checkpoint) }
      return true
    } catch {
      if checkpoint == nil { discard() }
      throw error
    }
  }

  private func finished(_ tasks: Int) throws {
    state.tasks = tasks
    (state.cells, state.thin, state.examined) = (cellsWritten, thin, examined)
    if saved.seconds >= interval { try save() }
  }

  private func discard() {
    patterns?.discard()
    witnesses?.discard()
    facets?.discard()
  }

  private func save() throws {
    guard let checkpoint else { return }
    saved = Stopwatch()
    try patterns?.flushToDisk()
    try witnesses?.flushToDisk()
    try facets?.flushToDisk()
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    try AtomicFile.write(Array(try encoder.encode(state)), to: checkpoint)
  }

  private func write(_ batch: CellBatch) throws {
    guard let start = batch.words.baseAddress else { return }
    let lineCount = enumeration.lineCount
    var bytes = [UInt8](repeating: 0, count: expansion.byteCount)
    for index in 0..<batch.count {
      let words = start + index * batch.wordsPerCell
      for isComplement in halfOnly ? [false] : [false, true] {
        bytes.withUnsafeMutableBufferPointer { buffer in
          guard let target = buffer.baseAddress else { return }
          expansion.write(
            words, lineCount: lineCount, isComplement: isComplement, into: target)
        }
        try writePattern(bytes)
      }
    }
  }

  private func writePattern(_ bytes: [UInt8]) throws {
    if let patterns { try bytes.withUnsafeBytes { try patterns.append($0) } }
    if streams { try RowExpansion.stream(bytes, rowCount: rowCount) }
    cellsWritten += 1
  }

  private func write(_ details: CellDetails) throws {
    if patterns != nil || streams {
      try writePattern(expansion.bytes(of: details.pattern))
    } else {
      cellsWritten += 1
    }
    if let witnesses {
      if details.cell == nil { thin += 1 }
      let length = enumeration.arrangement.patchDimension
      let witness = details.cell?.witness ?? [Double](repeating: .nan, count: length)
      try witness.withUnsafeBytes { try witnesses.append($0) }
    }
    if let facets {
      let bytes = expansion.members(details.facets ?? [])
      try bytes.withUnsafeBytes { try facets.append($0) }
    }
  }
}
