import CKernels

extension SweepCursor {
  /// Restricts the arrangement on a flat to one of its children.
  func descend(_ c: Int, to k: Int) {
    let (frame, child) = (frames[c], frames[c + 1])
    let (n, e, stride, words) = (plan.lineCount, dimension - c, slot, plan.words)
    let beta = frame.values + (e - 1) * stride
    child.row = k
    child.last = k
    child.kernelState = .unknown
    child.restrictedState = .unknown
    child.sign = frame.sign * (c & 1 == 1 ? -1 : 1) * (beta[k] < 0 ? -1 : 1)
    for w in 0..<words { child.members[w] = frame.members[w] }
    let start = Int(frame.place[k])
    var stop = start + 1
    if frame.hasTies { while stop < frame.liveCount, frame.tie[stop] != 0 { stop += 1 } }
    child.hasFollowers = stop - start > 1
    child.memberCount = frame.memberCount + stop - start
    if child.hasFollowers {
      for w in 0..<words {
        child.followers[w] = 0
        child.sides[w] = 0
      }
      for i in start..<stop {
        let j = Int(frame.order[i])
        setBit(child.followers, j)
        if (beta[j] < 0) == (beta[k] < 0) { setBit(child.sides, j) }
      }
    }
    for i in start..<stop { setBit(child.members, Int(frame.order[i])) }
    eliminateFlag(frame, child, e: e, k: k, count: n)
    if !countsOnly { eliminateDual(frame, child, c: c, k: k) }
  }

  private func eliminateFlag(
    _ frame: SweepFrame, _ child: SweepFrame, e: Int, k: Int, count: Int
  ) {
    let stride = slot
    var pivot = e - 1
    var quality = abs(frame.values[pivot * stride + k]) / frame.sizes[pivot]
    for v in (0..<e - 1).reversed() {
      let (x, y) = (frame.values + v * stride, frame.values + pivot * stride)
      let r = x[k] / y[k]
      let size = abs(r)
      let largest = ck_sweep_eliminate(child.values + v * stride, x, y, r, count)
      let room = abs(y[k]) - frame.errors[pivot]
      let slip =
        room > 0
        ? (frame.errors[v] + size * frame.errors[pivot]) / room + 0x1p-52 * size : .infinity
      child.sizes[v] = largest
      child.errors[v] =
        1.0001
        * (frame.errors[v] + size * frame.errors[pivot]
          + slip * (frame.sizes[pivot] + frame.errors[pivot])
          + 0x1p-52 * (size * frame.sizes[pivot] + largest))
      let candidate = abs(x[k]) / frame.sizes[v]
      if candidate > quality { (pivot, quality) = (v, candidate) }
    }
  }

  private func eliminateDual(_ frame: SweepFrame, _ child: SweepFrame, c: Int, k: Int) {
    let (e, stride) = (dimension - c, slot)
    let beta = frame.values + (e - 1) * stride
    let error = frame.errors[e - 1]
    let room = abs(beta[k]) - error
    for i in 0...c {
      // The new vector of the dual basis is beta / beta_k, as an elimination from zero.
      let x = i < c ? UnsafePointer(frame.values + (e + i) * stride) : UnsafePointer(zeros)
      let xError = i < c ? frame.errors[e + i] : 0
      let r = i < c ? x[k] / beta[k] : -1 / beta[k]
      let size = abs(r)
      let largest = ck_sweep_eliminate(
        child.values + (e - 1 + i) * stride, x, beta, r, min(plan.lineCount, k + 1))
      let slip = room > 0 ? (xError + size * error) / room + 0x1p-52 * size : .infinity
      child.sizes[e - 1 + i] = largest
      child.errors[e - 1 + i] =
        1.0001
        * (xError + size * error + slip * (frame.sizes[e - 1] + error)
          + 0x1p-52 * (size * frame.sizes[e - 1] + largest))
    }
  }
}
