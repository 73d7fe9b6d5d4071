import ConvexCNN

extension TrainCommand {
  /// Prints what training would work on, and writes nothing but `--json`.
  func report(
    _ forecast: TrainingForecast, of activation: Activation, data: String
  ) throws {
    try Outputs.write(try JSON.text(of: forecast), to: common.json)
    guard !common.quiet, common.json != "-" else { return }
    var table = Table("ccnn train --dry-run")
    table.add("data", data)
    table.add(
      "patches",
      "\(forecast.samples) samples x \(forecast.positions) positions = \(forecast.rows) patches of "
        + "\(forecast.patchDimension) entries")
    table.add("network", "\(forecast.windows) windows per filter, \(forecast.outputs) outputs")
    table.add(
      "memory",
      "images \(ByteCount(forecast.imageBytes)), patches \(ByteCount(forecast.patchBytes)) (kept up "
        + "to 256 MiB), features "
        + (forecast.featureBytes.value.map { "\(ByteCount($0))" } ?? "known when cells are listed"))
    forecast.memoryPlan.value.map { table.add("within --memory", $0) }
    table.add(
      "cells",
      activation == .relu || activation == .gated
        ? "at most "
          + (forecast.cellCountBound.value.map { digits($0, "%.4g") } ?? "1e308 and more")
          + " (hyperplanes in general position)"
        : "none: the program covers all filters")
    print(table.text(last: "Nothing was trained or written."), terminator: "")
  }
}
