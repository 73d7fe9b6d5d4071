import Certificates
import Tensors
import TestSupport
import Testing

/// Monomials on the sphere, and polynomials beside the modulus.
struct SphereFormsIdentityTests {
  private func unit(_ h: Int, _ generator: inout SeededGenerator) -> [Double] {
    let u = (0..<h).map { _ in generator.normal() }
    let length = BLAS.norm(u)
    return u.map { $0 / length }
  }

  private func powers(_ forms: SphereForms, _ u: [Double], _ k: Int) -> [Double] {
    var values = [Double](repeating: 0, count: forms.size(k))
    forms.powers(u, count: 1, degree: k, into: &values)
    return values
  }

  @Test(arguments: [(1, 4), (2, 4), (3, 3), (5, 3), (9, 2)])
  func productsOfMonomialsArePowersOfProducts(_ h: Int, _ order: Int) {
    var generator = SeededGenerator(seed: UInt64(10 * h + order))
    let forms = SphereForms(dimension: h, order: order)
    let (x, u) = (unit(h, &generator), unit(h, &generator))
    for k in 1...order {
      #expect(forms.size(k) == SphereForms.size(dimension: h, degree: k))
      let product = BLAS.dot(powers(forms, x, k), powers(forms, u, k))
      let expected = (0..<k).reduce(1.0) { power, _ in power * BLAS.dot(x, u) }
      #expect(abs(product - expected) <= 1e-14)
    }
  }

  @Test(arguments: [(2, 4), (4, 3)])
  func coefficientsAndMomentsAreDual(_ h: Int, _ order: Int) {
    var generator = SeededGenerator(seed: UInt64(h))
    let forms = SphereForms(dimension: h, order: order)
    let v = powers(forms, unit(h, &generator), order)
    let column = Matrix(rows: v.count, columns: 1, elements: v)
    let atPoint = BLAS.product(column, .plain, column, .transposed)
    let moments = forms.moments(nearest: atPoint)
    // The moments of a point have exactly its matrix.
    let back = forms.matrix(ofMoments: moments, degree: order)
    #expect(zip(back.elements, atPoint.elements).allSatisfy { abs($0 - $1) <= 1e-14 })
    var form = Matrix(rows: v.count, columns: v.count)
    for e in form.elements.indices { form.elements[e] = generator.normal() }
    let polynomial = forms.coefficients(of: form, degree: order)
    let value = BLAS.dot(form.elements, atPoint.elements)
    #expect(abs(BLAS.dot(polynomial, moments) - value) <= 1e-12)
    #expect(abs(value) <= forms.largestValue(ofCoefficients: polynomial))
    let least = forms.matrix(ofCoefficients: polynomial)
    #expect(abs(BLAS.dot(least.elements, atPoint.elements) - value) <= 1e-12)
    // Times |u|^2 = 1, one degree up.
    let lower = forms.lowered(moments, toDegree: order - 1)
    let w = lower.map { _ in generator.normal() }
    var raised = [Double](repeating: 0, count: moments.count)
    forms.raise(w, fromDegree: order - 1, into: &raised)
    #expect(abs(BLAS.dot(w, lower) - BLAS.dot(raised, moments)) <= 1e-12)
  }

  @Test func uniformMomentsHaveTraceOneAndThoseOfTheBetaDistribution() {
    let forms = SphereForms(dimension: 3, order: 2)
    let matrix = forms.matrix(ofMoments: forms.uniformMoments, degree: 2)
    #expect(abs((0..<matrix.rows).reduce(0) { $0 + matrix[$1, $1] } - 1) <= 1e-14)
    // The mean of u_1^4 on the sphere of R^3 is 1/5, of u_1^2 is 1/3.
    #expect(abs(matrix[0, 0] - 0.2) <= 1e-15)
    #expect(abs(forms.lowered(forms.uniformMoments, toDegree: 1)[0] - 1.0 / 3) <= 1e-15)
  }

  @Test(arguments: 1...4)
  func polynomialsStayOnTheirSideOfTheModulus(degree: Int) {
    var generator = SeededGenerator(seed: UInt64(degree))
    let bounds = ModulusBounds(degree: degree, dimension: 5)
    var scratch = ModulusBounds.Scratch()
    for trial in 0..<200 {
      var moments = [Double](repeating: 1, count: degree + 1)
      if trial % 4 == 0 {
        // No measure has these: the polynomials are valid all the same.
        for k in 1...degree { moments[k] = generator.normal() * (trial % 8 == 0 ? 1 : 1e9) }
      } else {
        let points = (0..<trial % 3 + 1).map { _ in generator.uniform() }
        for k in 1...degree {
          moments[k] =
            points.reduce(0) { sum, t in sum + (0..<k).reduce(1.0) { p, _ in p * t } }
            / Double(points.count)
        }
      }
      for isAbove in [true, false] {
        let error = bounds.set(moments, isAbove: isAbove, &scratch)
        #expect(error < 1e-5)
        for step in 0...400 {
          let t = Double(step) / 400
          let value = (0...degree).reversed().reduce(0) { $0 * t * t + scratch.polynomial[$1] }
          let excess = isAbove ? value - t : t - value
          #expect(excess >= -error - 1e-10)
        }
      }
    }
  }

  @Test func polynomialsOfHigherDegreeAreSharper() {
    var last = Double.infinity
    for degree in 1...4 {
      // Moments of (x . u)^2 for uniform u in R^9.
      var moments = [1.0]
      for j in 0..<degree { moments.append(moments[j] * Double(2 * j + 1) / Double(9 + 2 * j)) }
      let bounds = ModulusBounds(degree: degree, dimension: 9)
      var scratch = ModulusBounds.Scratch()
      var width = 0.0
      for isAbove in [true, false] {
        _ = bounds.set(moments, isAbove: isAbove, &scratch)
        let mean = (0...degree).reduce(0) { $0 + scratch.polynomial[$1] * moments[$1] }
        width += isAbove ? mean : -mean
      }
      #expect(width > 0)
      #expect(width < last)
      last = width
    }
    #expect(last <= 0.048)
  }
}
