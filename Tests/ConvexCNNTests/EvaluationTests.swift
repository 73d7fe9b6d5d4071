import ConvexCNN
import Testing

struct EvaluationTests {
  @Test func confusionCountsTrueClassesInRows() throws {
    let labels = Labels.classes([0, 1, 2, 2], count: 3)
    let predictions = Matrix([[2, 1, 0], [3, 1, 0], [0, 0, 1], [0, 0, 1]])
    let evaluation = Evaluation(
      predictions: predictions, labels: labels, classNames: ["a", "b", "c"],
      loss: try labels.loss(named: "softmax"))
    #expect(evaluation.confusion == [[1, 0, 0], [1, 0, 0], [0, 0, 2]])
    #expect(evaluation.accuracy.value == 0.75)
    #expect(evaluation.r2.value == nil)
  }

  @Test func explainedVarianceIsOneForPerfectAndZeroForTheMean() throws {
    let values = Matrix([[1.0], [2], [6]])
    let labels = Labels.regression(values)
    let loss = try labels.loss(named: "squared")
    let perfect = Evaluation(predictions: values, labels: labels, classNames: [], loss: loss)
    let mean = Evaluation(
      predictions: Matrix([[3.0], [3], [3]]), labels: labels, classNames: [], loss: loss)
    #expect(perfect.r2.value == 1)
    #expect(mean.r2.value == 0)
    #expect(mean.accuracy.value == nil)
    #expect(mean.confusion == [])
  }
}
