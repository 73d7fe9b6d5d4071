extension Certificate {
  /// The same network's certificate with the larger of two lower bounds.
  ///
  /// A lower bound speaks about every network of the class, so the bound that one network's gradient proves
  /// holds for all others on the same data, loss and strength. The dual norm stays the network's own.
  ///
  /// - Parameter other: Certificate of another network of the same architecture on the same data and loss.
  /// - Returns: This certificate when its own bound is at least as good, or is not about this network.
  /// - Precondition: Strength, scope and the output bias, or lack of one, are the same; that data and loss are is the caller's promise.
  package func sharingBound(of other: Certificate) -> Certificate {
    precondition(
      lambda == other.lambda && scope == other.scope && subject == other.subject
        && hasOutputBias == other.hasOutputBias,
      "Certificate: found bounds of two problems, lambda \(lambda) and \(other.lambda), "
        + "\(scope) and \(other.scope)")
    if case .outsideGivenCells = verdict { return self }
    guard other.lowerBound > lowerBound else { return self }
    let gap = max(0, objective - other.lowerBound)
    var result = Certificate(
      objective: objective, loss: loss, regularization: regularization,
      weightDecayObjective: weightDecayObjective, lowerBound: other.lowerBound,
      unrestrictedLowerBound: [unrestrictedLowerBound, other.unrestrictedLowerBound]
        .compactMap { $0 }.max(),
      dualNormUpperBound: dualNormUpperBound, lambda: lambda, scope: scope, bound: other.bound,
      neuronCount: neuronCount, targetGap: targetGap,
      verdict: gap <= targetGap * objective ? .established : .gapAboveTarget, subject: subject)
    result.hasOutputBias = hasOutputBias
    return result
  }
}
