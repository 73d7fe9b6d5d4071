import Foundation

/// What one run of one program came to.
struct Outcome {
  /// Processor seconds; nil when the peer did not arrive.
  var seconds: Double?
  var megabytes: Double?
  var objective: Double?
  /// Certified relative gap.
  var gap: Double?
  var note = ""

  /// The JSON line of a peer, or why there is none.
  init(peer child: ChildProcess) {
    let line = child.output.split(separator: "\n").last.map { Data($0.utf8) } ?? Data()
    guard child.status == 0, let answer = Outcome.object(line) else {
      note =
        child.status == -24
        ? "stopped after \(Int(child.seconds)) CPU s" : "ended with status \(child.status)"
      return
    }
    if let missing = answer["missing"] as? String {
      note = missing
      return
    }
    seconds = Outcome.number(answer["seconds"])
    megabytes = Outcome.number(answer["megabytes"])
    objective = Outcome.number(answer["objective"])
    gap = Outcome.number(answer["gap"])
    note = answer["note"] as? String ?? ""
  }

  /// A run of ccnn whose result is in a JSON file.
  init(ccnn child: ChildProcess, result file: String) {
    let data = FileManager.default.contents(atPath: file) ?? Data()
    guard child.status == 0, let answer = Outcome.object(data) else {
      note = "ended with status \(child.status)"
      return
    }
    seconds = child.seconds
    megabytes = child.megabytes
    if let points = answer["points"] as? [[String: Any]] {
      objective = Outcome.number(points.last?["objective"])
      gap = points.compactMap { Outcome.number($0["relativeGap"]) }.max()
      note = "\(points.count) points"
    } else if let cells = Outcome.number(answer["cells"]) {
      objective = cells
      note = "\(Int(cells)) cells"
    } else {
      objective = Outcome.number(answer["objective"])
      gap = Outcome.number(answer["relativeGap"])
      note = "\(Int(Outcome.number(answer["neuronCount"]) ?? 0)) neurons"
    }
  }

  private static func object(_ data: Data) -> [String: Any]? {
    (try? JSONSerialization.jsonObject(with: data)) as? [String: Any]
  }

  private static func number(_ value: Any?) -> Double? { (value as? NSNumber)?.doubleValue }
}
