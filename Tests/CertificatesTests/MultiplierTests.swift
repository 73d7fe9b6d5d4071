import Certificates
import ConvexPrograms
import Convolutions
import Foundation
import Tensors
import TestSupport
import Testing

/// Multipliers are accepted as written, and refused after every single change that matters.
struct MultiplierTests {
  /// Data on which multipliers are written, and a network to write them at.
  private struct Subject {
    let images: Tensor
    let loss: any Loss
    let lambda: Double
    let network: Network

    var certifier: Certifier { Certifier(images: images, loss: loss, lambda: lambda) }

    func check(_ multipliers: MultiplierCertificate) throws -> Certificate {
      try certifier.certify(network, multipliers: multipliers, targetGap: 2e-4)
    }
  }

  private func subject(_ fixture: PlanarFixture) throws -> Subject {
    let problem = try fixture.problem()
    return Subject(
      images: Tensor(
        shape: [fixture.signals.rows, 1, 1, fixture.signals.columns],
        elements: fixture.signals.elements),
      loss: problem.loss, lambda: problem.lambda,
      network: try Network(
        geometry: problem.geometry, pooling: problem.pooling, activation: .relu,
        filters: fixture.filters, outputWeights: fixture.outputWeights))
  }

  /// Integer signals of 0 to 2: zero rows, repeated rows, rows on one line.
  private func degenerate(seed: Int, pooling: String = "sum:1x2", range: Int = 3) throws -> Subject
  {
    var generator = SeededGenerator(seed: UInt64(seed))
    let images = Tensor(
      shape: [9, 1, 1, 7],
      elements: (0..<63).map { _ in Double(generator.integer(below: range) - seed % 2) })
    let geometry = try PatchGeometry(length: 7, filterLength: 2)
    let windows = try Pooling(parsing: pooling).map(for: geometry).outputCount
    return Subject(
      images: images, loss: SquaredLoss(targets: generator.normalMatrix(rows: 9, columns: 2)),
      lambda: 0.02,
      network: try Network(
        geometry: geometry, pooling: Pooling(parsing: pooling), activation: .relu,
        filters: generator.normalMatrix(rows: 2, columns: 2),
        outputWeights: generator.normalMatrix(rows: 2 * windows, columns: 2)))
  }

  /// The change with the lower bound that the dual point has for these targets, so that the proof itself is judged.
  private func consistent(
    _ multipliers: MultiplierCertificate, _ subject: Subject
  ) -> MultiplierCertificate {
    var result = multipliers
    let dual = Matrix(
      rows: subject.loss.sampleCount, columns: subject.loss.outputCount,
      elements: multipliers.dual)
    result.lowerBound = max(0, -subject.loss.conjugate(at: dual))
    return result
  }

  private func expectRefusal(
    _ subject: Subject, _ multipliers: MultiplierCertificate, of word: String
  ) {
    let error = #expect(throws: CertificateError.self) { try subject.check(multipliers) }
    #expect(error?.place.contains(word) ?? false, "\(word) in \(String(describing: error))")
  }

  @Test(arguments: PlanarFixture.all)
  func theProofIsAcceptedAndAsSharpAsTheExactBound(fixture: PlanarFixture) throws {
    let subject = try subject(fixture)
    let multipliers = try subject.certifier.multipliers(for: subject.network)
    let checked = try subject.check(multipliers)
    let exact = try subject.certifier.certify(
      subject.network, gates: nil, targetGap: 2e-4, effort: BoundEffort(method: .exact))
    #expect(checked.isEstablished)
    #expect(checked.bound == .multipliers)
    #expect(checked.scope == .allCells)
    #expect(checked.objective == exact.objective)
    #expect(checked.lowerBound <= exact.lowerBound * (1 + 1e-12))
    #expect(checked.lowerBound >= exact.lowerBound * (1 - 1e-8))
    #expect(checked.claim.contains("multipliers"))
    // Somewhere no multiplier would not do.
    #expect(multipliers.cells.contains { !$0.multipliers.isEmpty })
    // The proof is not the network's: any network is measured by it.
    let empty = subject.network.selecting(neurons: [])
    let other = try subject.certifier.certify(
      empty, multipliers: multipliers, targetGap: 2e-4)
    #expect(other.lowerBound == checked.lowerBound)
    #expect(!other.isEstablished)
  }

