import Tensors

/// Bounds linear majorants on a simplicial cone within the unit ball.
///
/// The cone has unit rays `w_1, ..., w_h`, and a point of it is `u = sum_j tau_j w_j` with `tau >= 0`. An
/// atom is a linear function given by its values `b_j` on the rays. With atoms `b^1, ..., b^q` it finds
///
///     max { min_i sum_j b^i_j tau_j : tau >= 0, |sum_j tau_j w_j| <= 1 }
///
/// from above: for weights `l >= 0` of sum one and any vector `g`,
/// `min_i <b^i, tau> <= <sum_i l_i b^i, tau> <= |g| + reach max_j (sum_i l_i b^i_j - w_j . g)_+`, where
/// `reach` bounds `sum_j tau_j`. So whatever the quality of `l` and `g`, the bound holds; they come from
/// an active-set method on `min 1/2 |sum_j tau_j w_j|^2 - s` subject to `s <= <b^i, tau>`, `tau >= 0`.
///
/// - Source: Active-set method for convex quadratic programs: Nocedal & Wright, *Numerical
///   Optimization*, 2006. The bound is weak duality.
final class ConeProjection {
  /// Most atoms at a time.
  static let capacity = 16

  let h: Int
  let lanes: Int
  /// Rays, `[h, h]`, one a row.
  let rays: UnsafeMutablePointer<Double>
  /// The rays as columns, `[h, lanes]`; columns beyond `h` repeat the first.
  let columns: UnsafeMutablePointer<Double>
  /// Ray coordinates of the maximiser of the last `solve`, zero beyond `h`.
  let tau: UnsafeMutablePointer<Double>
  /// The best combination of atoms, by its values on the rays.
  let combined: UnsafeMutablePointer<Double>
  private(set) var atomCount = 0
  /// Bound on `sum_j tau_j` over unit vectors of the cone.
  private var reach = 0.0
  /// Whether all rays are on one side of the apex's plane, so that a multiple of the apex is a majorant.
  private var isAcute = true
  private let atoms: UnsafeMutablePointer<Double>
  private let gram: UnsafeMutablePointer<Double>
  private let apex: UnsafeMutablePointer<Double>
  private let factor: UnsafeMutablePointer<Double>
  private let images: UnsafeMutablePointer<Double>
  private let system: UnsafeMutablePointer<Double>
  private let weights: UnsafeMutablePointer<Double>
  private let next: UnsafeMutablePointer<Double>
  private let work: UnsafeMutablePointer<Double>
  private var isFree: [Bool]
  private var isActive: [Bool]

  init(dimension: Int, lanes: Int) {
    (h, self.lanes) = (dimension, lanes)
    let most = Self.capacity + 1
    func memory(_ count: Int) -> UnsafeMutablePointer<Double> {
      let result = UnsafeMutablePointer<Double>.allocate(capacity: count)
      result.initialize(repeating: 0, count: count)
      return result
    }
    rays = memory(h * h)
    columns = memory(h * lanes)
    tau = memory(lanes)
    combined = memory(lanes)
    atoms = memory(most * lanes)
    gram = memory(h * h)
    apex = memory(h)
    factor = memory(h * h)
    images = memory(most * h)
    system = memory(most * (most + 1))
    weights = memory(most)
    next = memory(lanes)
    work = memory(h)
    isFree = [Bool](repeating: false, count: h)
    isActive = [Bool](repeating: false, count: most)
  }

  deinit {
    for memory in [
      rays, columns, tau, combined, atoms, gram, apex, factor, images, system, weights, next, work,
    ] {
      memory.deallocate()
    }
  }

  /// Takes a cone by its unit rays `[h, h]`.
  func set(_ source: [Double]) {
    for i in 0..<h * h { rays[i] = source[i] }
    for k in 0..<h {
      for j in 0..<lanes { columns[k * lanes + j] = rays[(j < h ? j : 0) * h + k] }
      apex[k] = (0..<h).reduce(0) { $0 + rays[$1 * h + k] }
    }
    let length = (0..<h).reduce(0) { $0 + apex[$1] * apex[$1] }.squareRoot()
    var least = Double.infinity
    for k in 0..<h { apex[k] /= length }
    for i in 0..<h {
      var along = 0.0
      for k in 0..<h { along += apex[k] * rays[i * h + k] }
      least = min(least, along)
      for j in 0...i {
        var product = 0.0
        for k in 0..<h { product += rays[i * h + k] * rays[j * h + k] }
        gram[i * h + j] = product
        gram[j * h + i] = product
      }
      // Rays that nearly coincide leave the matrix singular; what this changes, the bound makes up for.
      gram[i * h + i] += 1e-11
    }
    // apex . u = sum tau_j apex . w_j is at most 1. On root cones the sum of tau is at most h (sqrt(h) on
    // orthants), and halving an edge never makes it larger: the midpoint has a length of at most 1.
    isAcute = least > 0
    reach = (1 + 1e-9) * (isAcute ? min(1 / least, Double(h)) : Double(h))
    atomCount = 0
  }

