import ConvexCNN

extension TrainingResult {
  /// The result as a table whose last line is the claim.
  ///
  /// - Parameters:
  ///   - title: First line.
  ///   - data: The data in a few words.
  /// - Returns: The text, with a line break at its end.
  func table(title: String, data: String) -> String {
    var table = Table("\(title)   version \(version)")
    table.add("data", data)
    table.add("model", model.summary)
    table.add(
      "lambda",
      "\(digits(lambda.value, "%.6g")), lambdaMax \(digits(lambdaMax.value, "%.6g")) (\(lambdaMaxKind))"
    )
    if !model.activation.isPiecewiseLinear { table.add("penalty", regularizer) }
    table.add("objective", digits(objective.value))
    table.add("  loss", digits(loss.value))
    table.add("  regularization", digits(regularization.value))
    table.add("lower bound", "\(digits(lowerBound.value)) (\(bound), \(scope))")
    table.add("relative gap", digits(relativeGap.value, "%.3g"))
    if bound != "exact", let estimate = estimatedGap.value {
      let origin =
        model.solvesOverCells
        ? "by the solver over its cells, not certified" : "by ascent, not proven"
      table.add("estimated gap", "\(digits(estimate, "%.3g")) \(origin)")
    }
    if let budgetGap = budgetGap.value {
      table.add(
        "gap at the budget", "\(digits(budgetGap, "%.3g")) by the solver, over all cells")
    }
    if let gap = ownCellsGap.value, let count = ownCellCount.value {
      table.add(
        "own cells",
        "gap \(digits(gap, "%.3g")) to the best network over the network's own \(Int(count)) cells"
          + (gap <= 1e-6 ? ": a stationary point" : ""))
    }
    table.add("neurons", "\(neuronCount)")
    if model.activation.isPiecewiseLinear { table.add("cells", "\(cellCount)") }
    if let landscape = curvature.first {
      let eigenvalue = digits(landscape.smallestEigenvalue.value, "%.3g")
      table.add(
        "curvature",
        "smallest eigenvalue \(eigenvalue) over \(landscape.filterCount) filters, at least "
          + "\(landscape.positiveCount) of sign + and \(landscape.negativeCount) of sign - each")
      table.add("|R| / lambda", digits(landscape.residualNormOverLambda.value, "%.8g"))
      if let bound = landscape.suboptimality.value {
        table.add("by curvature", "at most \(digits(bound, "%.3g")) above the optimum")
      }
    }
    if let rank = momentRank.value { table.add("moment rank", "\(Int(rank))") }
    if trainAccuracy.value != nil { table.add("train accuracy", percent(trainAccuracy.value)) }
    if testAccuracy.value != nil { table.add("test accuracy", percent(testAccuracy.value)) }
    if testLoss.value != nil { table.add("test loss", digits(testLoss.value, "%.6g")) }
    if memoryLimit.value != nil || features.value ?? "dense" != "dense" {
      let peak = peakMemory.value.map { "; largest resident memory \(ByteCount(Int($0)))" } ?? ""
      let limit = memoryLimit.value.map { " within \(ByteCount(Int($0)))" } ?? ""
      table.add("features", (features.value ?? "none") + limit + peak)
    }
    table.add("status", "\(status): \(statusAdvice)")
    let parts = phases.map { "\($0.name) \(digits($0.seconds, "%.2f"))" }
    table.add("seconds", "\(digits(seconds.value, "%.2f")) (\(parts.joined(separator: ", ")))")
    return table.text(last: claim)
  }
}

extension TrainingConfiguration {
  /// Whether cells were all in the program that was solved.
  fileprivate var solvesOverCells: Bool { cells == .all || activation == .relu && samplesGates }

  /// The flags in a few words.
  var summary: String {
    var parts = [
      activation.rawValue, "filter \(filter.rawValue)", "pooling \(pooling)",
      "loss \(loss ?? "by labels")",
    ]
    if stride != 1 { parts.append("stride \(stride)") }
    if padding != "valid" { parts.append("padding \(padding)") }
    if bias { parts.append("bias") }
    if outputBias { parts.append("output bias") }
    if let filterRank { parts.append("filter rank \(filterRank)") }
    if samplesGates {
      parts.append("cells \(cells.rawValue)")
      if gates != .centered { parts.append("gates \(gates.rawValue)") }
      if let gateSamples { parts.append("gates from \(gateSamples) samples") }
    }
    if let solver { parts.append("solver \(solver.rawValue)") }
    if solver == .frankWolfe {
      parts.append("step \(frankWolfe.step.rawValue)")
      if let budget = frankWolfe.budget { parts.append("budget \(budget)") }
    }
    if standardize != .none { parts.append("standardize \(standardize.rawValue)") }
    return parts.joined(separator: ", ")
  }
}