  @Test(arguments: 0..<12, ["sum", "sum:1x2", "none", "average"])
  func degenerateRowsAreProven(seed: Int, pooling: String) throws {
    let subject = try degenerate(seed: seed, pooling: pooling)
    let multipliers = try subject.certifier.multipliers(for: subject.network)
    let checked = try subject.check(multipliers)
    let exact = try subject.certifier.certify(
      subject.network, gates: nil, targetGap: 2e-4, effort: BoundEffort(method: .exact))
    #expect(checked.lowerBound <= exact.lowerBound * (1 + 1e-12))
    #expect(checked.lowerBound >= exact.lowerBound * (1 - 1e-7))
    // The dual point is feasible in the eyes of a twin that looks into every cell.
    let problem = try TrainingProblem(
      images: subject.images, geometry: subject.network.geometry,
      pooling: subject.network.pooling, activation: .relu, loss: subject.loss,
      lambda: subject.lambda)
    let norm = DualNormTwin(
      rows: NaiveConvolution(images: subject.images, geometry: problem.geometry).patches,
      weights: problem.poolingMap.matrix,
      dual: Matrix(rows: 9, columns: 2, elements: multipliers.dual)
    ).exactPlanar()
    #expect(norm <= subject.lambda * (1 + 1e-13))
    let text = try JSONEncoder().encode(multipliers)
    let again = try JSONDecoder().decode(MultiplierCertificate.self, from: text)
    #expect(again == multipliers)
  }

  @Test(arguments: PlanarFixture.all)
  func everyRemovedOrRepeatedCellIsRefused(fixture: PlanarFixture) throws {
    let subject = try subject(fixture)
    let multipliers = try subject.certifier.multipliers(for: subject.network)
    for index in multipliers.cells.indices {
      var removed = multipliers
      removed.cells.remove(at: index)
      expectRefusal(subject, removed, of: "cell")
      var repeated = multipliers
      repeated.cells.insert(multipliers.cells[index], at: index)
      expectRefusal(subject, repeated, of: "cell")
    }
    var twice = multipliers
    twice.cells += multipliers.cells
    expectRefusal(subject, twice, of: "cell")
    var reversed = multipliers
    reversed.cells.reverse()
    expectRefusal(subject, reversed, of: "cell")
    var none = multipliers
    none.cells = []
    expectRefusal(subject, none, of: "cells")
  }

  @Test(arguments: PlanarFixture.all)
  func everyMergedPairOfCellsIsRefused(fixture: PlanarFixture) throws {
    // One cell in place of two neighbors covers the plane, but a row changes its sign inside.
    let subject = try subject(fixture)
    let multipliers = try subject.certifier.multipliers(for: subject.network)
    for index in 1..<multipliers.cells.count {
      var merged = multipliers
      merged.cells[index - 1].facets[1] = merged.cells[index].facets[1]
      merged.cells.remove(at: index)
      expectRefusal(subject, merged, of: "row")
    }
  }

  @Test(arguments: PlanarFixture.all)
  func changedFacetsAreRefused(fixture: PlanarFixture) throws {
    let subject = try subject(fixture)
    let multipliers = try subject.certifier.multipliers(for: subject.network)
    let count = multipliers.sampleCount * multipliers.patchesPerSample
    for index in multipliers.cells.indices {
      var swapped = multipliers
      swapped.cells[index].facets.reverse()
      expectRefusal(subject, swapped, of: "cell")
      for place in 0..<2 {
        var changes = [
          multipliers, multipliers, multipliers, multipliers, multipliers, multipliers,
        ]
        changes[0].cells[index].facets[place].sign *= -1
        changes[1].cells[index].facets[place].row =
          (changes[1].cells[index].facets[place].row + 1) % count
        changes[2].cells[index].facets[place].row = count
        changes[3].cells[index].facets[place].row = -1
        changes[4].cells[index].facets[place].sign = 2
        changes[5].cells[index].facets.remove(at: place)
        for change in changes { expectRefusal(subject, change, of: "cell") }
      }
    }
  }

  @Test(arguments: PlanarFixture.all)
  func multipliersThatAreNotOnesAreRefused(fixture: PlanarFixture) throws {
    let subject = try subject(fixture)
    let multipliers = try subject.certifier.multipliers(for: subject.network)
    var refusedWithout = 0
    for index in multipliers.cells.indices {
      for (first, second, value) in [
        (0, 1, -1e-9), (0, 1, Double.nan), (0, 1, .infinity), (0, 1, 1e9), (0, 2, 0), (-1, 0, 0),
      ] {
        var changed = multipliers
        changed.cells[index].multipliers.append(
          MultiplierCertificate.Multiplier(first: first, second: second, value: value))
        expectRefusal(subject, changed, of: "cell \(index)")
      }
      guard !multipliers.cells[index].multipliers.isEmpty else { continue }
      var without = multipliers
      without.cells[index].multipliers = []
      do { _ = try subject.check(without) } catch is CertificateError { refusedWithout += 1 }
    }
    #expect(refusedWithout > 0)
  }

