import ConvexCNN
import Testing

struct LabelsTests {
  private let classes = Labels.classes([0, 1, 1], count: 2)
  private let signs = Labels.signs([-1, 1, 1])
  private let targets = Labels.regression(Matrix([[0.5], [2], [1]]))

  @Test(arguments: [("squared", 2, 1, 1), ("softmax", 2, 2, 0), ("logistic", 1, 1, 0)])
  func outputsOfEachLoss(name: String, ofClasses: Int, ofSigns: Int, ofTargets: Int) throws {
    let first = try classes.loss(named: name).outputCount
    let second = try signs.loss(named: name).outputCount
    let third = (try? targets.loss(named: name).outputCount) ?? 0
    #expect([first, second, third] == [ofClasses, ofSigns, ofTargets])
    #expect(classes.kind.outputCount(loss: name) == ofClasses)
    #expect(signs.kind.outputCount(loss: name) == ofSigns)
  }

  @Test func logisticTakesClassesAsSigns() throws {
    let predictions = Matrix(rows: 3, columns: 1, elements: [0.3, -0.2, 0.7])
    let a = try classes.loss(named: "logistic").value(at: predictions)
    let b = try signs.loss(named: "logistic").value(at: predictions)
    #expect(a == b)
  }

  @Test func defaultsFollowTheLabels() {
    #expect(classes.defaultLossName == "softmax")
    #expect(targets.defaultLossName == "squared")
  }

  @Test func oneClassIsRefused() {
    let one = Labels.classes([1, 1], count: 2)
    #expect(throws: InputError.self) { try one.requireTwoClasses(in: "y") }
    #expect(throws: Never.self) { try targets.requireTwoClasses(in: "y") }
  }

  @Test(arguments: ["classes:10", "signs", "regression:3"])
  func kindNamesReadBack(name: String) {
    #expect(LabelKind(name: name)?.name == name)
  }

  @Test(arguments: ["classes", "classes:0", "signs:2", "regression:x", ""])
  func otherKindNamesAreRefused(name: String) {
    #expect(LabelKind(name: name) == nil)
  }
}
