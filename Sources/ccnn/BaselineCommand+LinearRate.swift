import ConvexCNN

extension BaselineCommand {
  /// Trains a network with a smooth activation, whose linear rate is promised before the run or refused.
  func run(_ activation: SmoothActivation) throws {
    let configuration = try checkedConfiguration(activation)
    let inputs = try data.load(isSignal: configuration.filter.isSignal, seed: common.seed)
    let progress = Progress(isSilent: common.quiet, limit: common.maxSeconds)
    let trainer = common.interruptibleTrainer(configuration)
    let study = try interruptible(progress) {
      try trainer.linearRate(
        on: inputs, activation: activation, width: width, steps: epochs,
        learningRate: learningRate ?? 0.01
      ) { progress.show($0) }
    }
    progress.finishLine()
    if common.json != nil { try Outputs.write(try JSON.text(of: study), to: common.json) }
    if !common.quiet, common.json != "-" {
      print(study.table(data: data.describe(inputs)), terminator: "")
    }
    if requireRate, !study.isKept { throw Failure(code: 2, message: "baseline: \(study.claim)") }
  }

  private func checkedConfiguration(
    _ activation: SmoothActivation
  ) throws -> TrainingConfiguration {
    var problems = OptionProblems()
    data.check(&problems)
    common.check(&problems)
    var flags = model
    flags.activation = Activation.relu.rawValue
    let configuration = flags.configuration(data: data, seed: common.seed, &problems)
    let name = "--activation \(activation.rawValue)"
    if optimizer != .gd {
      problems.add(
        "--optimizer", value: optimizer.rawValue, expected: "gd with \(name)",
        advice: "The rate is that of gradient descent; give --optimizer gd.")
    }
    if width < 2 || width % 2 != 0 {
      problems.add(
        "--width", value: "\(width)", expected: "an even integer >= 2 with \(name)",
        advice: "Neurons start in pairs whose predictions cancel.")
    }
    if configuration.pooling.hasPrefix("max") {
      problems.add(
        "--pooling", value: configuration.pooling, expected: "average, sum or none with \(name)",
        advice: "Max pooling goes with --activation relu.")
    }
    problems.check("--epochs", epochs, atLeast: 1)
    problems.check("--learning-rate", learningRate, "a number > 0") { $0 > 0 }
    problems.exclude(name, "--lambda", given: model.lambda)
    problems.exclude(name, "--lambda-ratio", given: model.lambdaRatio)
    problems.exclude(name, "--batch-size", given: batchSize)
    problems.exclude(name, "--momentum", given: momentum)
    problems.exclude(name, "--gap", given: gap)
    problems.exclude(name, "--reference", given: reference)
    problems.exclude(name, "--chart", given: chart)
    problems.exclude(name, "--output", given: output)
    problems.exclude(name, "--trace", given: trace)
    problems.exclude(name, "--certify", given: certify ? true : nil)
    problems.exclude(name, "--curvature", given: curvature ? true : nil)
    problems.exclude(name, "--dropout", given: dropout > 0 ? dropout : nil)
    problems.exclude(name, "--seeds", given: seeds != 1 ? seeds : nil)
    flags.excludeCells(from: "baseline", &problems)
    try problems.throwIfAny()
    try Outputs.check([("--json", common.json)])
    return configuration
  }
}

extension LinearRateStudy {
  /// The run as a table whose last line is the claim.
  func table(data: String) -> String {
    var table = Table("ccnn baseline   version \(version)")
    table.add("data", data)
    table.add("model", "\(activation), filter \(model.filter.rawValue), pooling \(model.pooling)")
    table.add("width", "\(width), output weights fixed")
    table.add(
      "Jacobian",
      "singular values from \(digits(smallestSingularValue.value, "%.4g")) to "
        + "\(digits(largestSingularValue.value, "%.4g")), Lipschitz constant "
        + digits(lipschitzConstant.value, "%.4g"))
    table.add(
      "residual at start",
      "\(digits(residualNorm.value, "%.6g")); a rate is promised up to "
        + "\(digits(threshold.value, "%.4g")) (gradient flow: \(digits(flowThreshold.value, "%.4g")))"
    )
    table.add("step size", digits(stepSize.value, "%.6g"))
    table.add(
      "residual at end",
      "\(digits(finalResidualNorm.value, "%.6g")) after \(steps) steps, promised "
        + digits(promisedResidualNorm.value, "%.6g"))
    table.add(
      "distance",
      "\(digits(distance.value, "%.4g")), promised \(digits(distanceBound.value, "%.4g"))")
    table.add("loss", digits(loss.value))
    table.add("seconds", digits(seconds.value, "%.2f"))
    return table.text(last: claim)
  }
}