  @Test(arguments: PlanarFixture.all)
  func aMultiplierChangedDownwardWhereItMattersIsRefused(fixture: PlanarFixture) throws {
    let subject = try subject(fixture)
    let multipliers = try subject.certifier.multipliers(for: subject.network)
    // It matters where the proof without the multiplier fails: the matrix is positive semidefinite for an interval of
    // multipliers, so for none below the smallest that is accepted.
    var tested = 0
    for index in multipliers.cells.indices where !multipliers.cells[index].multipliers.isEmpty {
      func with(_ value: Double) -> MultiplierCertificate {
        var changed = multipliers
        changed.cells[index].multipliers[0].value = value
        return changed
      }
      guard (try? subject.check(with(0))) == nil else { continue }
      tested += 1
      var (low, high) = (0.0, multipliers.cells[index].multipliers[0].value)
      for _ in 0..<40 {
        let middle = 0.5 * (low + high)
        if (try? subject.check(with(middle))) == nil { low = middle } else { high = middle }
      }
      for factor in [0.99, 0.5, 1e-3] {
        expectRefusal(subject, with(factor * low), of: "cell \(index)")
      }
      #expect(try subject.check(with(high)).bound == .multipliers)
    }
    #expect(tested > 0)
  }

  @Test(arguments: PlanarFixture.all)
  func aChangedDualPointIsRefused(fixture: PlanarFixture) throws {
    let subject = try subject(fixture)
    let multipliers = try subject.certifier.multipliers(for: subject.network)
    var scaled = multipliers
    for e in scaled.dual.indices { scaled.dual[e] *= 1 + 1e-6 }
    // The lower bound of the file is no longer that of the point; with its own, the point is not feasible.
    expectRefusal(subject, scaled, of: "lower bound")
    expectRefusal(subject, consistent(scaled, subject), of: "cell")
    var damaged = multipliers
    damaged.dual[0] = .nan
    expectRefusal(subject, damaged, of: "dual point")
    var shorter = multipliers
    shorter.dual.removeLast()
    expectRefusal(subject, shorter, of: "dual point")
    var better = multipliers
    better.lowerBound *= 1 + 1e-6
    expectRefusal(subject, better, of: "lower bound")
  }

  @Test(arguments: PlanarFixture.all, [0.99, 1.01])
  func anotherStrengthIsRefused(fixture: PlanarFixture, factor: Double) throws {
    let subject = try subject(fixture)
    var multipliers = try subject.certifier.multipliers(for: subject.network)
    let other = Subject(
      images: subject.images, loss: subject.loss, lambda: factor * subject.lambda,
      network: subject.network)
    expectRefusal(other, multipliers, of: "lambda")
    // With the other strength in the file the same dual point is feasible only for the larger one.
    multipliers.lambda = other.lambda
    if factor < 1 { expectRefusal(other, multipliers, of: "cell") }
  }

  @Test(arguments: PlanarFixture.all)
  func otherDataAreRefused(fixture: PlanarFixture) throws {
    let subject = try subject(fixture)
    let multipliers = try subject.certifier.multipliers(for: subject.network)
    var images = subject.images
    images.elements[0] += 1e-9
    let moved = Subject(
      images: images, loss: subject.loss, lambda: subject.lambda, network: subject.network)
    expectRefusal(moved, multipliers, of: "patches")
    // The name of the other data helps nothing: their multipliers are others.
    images.elements[0] += 0.5
    let far = Subject(
      images: images, loss: subject.loss, lambda: subject.lambda, network: subject.network)
    var renamed = multipliers
    renamed.fingerprint = try far.certifier.multipliers(for: far.network).fingerprint
    #expect(renamed.fingerprint != multipliers.fingerprint)
    #expect(throws: CertificateError.self) { try far.check(renamed) }
    // Fewer samples, and the targets of two samples exchanged.
    let n = fixture.signals.rows
    let fewer = Subject(
      images: Tensor(
        shape: [n - 1, 1, 1, fixture.signals.columns],
        elements: Array(images.elements[..<((n - 1) * fixture.signals.columns)])),
      loss: subject.loss.selecting(Array(0..<n - 1)), lambda: subject.lambda,
      network: subject.network)
    expectRefusal(fewer, multipliers, of: "samples")
    let different = (1..<n).first { fixture.targets.row($0) != fixture.targets.row(0) } ?? 1
    var order = Array(0..<n)
    order.swapAt(0, different)
    let swapped = Subject(
      images: subject.images, loss: subject.loss.selecting(order), lambda: subject.lambda,
      network: subject.network)
    // The lower bound is another for these targets, or the point is not in the domain of the conjugate.
    #expect(throws: CertificateError.self) { try swapped.check(multipliers) }
  }