  /// Adds an atom; the oldest is forgotten when there are too many.
  func add(_ atom: UnsafePointer<Double>) {
    if atomCount == Self.capacity {
      for i in 0..<(atomCount - 1) * lanes { atoms[i] = atoms[i + lanes] }
      atomCount -= 1
    }
    for j in 0..<lanes { atoms[atomCount * lanes + j] = j < h ? atom[j] : 0 }
    atomCount += 1
  }

  /// Forgets all atoms.
  func removeAtoms() { atomCount = 0 }

  /// The bound for the atoms present; leaves the maximiser in `tau` and the combination in `combined`.
  ///
  /// - Precondition: There is an atom.
  func solve() -> Double {
    var size = 0.0
    for i in 0..<atomCount {
      for j in 0..<h { size = max(size, abs(atoms[i * lanes + j])) }
    }
    for j in 0..<lanes {
      tau[j] = 0
      combined[j] = 0
    }
    guard size > 0, size.isFinite else { return size.isFinite ? 0 : .infinity }
    start()
    var level = 0.0
    for i in 0..<atomCount where isActive[i] { level = product(i, tau) }
    for _ in 0..<60 where !step(&level, size: size) { break }
    return bound()
  }

  /// The bound for one linear function alone; the atoms present stay, and `combined` is set anew.
  ///
  /// - Parameters:
  ///   - function: Values on the rays, `lanes` numbers.
  ///   - kept: What `combined` is afterwards.
  /// - Returns: The bound, valid whatever the quality of the solution.
  func bound(of function: [Double], restoring kept: [Double]) -> Double {
    // The function stands in for the first atom while it is looked at alone.
    let point = (0..<lanes).map { tau[$0] }
    let count = atomCount
    let saved = (0..<lanes).map { atoms[$0] }
    for j in 0..<lanes { atoms[j] = function[j] }
    atomCount = 1
    let result = solve()
    for j in 0..<lanes { (atoms[j], combined[j], tau[j]) = (saved[j], kept[j], point[j]) }
    atomCount = count
    return result
  }

  /// The best single ray, and the atom that is least there.
  private func start() {
    for j in 0..<h { isFree[j] = false }
    for i in 0..<atomCount { isActive[i] = false }
    var (ray, best) = (-1, 0.0)
    for j in 0..<h {
      let least = (0..<atomCount).reduce(Double.infinity) { min($0, atoms[$1 * lanes + j]) }
      if least > best { (ray, best) = (j, least) }
    }
    if ray >= 0 {
      isFree[ray] = true
      tau[ray] = best / gram[ray * h + ray]
    }
    var (lowest, value) = (0, Double.infinity)
    for i in 0..<atomCount {
      let height = product(i, tau)
      if height < value { (lowest, value) = (i, height) }
    }
    isActive[lowest] = true
  }

  @inline(__always)
  private func product(_ atom: Int, _ point: UnsafePointer<Double>) -> Double {
    var sum = 0.0
    for j in 0..<h { sum += atoms[atom * lanes + j] * point[j] }
    return sum
  }

  /// One step of the active-set method; `false` at the optimum.
  private func step(_ level: inout Double, size: Double) -> Bool {
    let free = (0..<h).filter { isFree[$0] }
    let active = (0..<atomCount).filter { isActive[$0] }
    let target = solveEqualities(free, active)
    var (length, blocking, isRay) = (1.0, -1, false)
    for j in free where next[j] < 0 {
      let drop = tau[j] - next[j]
      let share = drop > 0 ? tau[j] / drop : 0
      if share < length { (length, blocking, isRay) = (share, j, true) }
    }
    for i in 0..<atomCount where !isActive[i] {
      let (above, ahead) = (product(i, tau) - level, product(i, next) - target)
      guard ahead < -1e-13 * (abs(target) + size * 1e-3), ahead < above else { continue }
      let share = max(0, above) / (above - ahead)
      if share < length { (length, blocking, isRay) = (share, i, false) }
    }
    for j in 0..<h { tau[j] += length * (next[j] - tau[j]) }
    level += length * (target - level)
    if blocking >= 0 {
      if isRay {
        tau[blocking] = 0
        isFree[blocking] = false
      } else {
        isActive[blocking] = true
      }
      return true
    }
    return release(active, size: size)
  }

