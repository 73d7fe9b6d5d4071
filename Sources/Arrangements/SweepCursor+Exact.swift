import CKernels
import Tensors

extension SweepCursor {
  /// Decides the signs of the last coordinate where the bound leaves them open.
  ///
  /// A value of the wrong sign is replaced by a tiny one of the right sign: it is still within the
  /// bound of the exact one, and from here on signs can be read off the values.
  func decideWeakSigns(_ c: Int) {
    let frame = frames[c]
    let e = dimension - c
    let (alpha, beta) = (
      frame.values + (e - 2) * slot, frame.values + (e - 1) * slot
    )
    let chosen = (0..<c).map { frames[$0 + 1].row }
    for j in 0..<plan.lineCount where tau[j] == .infinity && !testBit(frame.members, j) {
      // An infinite tau can also come from the other coordinate; then the sign is certain.
      guard !(abs(beta[j]) > frame.errors[e - 1]) else { continue }
      let sign = frame.sign * (c & 1 == 1 ? -1 : 1) * signs.sign(chosen + [j])
      if sign == 0 { isDefective = true }
      if beta[j] == 0 || (beta[j] < 0) != (sign < 0) {
        beta[j] = sign < 0 ? -0x1p-1000 : 0x1p-1000
        t[j] = alpha[j] / beta[j]
      }
    }
  }

  /// Decides exactly the bits that the bounds left open, for the children that there are.
  func decideCodes(_ c: Int) {
    let frame = frames[c]
    let beta = frame.values + (dimension - c - 1) * slot
    var rows = (0..<c).map { frames[$0 + 1].row }
    for k in 1..<frame.last where frame.place[k] >= 0 && code[k] >> 32 != 0 {
      let sign = frame.sign * (c & 1 == 1 ? -1 : 1) * (beta[k] < 0 ? -1 : 1)
      for i in 0..<c where (code[k] >> UInt64(32 + i)) & 1 == 1 {
        let saved = rows[i]
        rows[i] = 0
        let exact = signs.sign(rows + [k])
        rows[i] = saved
        if exact == 0 { isDefective = true }
        let isNegative = (exact * sign < 0) != (beta[0] < 0)
        code[k] = (code[k] & ~(1 << UInt64(i))) | (isNegative ? 1 << UInt64(i) : 0)
      }
    }
  }

  /// Sorts the lines of a flat exactly and marks the parallel ones.
  ///
  /// Insertion sort whose comparisons are certain or exact, so the start need only be nearly sorted.
  ///
  /// - Parameters:
  ///   - c: The level.
  ///   - from: The order before this place is certain.
  func settleOrder(_ c: Int, from: Int) {
    let frame = frames[c]
    let (order, tie, count) = (frame.order, frame.tie, frame.liveCount)
    let (e, stride) = (dimension - c, slot)
    // There is a doubt, so the integers are needed; taken once, they cost no reference counting.
    let integers = restricted(c)
    let isSmall = frame.restrictedIsSmall
    for i in 0..<count { tie[i] = 0 }
    var i = from
    while i < count {
      let k = Int(order[i])
      var place = i
      var isTied = false
      while place > 0 {
        let j = Int(order[place - 1])
        if t[k] - t[j] > 1.0000001 * (tau[k] + tau[j]) { break }
        var sign = 1
        if !(t[j] - t[k] > 1.0000001 * (tau[k] + tau[j])) {
          let areSame =
            integers.map { Self.areParallel($0, stride, e, j, k, isSmall: isSmall) } ?? false
          sign = areSame ? 0 : compare(c, j, k, areDistinct: integers != nil)
        }
        guard sign > 0 else {
          isTied = sign == 0
          break
        }
        order[place] = order[place - 1]
        tie[place] = tie[place - 1]
        place -= 1
      }
      if place < i {
        order[place] = Int32(truncatingIfNeeded: k)
        tie[place + 1] = 0
      }
      tie[place] = isTied ? 1 : 0
      if isTied { frame.hasTies = true }
      i = ck_sweep_first_doubt(order, t, tau, i, count)
    }
  }

