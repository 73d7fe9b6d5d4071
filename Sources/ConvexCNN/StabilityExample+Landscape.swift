extension StabilityExample {
  /// The example as `ccnn landscape --example` shows examples: one named number for each entry of the rows.
  ///
  /// Where there are several rows, names begin with the first column and its value. Remarks end the setting.
  public var landscapeExample: LandscapeExample {
    let first = columns.first ?? ""
    let values = rows.flatMap { row -> [LandscapeExample.Value] in
      let pairs = zip(columns, row)
      guard rows.count > 1 else { return pairs.map { .init($0.0, $0.1.value) } }
      let start = row.first?.value.map { $0 == $0.rounded() ? "\(Int($0))" : "\($0)" } ?? ""
      return pairs.dropFirst().map { .init("\(first) = \(start): \($0.0)", $0.1.value) }
    }
    let sentences = ([title] + remarks).map { $0.hasSuffix(".") ? $0 : $0 + "." }
    return LandscapeExample(
      name: name.rawValue, setting: sentences.joined(separator: " "),
      values: values, claim: claim)
  }
}
