import ConvexCNN
import TestSupport
import Testing

/// Filters restricted to leading directions of the patches, and what is proven about them.
struct FilterRankTests {
  @Test(arguments: CertifiedOptimum.all)
  func restrictedProblemHasTheObjectiveOfTheLiftedNetwork(fixture: CertifiedOptimum) throws {
    let problem = try fixture.problem()
    let subspace = try FilterSubspace(rank: fixture.h - 1, of: problem)
    let products = BLAS.product(subspace.directions, .plain, subspace.directions, .transposed)
    for (x, y) in zip(products.elements, Matrix.identity(fixture.h - 1).elements) {
      #expect(abs(x - y) <= 1e-14)
    }
    let restricted = try subspace.restricted(problem)
    var generator = SeededGenerator(seed: 3)
    func draw(_ rows: Int, _ columns: Int) -> Matrix {
      Matrix(
        rows: rows, columns: columns,
        elements: (0..<rows * columns).map { _ in generator.normal() })
    }
    let network = try Network(
      geometry: restricted.geometry, pooling: restricted.pooling, activation: .relu,
      filters: draw(3, fixture.h - 1),
      outputWeights: draw(3 * restricted.windowCount, restricted.outputCount))
    let inside = restricted.objective(of: network).total
    let outside = problem.objective(of: try subspace.lifted(network, to: problem.geometry)).total
    #expect(abs(inside - outside) <= 1e-12 * outside)
  }

  @Test(arguments: CertifiedOptimum.all)
  func boundsHoldForTheClassAndForAllFilters(fixture: CertifiedOptimum) throws {
    let problem = try fixture.problem()
    for rank in [fixture.h - 1, fixture.h] {
      let subspace = try FilterSubspace(rank: rank, of: problem)
      let restricted = try subspace.restricted(problem)
      let run = try CellGeneration(oracle: ConeSearch()).solve(
        restricted, limits: SolveLimits(relativeGap: 1e-6, iterations: 200, seconds: 600))
      let network = try subspace.lifted(run.network, to: problem.geometry)
      let certificate = try Certifier(
        images: fixture.images, loss: problem.loss, lambda: problem.lambda
      ).certify(network, gates: nil, directions: subspace.directions, targetGap: 1e-6)
      #expect(certificate.isEstablished)
      #expect(certificate.scope == .leadingDirections(rank))
      #expect(certificate.claim.contains("of the best network with such filters"))
      // The optimum of the class is no less than that of all filters; the second bound is about all filters.
      #expect(certificate.objective >= fixture.lowerBound * (1 - 1e-12))
      if let unrestricted = certificate.unrestrictedLowerBound {
        #expect(unrestricted <= fixture.upperBound * (1 + 1e-12))
        #expect(unrestricted <= certificate.lowerBound)
      } else {
        #expect(fixture.pooling.hasPrefix("max"))
      }
      guard rank == fixture.h else { continue }
      #expect(certificate.objective <= fixture.upperBound * (1 + 1e-5))
      #expect(certificate.lowerBound <= fixture.upperBound * (1 + 1e-12))
    }
  }

  @Test func directionsThatAreNotOnesAreRefused() throws {
    let fixture = try #require(CertifiedOptimum.all.first { $0.h == 3 })
    let problem = try fixture.problem()
    let subspace = try FilterSubspace(rank: 2, of: problem)
    let network = try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: .relu,
      filters: Matrix([[1, 0, 0]]),
      outputWeights: Matrix(rows: problem.windowCount, columns: problem.outputCount))
    let certifier = Certifier(images: fixture.images, loss: problem.loss, lambda: problem.lambda)
    func place(_ directions: Matrix) -> String? {
      do {
        _ = try certifier.certify(
          network, gates: nil, directions: directions, targetGap: 1e-3)
        return nil
      } catch {
        return (error as? CertificateError)?.place
      }
    }
    #expect(place(subspace.directions) == "filter 0")
    #expect(place(Matrix([[1, 0, 0], [1, 1, 0]])) == "directions")
    #expect(place(Matrix([[1, 0]])) == "directions")
    #expect(place(Matrix([[1, 0, 0]])) == nil)
    let ranks = [0, 4].filter { (try? FilterSubspace(rank: $0, of: problem)) != nil }
    #expect(ranks == [])
  }
}
