import CInterface
import ConvexCNN
import Testing

/// The C functions, called as C code calls them.
struct FunctionsTests {
  /// Eight signals of four points whose class is the sign of their slope, and these classes.
  private static let images: [Double] = (0..<8).flatMap { (i: Int) -> [Double] in
    let (slope, offset) = (i % 2 == 0 ? 1.0 : -1.0, 0.1 * Double(i))
    return (0..<4).map { (k: Int) -> Double in Double(k) * slope + offset }
  }
  private static let classes: [Int64] = [0, 1, 0, 1, 0, 1, 0, 1]
  private static let shape: [Int64] = [8, 1, 1, 4]

  private func train(
    _ options: String, images: [Double] = images, shape: [Int64] = shape,
    classes: [Int64]? = classes, flag: Int64 = 0
  ) -> (code: Int32, model: Int64, message: String) {
    var model: Int64 = 0
    var message = [CChar](repeating: 0, count: 1000)
    let code =
      if let classes {
        convexCNNTrain(images, shape, 1, classes, nil, 2, options, flag, &model, &message, 1000)
      } else {
        convexCNNTrain(images, shape, 1, nil, nil, 2, options, flag, &model, &message, 1000)
      }
    let text = String(
      decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return (code, model, text)
  }

  @Test func trainsTheModelOfTheTrainer() throws {
    let (code, handle, message) = train(#"{"filter": "2", "lambdaRatio": 0.1, "bias": true}"#)
    #expect(code == 0, "\(message)")
    defer { convexCNNModelFree(handle) }
    var configuration = TrainingConfiguration(filter: try #require(FilterSize(rawValue: "2")))
    configuration.strength = .ratio(0.1)
    configuration.bias = true
    let tensor = Tensor(shape: Self.shape.map(Int.init), elements: Self.images)
    let data = LabeledDataset(
      name: "images", images: tensor, isSignal: true,
      labels: .classes(Self.classes.map(Int.init), count: 2), classNames: ["0", "1"])
    let model = try Trainer(configuration: configuration).train(on: Dataset(train: data)).model
    var outputs = [Double](repeating: 0, count: 16)
    #expect(
      convexCNNModelPredict(handle, Self.images, Self.shape, 1, &outputs, 2, nil, 0) == 0)
    #expect(outputs == (try model.predictions(of: tensor).elements))
    #expect(convexCNNModelOutputCount(handle) == 2)
    let size = convexCNNModelResult(handle, nil, 0)
    var text = [CChar](repeating: 0, count: Int(size) + 1)
    #expect(convexCNNModelResult(handle, &text, size + 1) == size)
    #expect(text.last == 0 && text.first == CChar(bitPattern: UInt8(ascii: "{")))
  }

  @Test func refusesOptionsByName() {
    let unknown = train(#"{"fliter": "2"}"#)
    #expect(unknown.code == 64)
    #expect(unknown.message.contains(#"found "fliter". Did you mean filter?"#))
    let type = train(#"{"stride": "two"}"#)
    #expect(type.code == 64 && type.message.hasPrefix("options.stride: expected"))
    let fraction = train(#"{"stride": 1.5}"#)
    #expect(fraction.code == 64 && fraction.message.hasPrefix("options.stride: "))
    #expect(train(#"{"seed": -1}"#).message.hasPrefix("seed: expected an integer >= 0"))
    let both = train(#"{"lambda": 1, "lambdaRatio": 0.1, "stride": 0, "padding": "same"}"#)
    #expect(both.code == 64)
    for name in ["lambdaRatio", "stride", "padding"] { #expect(both.message.contains("\(name): ")) }
    #expect(train("[]").code == 64)
    #expect(train(#"{"filter": "3x3"}"#).message.contains("samples are signals"))
    #expect(train(#"{"solver": "local"}"#).code == 64)
    #expect(train(#"{"activation": "gated", "cells": "all"}"#).code == 64)
    #expect(train(#"{"step": "away"}"#).message.hasPrefix("step: expected no value without"))
  }

  @Test func refusesDataByIndex() {
    var images = Self.images
    images[9] = .nan
    let bad = train("{}", images: images)
    #expect(bad.code == 65 && bad.message.hasPrefix("images[2]: expected a finite number"))
    let far = train("{}", classes: [0, 1, 0, 1, 0, 1, 0, 7])
    #expect(far.code == 65 && far.message.hasPrefix("classes[7]: expected a class in 0...1"))
    #expect(train("{}", classes: [0, 0, 0, 0, 0, 0, 0, 0]).code == 65)
    #expect(train("{}", shape: [8, 1, -1, 4]).code == 65)
    #expect(train("{}", shape: [1 << 40, 1 << 40, 1, 4]).code == 65)
    #expect(train("{}", classes: nil).message.hasPrefix("classes, targets: expected one of both"))
  }

  @Test func stopsWhenTheFlagIsRaised() {
    let flag = convexCNNFlagNew()
    defer { convexCNNFlagFree(flag) }
    convexCNNFlagRaise(flag)
    let stopped = train("{}", flag: flag)
    #expect(stopped.code == 130 && stopped.message.hasPrefix("interrupted during"))
    #expect(stopped.model == 0)
  }

  @Test func unknownHandlesAreErrors() {
    var outputs = [0.0]
    #expect(convexCNNModelPredict(-5, Self.images, Self.shape, 1, &outputs, 1, nil, 0) == 64)
    #expect(convexCNNModelOutputCount(-5) == -1)
    #expect(convexCNNModelResult(-5, nil, 0) == -1)
    #expect(convexCNNModelWrite(-5, "/nowhere", nil, 0) == 64)
    convexCNNModelFree(-5)
    convexCNNFlagRaise(-5)
    var model: Int64 = 0
    #expect(convexCNNModelRead("/nowhere/m.safetensors", &model, nil, 0) == 74)
    #expect(model == 0)
  }
}
