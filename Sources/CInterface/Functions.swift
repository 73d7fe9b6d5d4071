import ConvexCNN

/// Trains and certifies a network: `convexcnn_train` of `convexcnn.h`.
///
/// - Parameters:
///   - images: Batch, row-major; read during the call, copied once.
///   - shape: Its shape `[n, channels, height, width]`.
///   - isSignal: Not 0 where samples are signals, of height 1.
///   - classes: Classes `0..<outputCount`, `[n]`; NULL for regression.
///   - targets: Targets `[n, outputCount]`; NULL for classes.
///   - outputCount: Number of classes, or of targets per sample.
///   - options: JSON object of options.
///   - stopFlag: Handle of a flag that ends training; 0 for none.
///   - model: Receives the handle of the model.
///   - message: Receives what is wrong.
///   - messageCapacity: Bytes of `message`.
/// - Returns: 0, or an exit code of the command-line tool: 64 options, 65 data, 130 interrupted, 1 others.
@_cdecl("convexcnn_train")
public func convexCNNTrain(
  _ images: UnsafePointer<Double>?, _ shape: UnsafePointer<Int64>?, _ isSignal: Int32,
  _ classes: UnsafePointer<Int64>?, _ targets: UnsafePointer<Double>?, _ outputCount: Int64,
  _ options: UnsafePointer<CChar>?, _ stopFlag: Int64, _ model: UnsafeMutablePointer<Int64>?,
  _ message: UnsafeMutablePointer<CChar>?, _ messageCapacity: Int64
) -> Int32 {
  Outcome.of(message, messageCapacity) {
    guard let model else { throw Batch.null("model") }
    let shape = try Batch.shape(shape)
    let isSignal = isSignal != 0
    guard !isSignal || shape[2] == 1 else {
      throw InputError(
        .data, "shape", expected: "height 1 for signals", found: "\(shape)",
        advice: "Give signals as [n, channels, 1, length].")
    }
    let options = try TrainingOptions(
      json: try Batch.text(options, "options"), shape: Array(shape.dropFirst()), isSignal: isSignal)
    let data = LabeledDataset(
      name: "images", images: try Batch.images(images, shape: shape), isSignal: isSignal,
      labels: try labels(classes, targets, samples: shape[0], outputCount),
      classNames: classes == nil ? [] : (0..<outputCount).map { "\($0)" })
    let flag = StopFlag.all.value(stopFlag)
    let trainer = Trainer(
      configuration: options.configuration, threads: options.threads,
      maximumSeconds: options.maximumSeconds, isInterrupted: { flag?.isRaised ?? false })
    let (trained, result) = try trainer.train(on: Dataset(train: data, test: nil))
    model.pointee = TrainedModel.all.insert(
      TrainedModel(model: trained, result: try JSON.text(of: result)))
  }
}

/// The labels of exactly one of two arrays.
private func labels(
  _ classes: UnsafePointer<Int64>?, _ targets: UnsafePointer<Double>?, samples: Int, _ count: Int64
) throws -> Labels {
  switch (classes, targets) {
  case (let classes?, nil): try Batch.classes(classes, samples: samples, count: count)
  case (nil, let targets?): try Batch.targets(targets, samples: samples, columns: count)
  default:
    throw InputError(
      .usage, "classes, targets", expected: "one of both",
      found: classes == nil ? "none" : "both", advice: "Pass NULL for the other.")
  }
}

/// Outputs of a model on images, written to the caller's array: `convexcnn_model_predict`.
///
/// - Parameters:
///   - model: Handle of the model.
///   - images: Batch, row-major; read during the call, copied once.
///   - shape: Its shape `[n, channels, height, width]`.
///   - threads: Threads to use, at least 1.
///   - outputs: Receives `[n, outputCount]`.
///   - outputCount: Number of outputs that `outputs` has room for per sample.
///   - message: Receives what is wrong.
///   - messageCapacity: Bytes of `message`.
/// - Returns: 0, or an exit code of the command-line tool.
@_cdecl("convexcnn_model_predict")
public func convexCNNModelPredict(
  _ model: Int64, _ images: UnsafePointer<Double>?, _ shape: UnsafePointer<Int64>?,
  _ threads: Int64, _ outputs: UnsafeMutablePointer<Double>?, _ outputCount: Int64,
  _ message: UnsafeMutablePointer<CChar>?, _ messageCapacity: Int64
) -> Int32 {
  Outcome.of(message, messageCapacity) {
    let model = try TrainedModel.of(model).model
    guard let outputs else { throw Batch.null("outputs") }
    guard threads >= 1, threads <= 4096 else {
      throw InputError(
        .usage, "threads", expected: "1...4096", found: "\(threads)",
        advice: "Choose a value in that range.")
    }
    guard outputCount == Int64(model.network.outputCount) else {
      throw InputError(
        .usage, "outputCount", expected: "\(model.network.outputCount)", found: "\(outputCount)",
        advice: "Ask convexcnn_model_output_count.")
    }
    let batch = try Batch.images(images, shape: try Batch.shape(shape))
    let result = try model.predictions(of: batch, threads: Int(threads))
    for (i, value) in result.elements.enumerated() { outputs[i] = value }
  }
}

