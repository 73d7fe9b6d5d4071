import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// One turn around the circle of filters of two entries, in parts of 4096 arcs.
struct PlanarSweep {
  /// A term whose winning row changes at an angle; -1 is no row.
  private struct Event {
    let angle: Double
    let term: Int32
    let leaving: Int32
    let entering: Int32
  }

  private let correlation: PooledCorrelation
  private var events: [Event] = []
  private var map: CompensatedMap
  private var place = 0
  private var angle = 0.0
  private var direction = (1.0, 0.0)
  /// Whether the turn is complete.
  private(set) var isDone = false

  private static let turn = 2 * Double.pi

  init(_ correlation: PooledCorrelation) {
    self.correlation = correlation
    map = CompensatedMap(correlation.linear.elements, columns: 2)
    for t in 0..<correlation.termCount {
      let starts = correlation.terms.starts
      let winner =
        starts[t + 1] - starts[t] == 1
        ? enterLine(Int32(t), row: starts[t])
        : enterMaximum(Int32(t), rows: starts[t]..<starts[t + 1])
      if winner >= 0 { update(Int32(t), winner, sign: 1) }
    }
    events.sort { ($0.angle, $0.term, $0.entering) < ($1.angle, $1.term, $1.entering) }
  }

  /// The next arcs, `nil` after the last.
  mutating func next() -> AngularSweepRun.Part? {
    guard !isDone else { return nil }
    var part = AngularSweepRun.Part()
    var best: [AngularSweepRun.Candidate] = []
    while part.arcCount < 4096 {
      let end = place < events.count ? events[place].angle : Self.turn
      let next = place < events.count ? (cos(end), sin(end)) : (1.0, 0.0)
      measure(to: end, next, &part, &best)
      (angle, direction) = (end, next)
      guard place < events.count else {
        isDone = true
        break
      }
      let event = events[place]
      if event.leaving >= 0 { update(event.term, event.leaving, sign: -1) }
      if event.entering >= 0 { update(event.term, event.entering, sign: 1) }
      place += 1
    }
    part.candidates = best
    return part
  }

  private mutating func update(_ term: Int32, _ row: Int32, sign: Double) {
    let c = correlation.outputCount
    let offset = Int(correlation.terms.windows[Int(term)]) * c
    correlation.terms.rows.elements.withUnsafeBufferPointer { rows in
      guard let rows = rows.baseAddress else { return }
      for j in 0..<c {
        let b = correlation.coefficients.elements[Int(term) * c + j]
        map.add(to: offset + j, sign * b, rows, at: 2 * Int(row))
      }
    }
  }

  /// Notes the maximum on the arc from the present angle.
  private func measure(
    to end: Double, _ last: (Double, Double), _ part: inout AngularSweepRun.Part,
    _ best: inout [AngularSweepRun.Candidate]
  ) {
    part.arcCount += 1
    var (first, mixed, second, atStart, atEnd) = (0.0, 0.0, 0.0, 0.0, 0.0)
    for entry in 0..<correlation.entryCount {
      let (f, s) = (map[2 * entry], map[2 * entry + 1])
      first += f * f
      mixed += f * s
      second += s * s
      let (a, b) = (f * direction.0 + s * direction.1, f * last.0 + s * last.1)
      atStart += a * a
      atEnd += b * b
    }
    let maximum = ArcMaximum(first, mixed, second)
    if let peak = maximum.peak(from: angle, to: end) {
      part.bound = max(part.bound, peak.length)
      keep([cos(peak.angle), sin(peak.angle)], peak.length, &best)
    }
    let (start, stop) = (atStart.squareRoot(), atEnd.squareRoot())
    part.bound = max(part.bound, start, stop)
    // The other end is the start of the next arc.
    keep([direction.0, direction.1], start, &best)
  }

  /// Keeps the best of each of the neighborhoods passed, in order of angle.
  private func keep(
    _ filter: [Double], _ norm: Double, _ best: inout [AngularSweepRun.Candidate]
  ) {
    if let last = best.last,
      last.filter[0] * filter[0] + last.filter[1] * filter[1] > 0.999
    {
      if norm > last.norm { best[best.count - 1] = .init(filter: filter, norm: norm) }
      return
    }
    best.append(.init(filter: filter, norm: norm))
  }

  // MARK: - Events

  private static func reduced(_ angle: Double) -> Double {
    let result = angle < 0 ? angle + turn : angle >= turn ? angle - turn : angle
    return min(max(result, 0), turn)
  }

  /// The two events of a single row; the row when it is active at first, else -1.
  private mutating func enterLine(_ term: Int32, row: Int32) -> Int32 {
    let normal = correlation.terms.rows.row(Int(row))
    let angle = atan2(normal[normal.startIndex + 1], normal[normal.startIndex])
    let on = Self.reduced(angle - .pi / 2)
    let off = Self.reduced(angle + .pi / 2)
    events.append(Event(angle: on, term: term, leaving: -1, entering: row))
    events.append(Event(angle: off, term: term, leaving: row, entering: -1))
    return on > off ? row : -1
  }

  /// The events of a maximum over several rows and zero; the winner at first.
  ///
  /// Between neighboring zeros of rows and of their differences the winner is that at the middle. Where
  /// two values are too near to tell there, they are near on all of the interval, as a difference
  /// keeps its sign on it.
  private mutating func enterMaximum(_ term: Int32, rows: Range<Int32>) -> Int32 {
    let vectors = rows.map { Array(correlation.terms.rows.row(Int($0))) }
    var angles = [0.0]
    for (k, x) in vectors.enumerated() {
      for y in [[0.0, 0.0]] + vectors[..<k] where x != y {
        let angle = atan2(x[1] - y[1], x[0] - y[0])
        angles += [Self.reduced(angle - .pi / 2), Self.reduced(angle + .pi / 2)]
      }
    }
    angles.sort()
    angles.append(Self.turn)
    var (first, present) = (Int32(-1), Int32(-2))
    for (start, end) in zip(angles, angles.dropFirst()) where end > start {
      let middle = (start + end) / 2
      let (c, s) = (cos(middle), sin(middle))
      var (winner, most) = (Int32(-1), 0.0)
      for (k, x) in vectors.enumerated() where x[0] * c + x[1] * s > most {
        (winner, most) = (rows.lowerBound + Int32(k), x[0] * c + x[1] * s)
      }
      if present == -2 {
        first = winner
      } else if winner != present {
        events.append(Event(angle: start, term: term, leaving: present, entering: winner))
      }
      present = winner
    }
    return first
  }
}
