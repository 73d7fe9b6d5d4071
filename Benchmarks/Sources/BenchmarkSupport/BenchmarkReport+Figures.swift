package import Reports

extension BenchmarkReport {
  /// A chart for the results page, as a file of its own.
  package struct Figure {
    /// Group that it belongs to.
    package let group: String
    /// Name of the file.
    package let file: String
    /// The chart.
    package let chart: Chart
  }

  /// Times over the first of each sweep, so that all sweeps of a group share a chart.
  ///
  /// A group with more sweeps than a chart has colors has none.
  package var figures: [Figure] {
    groups.flatMap { group in
      let members = sweeps.filter { $0.group == group }
      return [
        Self.figure(group, members.filter { $0.limit != nil }, isPower: true),
        Self.figure(group, members.filter { $0.limit == nil }, isPower: false),
      ].compactMap(\.self)
    }
  }

  private static func figure(
    _ group: String, _ sweeps: [SweepResult], isPower: Bool
  ) -> Figure? {
    let series = sweeps.compactMap { sweep -> Chart.Series? in
      guard let first = sweep.points.first, first.seconds > 0, first.quantity > 0 else {
        return nil
      }
      return Chart.Series(
        sweep.name,
        sweep.points.map {
          Chart.Point(
            isPower ? $0.quantity / first.quantity : $0.quantity, $0.seconds / first.seconds)
        })
    }
    guard !series.isEmpty, series.count <= 8 else { return nil }
    return Figure(
      group: group, file: "scaling-\(group.lowercased())\(isPower ? "" : "-exponential").svg",
      chart: Chart(
        title: "\(heading(group)) against \(isPower ? "sizes" : "dimension or rank")",
        summary: sweeps.map { "\($0.name): \($0.law)" }.joined(separator: "; ") + ".",
        horizontal: Chart.Axis(
          isPower ? "size over the smallest" : "dimension or rank",
          scale: isPower ? .logarithmic : .linear),
        vertical: Chart.Axis("CPU time over the first", scale: .logarithmic), series: series))
  }
}
