import Arrangements
import Tensors
import Testing

struct BigIntegerTests {
  private func random(_ generator: inout SeededGenerator, words: Int) -> BigInteger {
    var number = BigInteger(Int64(truncatingIfNeeded: generator.next()) >> 1)
    for _ in 1..<max(words, 1) {
      // A zero word now and then.
      let next = generator.integer(below: 4) == 0 ? 0 : Int64(generator.next() >> 2)
      number = number.shifted(by: 63) + BigInteger(next)
    }
    return number
  }

  @Test func smallNumbersAgreeWithTheMachine() {
    let values: [Int64] = [0, 1, -1, 7, -12, 1 << 40, -(1 << 62), .max, .min + 1]
    for a in values {
      for b in values {
        let (x, y) = (BigInteger(a), BigInteger(b))
        let (wideA, wideB) = (Int128(a), Int128(b))
        #expect((x + y).description == "\(wideA + wideB)")
        #expect((x - y).description == "\(wideA - wideB)")
        #expect((x * y).description == "\(wideA * wideB)")
      }
    }
  }

  @Test(arguments: 0..<50)
  func productsAreDividedExactly(seed: Int) {
    var generator = SeededGenerator(seed: UInt64(seed))
    let a = random(&generator, words: 1 + generator.integer(below: 8))
    let b = random(&generator, words: 1 + generator.integer(below: 8))
    let c = random(&generator, words: 1 + generator.integer(below: 8))
    #expect((a + b) * c == a * c + b * c)
    #expect(a - b + b == a)
    #expect(a.shifted(by: 67) == a * BigInteger(2).shifted(by: 66))
    guard b.sign != 0 else { return }
    #expect((a * b).dividedExactly(by: b) == a)
    #expect((a * b).sign == a.sign * b.sign)
    #expect((a * b).shifted(by: seed).dividedExactly(by: b.shifted(by: seed)) == a)
  }

  @Test func leadingBitsAreAFraction() {
    let (value, exponent) = BigInteger(-3).shifted(by: 200).fraction
    #expect(value == -0.75)
    #expect(exponent == 202)
    #expect(BigInteger(0).fraction.value == 0)
    #expect(BigInteger(1).shifted(by: 100).description == "1267650600228229401496703205376")
    #expect(BigInteger(1).shifted(by: 100).bitCount == 101)
  }
}
