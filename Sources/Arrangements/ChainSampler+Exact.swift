extension ChainSampler {
  /// Decides in integers what the bounds left open.
  ///
  /// - Parameter isIndependent: Whether the set is known to be independent.
  /// - Returns: Whether the set is a chain of the sweep; then `bits` is right for all lines outside
  ///   its span, and `followers` lists the others that are not in the set.
  func settle(isIndependent: Bool) -> Bool {
    let hasKernels: Bool
    switch findKernels() {
    case .dependent: return false
    case .found: hasKernels = true
    case .overflows:
      hasKernels = false
      if !isIndependent, signs.areDependent(chosen) { return false }
    }
    // Members of the span first: they may end the attempt, and signs are dearer.
    var others: [(line: Int, sign: Int)] = []
    for w in 0..<plan.words {
      var rest = unsure[w]
      while rest != 0 {
        let line = w << 6 + rest.trailingZeroBitCount
        rest &= rest - 1
        guard line < plan.lineCount else { break }
        if isInSet(line) { continue }
        var sign = 0
        let isMember: Bool
        if hasKernels {
          isMember = vanishes(line, after: count)
        } else {
          sign = signs.sign(chosen + [line])
          isMember = sign == 0
          if isMember, !signs.areDependent(chosen + [line]) { isDefective = true }
        }
        guard isMember else {
          others.append((line, sign))
          continue
        }
        guard let follower = follower(line, hasKernels) else { return false }
        followers.append(follower)
      }
    }
    guard !others.isEmpty else { return true }
    let chosen = chosen
    let orientation = signs.sign(chosen) * (count & 1 == 1 ? -1 : 1)
    for (line, known) in others {
      let sign = known != 0 ? known : signs.sign(chosen + [line])
      if sign == 0 { isDefective = true }
      write(line, sign * orientation > 0)
    }
    return true
  }

  /// Exact sign of `a_0(E_i)`.
  func exactWeightIsPositive(_ place: Int) -> Bool {
    var rows = chosen
    let whole = signs.sign(rows)
    rows[place] = 0
    let sign = signs.sign(rows)
    // Line 0 is not in the span of the set, so only a special flag gives zero.
    if sign == 0 || whole == 0 { isDefective = true }
    return sign * whole > 0
  }

  private var chosen: [Int] { (0..<count).map { chain[$0] } }

  private func isInSet(_ line: Int) -> Bool {
    for i in 0..<count where chain[i] == line { return true }
    return false
  }

  /// A line in the span of the set; nil when the set without it contains a broken circuit, or when it
  /// is line 0.
  ///
  /// A line is a combination of the lines up to some place of the set, and of no fewer.
  private func follower(
    _ line: Int, _ hasKernels: Bool
  ) -> (line: Int, place: Int, agrees: Bool)? {
    guard count > 0, line > chain[count - 1] else { return nil }
    var place = count - 1
    while place > 0, isSpanned(line, by: place, hasKernels) { place -= 1 }
    guard line > chain[place] else { return nil }
    guard hasKernels else {
      let before = Array(chosen[..<place])
      let agrees = signs.sign(before + [line]) * signs.sign(before + [chain[place]])
      if agrees == 0 { isDefective = true }
      return (line, place, agrees > 0)
    }
    let (d, basis) = (plan.rank, kernels + place * plan.rank * plan.rank)
    for v in 0..<d - place {
      let own = product(basis + v * d, chain[place], kernelIsSmall[place])
      if own == 0 { continue }
      let other = product(basis + v * d, line, kernelIsSmall[place])
      return (line, place, (own > 0) == (other > 0))
    }
    return nil
  }

  /// Whether a line is a combination of the first lines of the set.
  private func isSpanned(_ line: Int, by length: Int, _ hasKernels: Bool) -> Bool {
    if hasKernels { return vanishes(line, after: length) }
    let rows = Array(chosen[..<length]) + [line]
    guard signs.sign(rows) == 0 else { return false }
    if !signs.areDependent(rows) { isDefective = true }
    return true
  }

  /// Bases of the flats of the first lines of the set.
  private func findKernels() -> IntegerKernel.Outcome {
    guard let integers = plan.rows.integers else { return .overflows }
    let (d, rowBits) = (plan.rank, Int(plan.largestInteger.exponent) + 1)
    return integers.withUnsafeBufferPointer { integers in
      guard let rows = integers.baseAddress else { return .overflows }
      for t in 0..<count {
        let outcome = IntegerKernel.eliminate(
          rows + chain[t] * d, from: kernels + t * d * d, count: d - t,
          into: kernels + (t + 1) * d * d, dimension: d)
        guard outcome == .found else { return outcome }
        var size: UInt64 = 0
        for i in 0..<(d - t - 1) * d { size |= kernels[(t + 1) * d * d + i].magnitude }
        kernelIsSmall[t + 1] = 64 - size.leadingZeroBitCount + rowBits + 4 < 63
      }
      return .found
    }
  }

  /// Whether a line vanishes on the flat of the first lines of the set.
  private func vanishes(_ line: Int, after length: Int) -> Bool {
    let (d, basis) = (plan.rank, kernels + length * plan.rank * plan.rank)
    for v in 0..<d - length where product(basis + v * d, line, kernelIsSmall[length]) != 0 {
      return false
    }
    return true
  }

  /// Sign of the product of a vector with a line.
  private func product(
    _ vector: UnsafePointer<Int64>, _ line: Int, _ isSmall: Bool
  ) -> Int {
    guard let integers = plan.rows.integers else { return 0 }
    return integers.withUnsafeBufferPointer { integers in
      guard let row = integers.baseAddress.map({ $0 + line * plan.rank }) else { return 0 }
      if isSmall {
        var sum: Int64 = 0
        for k in 0..<plan.rank { sum &+= vector[k] &* row[k] }
        return Int(sum.signum())
      }
      var sum: Int128 = 0
      for k in 0..<plan.rank { sum += Int128(vector[k]) * Int128(row[k]) }
      return Int(sum.signum())
    }
  }
}
