import ConvexCNN
import Reports

extension BaselineStudy {
  /// The proven gaps of all runs, one mark per seed.
  ///
  /// A gap of zero, or below what double precision shows, is drawn at 1e-12.
  var gapChart: Chart {
    let points = runs.compactMap { run in
      run.relativeGap.value.map { Chart.Point(Double(run.seed), max($0, 1e-12)) }
    }
    let gaps = points.map(\.y)
    let range = "\(digits(gaps.min(), "%.2g")) to \(digits(gaps.max(), "%.2g"))"
    return Chart(
      title: "Proven gap to the global optimum, \(optimizer), \(runs.count) seeds",
      summary:
        "\(model.summary), lambda \(digits(lambda.value, "%.6g")): relative gaps of \(range), "
        + "proven over \(scope ?? "no cells").",
      horizontal: Chart.Axis("seed"),
      vertical: Chart.Axis("relative gap", scale: .logarithmic),
      series: [Chart.Series("\(optimizer), width \(width)", points, style: .points)])
  }
}