/// Number of outputs of a model, -1 where there is no such model: `convexcnn_model_output_count`.
@_cdecl("convexcnn_model_output_count")
public func convexCNNModelOutputCount(_ model: Int64) -> Int64 {
  TrainedModel.all.value(model).map { Int64($0.model.network.outputCount) } ?? -1
}

/// The result of training as JSON, the keys of `ccnn train --json`: `convexcnn_model_result`.
///
/// - Parameters:
///   - model: Handle of the model.
///   - text: Receives the text and a zero byte, cut off where it ends.
///   - capacity: Bytes of `text`.
/// - Returns: Bytes of the whole text; -1 where there is no such model, or where it was read from a file.
@_cdecl("convexcnn_model_result")
public func convexCNNModelResult(
  _ model: Int64, _ text: UnsafeMutablePointer<CChar>?, _ capacity: Int64
) -> Int64 {
  guard let result = TrainedModel.all.value(model)?.result else { return -1 }
  return Outcome.write(result, to: text, capacity)
}

/// Writes a model file, as `ccnn train --output` does: `convexcnn_model_write`.
///
/// - Parameters:
///   - model: Handle of the model.
///   - path: The file.
///   - message: Receives what is wrong.
///   - messageCapacity: Bytes of `message`.
/// - Returns: 0, or an exit code of the command-line tool: 74 where the file cannot be written.
@_cdecl("convexcnn_model_write")
public func convexCNNModelWrite(
  _ model: Int64, _ path: UnsafePointer<CChar>?,
  _ message: UnsafeMutablePointer<CChar>?, _ messageCapacity: Int64
) -> Int32 {
  Outcome.of(message, messageCapacity) {
    try TrainedModel.of(model).model.write(to: try Batch.text(path, "path"))
  }
}

/// Reads a model file: `convexcnn_model_read`.
///
/// - Parameters:
///   - path: The file.
///   - model: Receives the handle of the model.
///   - message: Receives what is wrong.
///   - messageCapacity: Bytes of `message`.
/// - Returns: 0, or an exit code of the command-line tool: 65 where the file is damaged, 74 where it cannot be read.
@_cdecl("convexcnn_model_read")
public func convexCNNModelRead(
  _ path: UnsafePointer<CChar>?, _ model: UnsafeMutablePointer<Int64>?,
  _ message: UnsafeMutablePointer<CChar>?, _ messageCapacity: Int64
) -> Int32 {
  Outcome.of(message, messageCapacity) {
    guard let model else { throw Batch.null("model") }
    let read = try Model(contentsOf: try Batch.text(path, "path"))
    model.pointee = TrainedModel.all.insert(TrainedModel(model: read, result: nil))
  }
}

/// Frees a model; a handle that names none is left alone: `convexcnn_model_free`.
@_cdecl("convexcnn_model_free")
public func convexCNNModelFree(_ model: Int64) { TrainedModel.all.remove(model) }

/// A new flag to stop training with: `convexcnn_flag_new`.
@_cdecl("convexcnn_flag_new")
public func convexCNNFlagNew() -> Int64 { StopFlag.all.insert(StopFlag()) }

/// Asks the training that looks at a flag to stop; any thread may: `convexcnn_flag_raise`.
@_cdecl("convexcnn_flag_raise")
public func convexCNNFlagRaise(_ flag: Int64) { StopFlag.all.value(flag)?.raise() }

/// Frees a flag; a handle that names none is left alone: `convexcnn_flag_free`.
@_cdecl("convexcnn_flag_free")
public func convexCNNFlagFree(_ flag: Int64) { StopFlag.all.remove(flag) }

/// The version of the package: `convexcnn_version`.
///
/// - Parameters:
///   - text: Receives the text and a zero byte, cut off where it ends.
///   - capacity: Bytes of `text`.
/// - Returns: Bytes of the whole text.
@_cdecl("convexcnn_version")
public func convexCNNVersion(_ text: UnsafeMutablePointer<CChar>?, _ capacity: Int64) -> Int64 {
  Outcome.write(ConvexCNN.Package.version, to: text, capacity)
}
