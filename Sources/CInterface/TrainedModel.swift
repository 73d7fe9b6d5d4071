import ConvexCNN
import Synchronization

/// A model behind a handle, with the result of its training where it was trained here.
struct TrainedModel: Sendable {
  let model: Model
  /// The result as JSON; nil for a model that was read from a file.
  let result: String?

  /// All models that C code holds.
  static let all = HandleTable<TrainedModel>()

  /// The model of a handle.
  ///
  /// - Throws: `InputError` when there is none.
  static func of(_ handle: Int64) throws -> TrainedModel {
    guard let model = all.value(handle) else {
      throw InputError(
        .usage, "model", expected: "the handle of a model", found: "\(handle)",
        advice: "Use what convexcnn_train or convexcnn_model_read gave, before it is freed.")
    }
    return model
  }
}

/// A request to stop that one thread raises and another looks at.
final class StopFlag: Sendable {
  private let flag = Atomic<Bool>(false)

  /// All flags that C code holds.
  static let all = HandleTable<StopFlag>()

  /// Whether stopping was asked for.
  var isRaised: Bool { flag.load(ordering: .relaxed) }

  /// Asks to stop.
  func raise() { flag.store(true, ordering: .relaxed) }
}
