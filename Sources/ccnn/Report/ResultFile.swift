import ConvexCNN
import Reports

/// A result JSON of some command.
struct ResultFile {
  /// Which command wrote it, by its keys.
  enum Kind: String {
    case train, certify, path, baseline, evaluate, other

    /// What the result is called on the page.
    var title: String { self == .other ? "result" : rawValue }
  }

  /// Name on the page: the path as it was given.
  let name: String
  /// Which command wrote it.
  let kind: Kind
  /// The document.
  let root: ResultNode

  /// Reads a file.
  ///
  /// - Throws: `FormatError` when it cannot be read or is not JSON, `InputError` when it is not a result of this version.
  init(contentsOf path: String) throws {
    try self.init(try JSONValue(contentsOf: path), name: path)
  }

  /// A document that was read.
  init(_ document: JSONValue, name: String) throws {
    root = ResultNode(file: name, key: "", value: document)
    self.name = name
    guard case .object = document else { throw root.mismatch("a result of ccnn, an object") }
    let schema = try root.required("schema")
    guard try schema.number().value == Double(Package.schema) else {
      throw schema.mismatch("\(Package.schema), the layout that this version reads")
    }
    func has(_ names: String...) -> Bool { names.allSatisfy { document[$0] != nil } }
    if has("points", "checks") {
      kind = .path
    } else if has("optimizer", "runs") {
      kind = .baseline
    } else if has("confusion", "sampleCount") {
      kind = .evaluate
    } else if has("statusAdvice", "objective", "relativeGap") {
      kind = document["status"] == .string("certified") ? .certify : .train
    } else {
      kind = .other
    }
  }

  /// The part of the page about this file.
  func section() throws -> ReportPage.Section {
    var parts: [ReportPage.Section?]
    switch kind {
    case .train, .certify:
      parts = [
        try progress(), try network(), try predictions(), try dataCard(), try time(),
      ]
    case .path: parts = [try pathPoints(), try pathChanges(), try dataCard(), try time()]
    case .baseline: parts = [try runs(), try progress(), try dataCard()]
    case .evaluate: parts = [try evaluation()]
    case .other: parts = [try time()]
    }
    parts.append(try allNumbers())
    let sections = parts.compactMap { $0 }
    var blocks: [ReportPage.Block] = []
    if let claim = try claim() { blocks.append(.claim(claim)) }
    if let status = try root.text("status") {
      let advice = try root.text("statusAdvice").map { ": \($0)" } ?? ""
      blocks.append(.text("Status \(status)\(advice)."))
    }
    let facts = try facts()
    if !facts.isEmpty { blocks.append(.facts(facts)) }
    let missing = missingParts(sections.map(\.title))
    if !missing.isEmpty {
      blocks.append(
        .note("Not in this file, and left out: \(missing.joined(separator: ", ")).\(remedy)"))
    }
    return ReportPage.Section(
      "\(name) (\(kind.title))", blocks, sections: sections, file: name)
  }

  private var remedy: String {
    kind == .other ? "" : " ccnn \(kind.rawValue) --json of this version writes what it has."
  }

  /// Titles of parts that such a result may have and this one has not.
  private func missingParts(_ present: [String]) -> [String] {
    let possible: [String]
    switch kind {
    case .train: possible = ["Progress", "Network", "Predictions", "Data", "Time"]
    case .certify: possible = ["Network", "Predictions", "Data", "Time"]
    case .path: possible = ["Path", "Data", "Time"]
    case .baseline: possible = ["Runs", "Progress", "Data"]
    case .evaluate, .other: possible = []
    }
    return possible.filter { !present.contains($0) }.map { $0.lowercased() }
  }

  /// What is proven, in words.
  private func claim() throws -> String? {
    if let claim = try root.text("claim") { return claim }
    guard kind == .path, let points = try root.member("points")?.elements(),
      let gap = try root.number("gap")
    else { return nil }
    let proven = try points.count {
      (try $0.number("relativeGap")?.value ?? .infinity) <= gap.value
    }
    // What a bound covers is in the claim of its point.
    let last = try points.last?.text("claim").map { " The smallest strength: \($0)" } ?? ""
    let isShort = try root.text("status") == SolveStatus.timeLimit.rawValue
    return "A relative gap of at most \(gap.digits) is proven at \(proven) of \(points.count) "
      + "strengths\(isShort ? "; time did not allow all that were asked for" : "").\(last)"
  }

  /// The most important numbers.
  private func facts() throws -> [ReportPage.Fact] {
    let names = [
      ("objective", "Objective"), ("best", "Best objective"), ("median", "Median objective"),
      ("lowerBound", "Lower bound"), ("relativeGap", "Relative gap"),
      ("estimatedGap", "Estimated gap, not proven"), ("loss", "Loss"),
      ("lambda", "Lambda"), ("lambdaMax", "Lambda max"), ("neuronCount", "Neurons"),
      ("cellCount", "Cells"), ("neuronsBefore", "Neurons before"),
      ("neuronsAfter", "Neurons after"), ("searchCount", "Searches"),
      ("sampleCount", "Samples"), ("trainAccuracy", "Train accuracy"),
      ("testAccuracy", "Test accuracy"), ("accuracy", "Accuracy"), ("r2", "R2"),
      ("testLoss", "Test loss"), ("seconds", "Seconds"),
    ]
    return try names.compactMap { key, name in
      guard let node = try root.member(key), case .number = node.value else { return nil }
      let number = try node.number()
      let isShare = key.lowercased().hasSuffix("accuracy")
      return ReportPage.Fact(name, isShare ? number.percentCell : number.cell())
    }
  }
}