  /// Exact sign of `t_j - t_k`; zero when the lines are parallel on the flat.
  private func compare(_ c: Int, _ j: Int, _ k: Int, areDistinct: Bool) -> Int {
    let frame = frames[c]
    let e = dimension - c
    let beta = frame.values + (e - 1) * slot
    let side = (beta[j] < 0) == (beta[k] < 0) ? 1 : -1
    let rows = (0..<c).map { frames[$0 + 1].row } + [j, k]
    let sign = signs.sign(rows)
    if sign == 0, areDistinct || (e > 2 && !signs.areDependent(rows)) { isDefective = true }
    return sign * side * frame.sign
  }

  /// Whether two rows of exact integers are proportional; `isSmall` when their products are exact.
  private static func areParallel(
    _ values: UnsafeMutablePointer<Double>, _ stride: Int, _ e: Int, _ j: Int, _ k: Int,
    isSmall: Bool
  ) -> Bool {
    var p = 0
    while p < e, values[p * stride + j] == 0 { p += 1 }
    guard p < e else { return false }
    let (a, b) = (values[p * stride + j], values[p * stride + k])
    guard b != 0 else { return false }
    for v in 0..<e {
      let (x, y) = (values[v * stride + j], values[v * stride + k])
      if isSmall {
        if x * b != y * a { return false }
        continue
      }
      let left = Int64(x).multipliedFullWidth(by: Int64(b))
      let right = Int64(y).multipliedFullWidth(by: Int64(a))
      if left.high != right.high || left.low != right.low { return false }
    }
    return true
  }

  /// Exact values of all rows on an integer basis of a flat, nil when they are too large.
  func restricted(_ c: Int) -> UnsafeMutablePointer<Double>? {
    let frame = frames[c]
    if frame.restrictedState == .available { return frame.restricted }
    if frame.restrictedState == .unknown {
      frame.restrictedState = .overflows
      if findKernel(c), let columns = plan.integerColumns {
        let (d, e) = (dimension, dimension - c)
        var largest = 0.0
        for v in 0..<e {
          var sum = 0.0
          for k in 0..<d { sum += abs(Double(frame.kernel[v * d + k])) }
          largest = max(largest, sum)
        }
        largest *= plan.largestInteger
        // Then no partial sum exceeds 2^53, and all are exact.
        if largest < 0x1p52 {
          let memory = frame.restrictedMemory()
          frame.restrictedIsSmall = largest < 0x1p26
          columns.withUnsafeBufferPointer { columns in
            withUnsafeTemporaryAllocation(of: Double.self, capacity: d) { vector in
              for v in 0..<e {
                for k in 0..<d { vector[k] = Double(frame.kernel[v * d + k]) }
                ck_sweep_restrict(
                  columns.baseAddress, slot, vector.baseAddress, d, plan.lineCount,
                  memory + v * slot)
              }
            }
          }
          frame.restrictedState = .available
        }
      }
    }
    return frame.restrictedState == .available ? frame.restricted : nil
  }

  /// Finds an integer basis of a flat by elimination without fractions; false when it grows too
  /// large.
  private func findKernel(_ c: Int) -> Bool {
    let frame = frames[c]
    guard frame.kernelState == .unknown else { return frame.kernelState == .available }
    frame.kernelState = .overflows
    guard let integers = plan.rows.integers else { return false }
    let d = dimension
    if c == 0 {
      for i in 0..<d * d { frame.kernel[i] = i / d == i % d ? 1 : 0 }
      frame.kernelState = .available
      return true
    }
    guard findKernel(c - 1) else { return false }
    let e = d - c + 1
    let outcome = integers.withUnsafeBufferPointer { integers in
      integers.baseAddress.map {
        IntegerKernel.eliminate(
          $0 + frame.row * d, from: UnsafePointer(frames[c - 1].kernel), count: e,
          into: frame.kernel, dimension: d)
      }
    }
    guard outcome == .found else { return false }
    frame.kernelState = .available
    return true
  }
}