  /// The optimum with the constraints of the working set as equations; its level.
  private func solveEqualities(_ free: [Int], _ active: [Int]) -> Double {
    let n = free.count
    for i in 0..<n {
      for j in 0...i {
        var sum = gram[free[i] * h + free[j]]
        for k in 0..<j { sum -= factor[i * h + k] * factor[j * h + k] }
        factor[i * h + j] = i == j ? max(sum, 1e-14).squareRoot() : sum / factor[j * h + j]
      }
    }
    for (a, atom) in active.enumerated() {
      for i in 0..<n {
        var sum = atoms[atom * lanes + free[i]]
        for k in 0..<i { sum -= factor[i * h + k] * images[a * h + k] }
        images[a * h + i] = sum / factor[i * h + i]
      }
    }
    combineAtoms(active.count, rays: n)
    for i in 0..<n {
      work[i] = 0
      for a in active.indices { work[i] += weights[a] * images[a * h + i] }
    }
    var level = 0.0
    for i in 0..<n { level += work[i] * work[i] }
    for j in 0..<h { next[j] = 0 }
    for i in (0..<n).reversed() {
      var sum = work[i]
      for k in i + 1..<max(n, i + 1) { sum -= factor[k * h + i] * next[free[k]] }
      next[free[i]] = sum / factor[i * h + i]
    }
    return level
  }

  /// Weights of sum one of the combination of least norm of the atoms' images.
  private func combineAtoms(_ count: Int, rays n: Int) {
    let width = count + 1
    var largest = 0.0
    for a in 0..<count {
      for b in 0..<count {
        var sum = 0.0
        for i in 0..<n { sum += images[a * h + i] * images[b * h + i] }
        system[a * width + b] = sum
      }
      largest = max(largest, system[a * width + a])
      system[a * width + count] = 1
    }
    for a in 0..<count { system[a * width + a] += 1e-13 * largest + 1e-300 }
    for c in 0..<count {
      var pivot = c
      for a in c + 1..<max(count, c + 1)
      where abs(system[a * width + c]) > abs(system[pivot * width + c]) {
        pivot = a
      }
      if pivot != c {
        for b in c...count {
          let swapped = system[pivot * width + b]
          system[pivot * width + b] = system[c * width + b]
          system[c * width + b] = swapped
        }
      }
      for a in 0..<count where a != c {
        let ratio = system[a * width + c] / system[c * width + c]
        guard ratio != 0 else { continue }
        for b in c...count { system[a * width + b] -= ratio * system[c * width + b] }
      }
    }
    var sum = 0.0
    for a in 0..<count {
      weights[a] = system[a * width + count] / system[a * width + a]
      sum += weights[a]
    }
    for a in 0..<count { weights[a] /= sum }
  }

  /// Drops an atom or frees a ray whose multiplier has the wrong sign; `false` when none has.
  private func release(_ active: [Int], size: Double) -> Bool {
    var (dropped, worst) = (-1, -1e-11)
    for (a, atom) in active.enumerated() where weights[a] < worst {
      (dropped, worst) = (atom, weights[a])
    }
    var (freed, gain) = (-1, 1e-11 * size)
    for j in 0..<h where !isFree[j] {
      var slope = 0.0
      for (a, atom) in active.enumerated() { slope += weights[a] * atoms[atom * lanes + j] }
      for k in 0..<h { slope -= gram[j * h + k] * tau[k] }
      if slope > gain { (freed, gain) = (j, slope) }
    }
    if dropped >= 0, active.count > 1, freed < 0 || -worst * size > gain {
      isActive[dropped] = false
      return true
    }
    if freed >= 0 { isFree[freed] = true }
    return freed >= 0
  }

  /// The bound that the present weights and point give, valid whatever they are.
  private func bound() -> Double {
    let active = (0..<atomCount).filter { isActive[$0] }
    var sum = 0.0
    for a in active.indices {
      if !(weights[a] > 0) { weights[a] = 0 }
      sum += weights[a]
    }
    for (a, atom) in active.enumerated() {
      // Weights that are no numbers leave the first active atom, which is a bound too.
      let share = sum > 0 && sum.isFinite ? weights[a] / sum : a == 0 ? 1 : 0
      for j in 0..<h { combined[j] += share * atoms[atom * lanes + j] }
    }
    var square = 0.0
    for k in 0..<h {
      work[k] = 0
      for j in 0..<h { work[k] += tau[j] * rays[j * h + k] }
      square += work[k] * work[k]
    }
    var (violation, flat) = (0.0, 0.0)
    for j in 0..<h {
      var (along, height) = (0.0, 0.0)
      for k in 0..<h {
        along += work[k] * rays[j * h + k]
        height += apex[k] * rays[j * h + k]
      }
      violation = max(violation, combined[j] - along)
      flat = max(flat, combined[j] / max(height, 1e-300))
    }
    let projected = square.squareRoot() + violation * reach
    let best = isAcute ? min(projected, flat) : projected
    return best.isNaN ? .infinity : best
  }
}
