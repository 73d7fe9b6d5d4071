import ConvexCNN
import Reports

extension PathStudy {
  /// Loss, penalty, neurons, proven gap and held-out loss against the strength, on logarithmic axes.
  ///
  /// Zeros are left out; gaps below 1e-12 are drawn there.
  var chart: Chart {
    func series(_ name: String, _ value: (Point) -> Double?) -> Chart.Series {
      Chart.Series(
        name,
        points.compactMap { point in
          guard let lambda = point.lambda.value, let y = value(point), y > 0 else { return nil }
          return Chart.Point(lambda, y)
        })
    }
    let all = [
      series("loss", \.loss.value), series("regularizer", \.regularizer.value),
      series("neurons") { Double($0.neuronCount) },
      series("relative gap") { $0.relativeGap.value.map { max($0, 1e-12) } },
      series("held-out loss", \.testLoss.value),
    ]
    let range =
      "\(digits(points.last?.lambda.value, "%.3g")) to \(digits(points.first?.lambda.value, "%.3g"))"
    return Chart(
      title: "Regularization path, \(points.count) strengths",
      summary:
        "\(model.summary): along lambda from \(range), towards the left the loss falls and the "
        + "regularizer and the number of neurons grow; \(points.count - openPoints.count) of "
        + "\(points.count) points have a proven gap of at most \(digits(gap, "%g")).",
      horizontal: Chart.Axis("lambda", scale: .logarithmic),
      vertical: Chart.Axis("value", scale: .logarithmic), series: all.filter { !$0.points.isEmpty })
  }

  /// The points as CSV; absent numbers are empty.
  var csv: String {
    func number(_ value: Finite) -> String { value.value.map { "\($0)" } ?? "" }
    let lines = points.enumerated().map { k, point in
      let validation = selection.flatMap { k < $0.losses.count ? "\($0.losses[k])" : nil } ?? ""
      return [
        number(point.lambda), number(point.objective), number(point.loss),
        number(point.regularizer), number(point.lowerBound), number(point.relativeGap),
        point.bound, point.provenBy, "\(point.neuronCount)", "\(point.rank)",
        "\(point.isContinuityGuaranteed)", number(point.trainAccuracy), number(point.testLoss),
        number(point.testAccuracy), validation, "\(point.work)", "\(point.searchedNodeCount)",
        point.status, point.file,
      ].joined(separator: ",")
    }
    let header =
      "lambda,objective,loss,regularizer,lowerBound,relativeGap,bound,provenBy,neuronCount,rank,"
      + "isContinuityGuaranteed,trainAccuracy,testLoss,testAccuracy,validationLoss,work,"
      + "searchedNodeCount,status,file"
    return ([header] + lines).joined(separator: "\n") + "\n"
  }

  /// The path as a table whose last line says what is proven.
  ///
  /// - Parameters:
  ///   - data: The data in a few words.
  ///   - asked: Number of points asked for, of which time may have left fewer.
  /// - Returns: The text, with a line break at its end.
  func table(data: String, asked: Int) -> String {
    var table = Table("ccnn path   version \(version)")
    table.add("data", data)
    table.add("model", model.summary)
    let bound = lambdaMaxUpperBound.value.map { ", proven at most \(digits($0, "%.6g"))" } ?? ""
    table.add("lambdaMax", digits(lambdaMax.value, "%.6g") + bound)
    table.add(
      line: "     lambda    objective         loss  regularizer      gap neurons  held-out")
    for point in points {
      let cells = [
        (digits(point.lambda.value, "%.5g"), 11), (digits(point.objective.value, "%.8f"), 13),
        (digits(point.loss.value, "%.8f"), 13), (digits(point.regularizer.value, "%.6g"), 13),
        (digits(point.relativeGap.value, "%.1e"), 9), ("\(point.neuronCount)", 8),
        (digits(point.testLoss.value, "%.5f"), 10),
      ]
      table.add(
        line: cells.map { String(repeating: " ", count: max(0, $1 - $0.count)) + $0 }.joined())
    }
    for point in breakpoints ?? [] {
      let range = "\(digits(point.lower, "%.6g")) to \(digits(point.upper, "%.6g"))"
      table.add(
        "breakpoint",
        "\(range): a neuron \(point.enters ? "enters" : "leaves"), mass \(digits(point.mass, "%.2g"))"
      )
    }
    if areBreakpointsComplete == false {
      table.add("breakpoints", "the search ended before all intervals were halved to the tolerance")
    }
    table.add(
      "monotone", checks.isMonotone ? "yes, within the gaps" : "no, at \(checks.violation ?? "")")
    let unique = points.count { $0.isContinuityGuaranteed }
    table.add("continuity", checks.continuity)
    table.add("  guaranteed", "parameters at \(unique) of \(points.count) points")
    if let ratio = checks.largestJumpRatio.value {
      table.add("  largest change", "\(digits(ratio, "%.3f")) of what is allowed")
    }
    if let selection {
      table.add(
        "selected",
        "lambda \(digits(selection.lambda, "%.6g")), point \(selection.chosen + 1), by "
          + "\(selection.kind), \(selection.rule); minimum is point \(selection.minimum + 1), one "
          + "standard error point \(selection.oneStandardError + 1)")
    }
    table.add("searches", "\(searchCount) over all cells, \(searchedNodeCount) cones or arcs")
    table.add("status", status)
    let parts = phases.map { "\($0.name) \(digits($0.seconds, "%.2f"))" }
    table.add("seconds", "\(digits(seconds.value, "%.2f")) (\(parts.joined(separator: ", ")))")
    return table.text(last: claim(asked: asked))
  }

  private func claim(asked: Int) -> String {
    let proven = points.count - openPoints.count
    let scope =
      switch model.activation {
      case .relu: "of the global optimum over all cells"
      case .gated: "of the best gated network over the cells given"
      case .linear: "of the best linear network"
      case .quadratic, .polynomial: "of the best \(model.activation.rawValue) network"
      }
    let count = points.count < asked ? "\(asked) points asked for" : "\(points.count) points"
    return "Proven at \(proven) of \(count): within \(digits(gap, "%g")) (relative) "
      + "\(model.filterRank == nil ? scope : "of the best network in the leading directions"), any width."
  }
}