  @Test func aHeaderOfAnotherProblemIsRefused() throws {
    let subject = try degenerate(seed: 3)
    let multipliers = try subject.certifier.multipliers(for: subject.network)
    let changes: [(String, WritableKeyPath<MultiplierCertificate, Int>)] = [
      ("schema", \.schema), ("patch dimension", \.patchDimension), ("samples", \.sampleCount),
      ("patches per sample", \.patchesPerSample), ("windows", \.windowCount),
      ("outputs", \.outputCount),
    ]
    for (name, path) in changes {
      var changed = multipliers
      changed[keyPath: path] += 1
      expectRefusal(subject, changed, of: name)
    }
    var loss = multipliers
    loss.loss = "logistic"
    expectRefusal(subject, loss, of: "loss")
  }

  @Test func aFileCutShortIsNoProof() throws {
    let subject = try degenerate(seed: 3)
    let text = try JSONEncoder().encode(subject.certifier.multipliers(for: subject.network))
    for count in stride(from: 0, to: text.count, by: 17) {
      #expect(throws: (any Error).self) {
        try JSONDecoder().decode(MultiplierCertificate.self, from: text.prefix(count))
      }
    }
  }

  @Test(arguments: ["max", "gated", "three entries", "one line", "zero"])
  func whatHasNoMultipliersIsRefused(kind: String) throws {
    let line = kind == "one line" || kind == "zero"
    let h = kind == "three entries" ? 3 : 2
    let images = Tensor(
      shape: [2, 1, 1, 4],
      elements: kind == "zero"
        ? [Double](repeating: 0, count: 8)
        : line
          ? [1, 2, 4, 8, -1, -2, -4, -8] : [1, 0, 3, 2, 2, -1, 1, 1])
    let network = try Network(
      geometry: PatchGeometry(length: 4, filterLength: h),
      pooling: Pooling(kind == "max" ? .max : .sum),
      activation: kind == "gated" ? .gated : .relu,
      filters: Matrix([[Double](repeating: 1, count: h)]),
      gates: kind == "gated" ? Matrix([[1, 1]]) : nil, outputWeights: Matrix([[0.2]]))
    let certifier = Certifier(
      images: images, loss: SquaredLoss(targets: Matrix([[1], [-1]])), lambda: 0.1)
    let error = #expect(throws: CertificateError.self) {
      try certifier.multipliers(for: network)
    }
    #expect(error?.place == "multipliers")
  }
}

/// The order of rays is that of exact arithmetic.
struct PlanarRayTests {
  @Test func turnsAreThoseOfIntegers() {
    var generator = SeededGenerator(seed: 3)
    for round in 0..<20_000 {
      // Nearly parallel rays of 53 bits: most products agree in their first 53 bits.
      let size = 1 << 52
      let (a, b) = (size + generator.integer(below: size), size + generator.integer(below: size))
      let (c, d) = round % 3 == 0 ? (a + round % 5 - 2, b + round % 7 - 3) : (2 * a / 2, b)
      let (left, right) = (a.multipliedFullWidth(by: d), b.multipliedFullWidth(by: c))
      let expected =
        (left.high, left.low) == (right.high, right.low)
        ? 0 : (left.high, left.low) > (right.high, right.low) ? 1 : -1
      let scale = Double(sign: .plus, exponent: round % 100 - 50, significand: 1)
      let (u, v) = (
        PlanarRay(x: scale * Double(a), y: scale * Double(b)), PlanarRay(x: Double(c), y: Double(d))
      )
      #expect(PlanarRay.turn(u, v) == expected)
      #expect(PlanarRay.turn(v, u) == -expected)
      #expect(PlanarRay.turn(u.opposite, v) == -expected)
    }
  }

  @Test func raysAreInTheOrderOfTheirAngles() {
    let directions = [(1, 0), (2, 1), (1, 1), (0, 1), (-3, 2), (-1, 0), (-1, -1), (0, -2), (5, -1)]
    let rays = directions.map { PlanarRay(x: Double($0.0), y: Double($0.1)) }
    for i in rays.indices {
      for j in rays.indices {
        #expect(PlanarRay.precedes(rays[i], rays[j]) == (i < j))
        #expect(PlanarRay.areAlike(rays[i], rays[j]) == (i == j))
      }
    }
  }
}
