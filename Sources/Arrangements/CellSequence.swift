import Tensors

/// Some cells of an enumeration, packed.
public struct CellBatch {
  /// The patterns over the lines, `wordsPerCell` words each, one of each antipodal pair.
  ///
  /// Bit `r % 64` of word `r / 64` belongs to line `r`. Valid only during the call.
  public let words: UnsafeBufferPointer<UInt64>
  /// Words of a pattern.
  public let wordsPerCell: Int
  /// Number of lines.
  public let lineCount: Int

  /// Number of half cells.
  public var count: Int { words.count / wordsPerCell }

  /// One pattern.
  ///
  /// - Precondition: `0 <= index < count`.
  public subscript(index: Int) -> ActivationPattern {
    precondition(index >= 0 && index < count, "CellBatch: cell \(index) of \(count)")
    return ActivationPattern(
      bits: Array(words[index * wordsPerCell..<(index + 1) * wordsPerCell]), count: lineCount)
  }
}

/// One pattern of every antipodal pair of cells, in the order of the sweep.
///
/// Cells are found as they are asked for, so a loop may stop early; memory does not grow.
public struct CellSequence: Sequence, Sendable {
  let plan: SweepPlan

  /// An iterator at the first cell.
  public func makeIterator() -> Iterator { Iterator(plan) }

  /// Goes through the cells one after another.
  public struct Iterator: IteratorProtocol {
    private let cursor: SweepCursor
    private let tasks: [SweepTask]
    private var task = 0
    private var place = 0
    private var isWorking = false

    fileprivate init(_ plan: SweepPlan) {
      cursor = SweepCursor(plan, bufferWords: 1 << 12)
      tasks = SweepTask.all(plan)
    }

    /// The next cell's pattern over the lines; nil after the last.
    ///
    /// - Precondition: The flag is generic, which fails with probability below `2^-30`.
    public mutating func next() -> ActivationPattern? {
      while place == cursor.bufferedCount {
        cursor.clearBuffer()
        place = 0
        while !cursor.needsRoom {
          if isWorking {
            isWorking = cursor.step()
          } else {
            guard task < tasks.count else { break }
            cursor.begin(tasks[task])
            task += 1
            isWorking = true
          }
        }
        precondition(!cursor.isDefective, "cells: the flag is not generic; choose another seed")
        if cursor.bufferedCount == 0 { return nil }
      }
      let words = cursor.plan.words
      let start = cursor.buffer + place * words
      place += 1
      return ActivationPattern(
        bits: Array(UnsafeBufferPointer(start: start, count: words)),
        count: cursor.plan.lineCount)
    }
  }
}

extension CellEnumeration {
  /// One pattern over the lines of every antipodal pair of cells.
  ///
  /// The complement of each is the other cell of its pair.
  public var cells: CellSequence { CellSequence(plan: plan) }
}

/// Every cell of an arrangement, one after the other of each antipodal pair.
///
/// Cells are found as they are asked for, so a loop may stop early; memory does not grow.
public struct AllCells: Sequence, Sendable {
  let half: CellSequence

  /// An iterator at the first cell.
  public func makeIterator() -> Iterator { Iterator(half: half.makeIterator()) }

  /// Goes through the cells one after another.
  public struct Iterator: IteratorProtocol {
    fileprivate var half: CellSequence.Iterator
    private var opposite: ActivationPattern?

    fileprivate init(half: CellSequence.Iterator) { self.half = half }

    /// The next cell's pattern over the lines; nil after the last.
    public mutating func next() -> ActivationPattern? {
      if let pattern = opposite {
        opposite = nil
        return pattern
      }
      let pattern = half.next()
      opposite = pattern?.complement
      return pattern
    }
  }
}

extension CentralArrangement {
  /// The patterns over the lines of all cells, each once, by `for cell in try arrangement.cells`.
  ///
  /// The two of an antipodal pair come one after the other. `CellEnumeration` offers one of each pair,
  /// batches, threads and shards; `CellGeometry` facets, neighbors and witnesses.
  ///
  /// - Throws: `ArrangementError` of kind `rankTooLarge` when the rank exceeds
  ///   `CellEnumeration.maximumRank`.
  /// - Complexity: O(`lines * rank^2`) memory, whatever the number of cells.
  /// - Accuracy: Exact (`CellSequenceTests`).
  public var cells: AllCells {
    get throws { AllCells(half: try CellEnumeration(self).cells) }
  }
}
