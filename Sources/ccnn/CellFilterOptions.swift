import ArgumentParser
import ConvexCNN

/// Facets, and which cells are kept.
struct CellFilterOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Write which rows bound each cell, packed like --output; zero rows bound none.",
      valueName: "file.npy"))
  var facets: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Keep cells with at least so many facets, an integer >= 1.", valueName: "count"))
  var minFacets: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Keep cells with at most so many facets, an integer >= 1.", valueName: "count"))
  var maxFacets: Int?

  @Option(
    help: ArgumentHelp(
      "Weights, NPY or CSV, one per row of normals; the value of a cell is the sum over its "
        + "active rows.", valueName: "file"))
  var functional: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Keep cells with at least this value, a number.", valueName: "value"))
  var minValue: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Keep cells with at most this value, a number.", valueName: "value"))
  var maxValue: Double?

  /// Whether some cells may be left out.
  var isFiltering: Bool { minFacets != nil || maxFacets != nil || functional != nil }

  /// Filters with their values.
  var given: [(option: String, value: String?)] {
    [
      ("--min-facets", minFacets.map { "\($0)" }), ("--max-facets", maxFacets.map { "\($0)" }),
      ("--functional", functional),
    ]
  }

  /// What the files depend on, besides the rows and the other options.
  var summary: String {
    "\(facets != nil) \(minFacets ?? 0) \(maxFacets ?? -1) \(functional ?? "-") "
      + "\(minValue.map { "\($0)" } ?? "-") \(maxValue.map { "\($0)" } ?? "-")"
  }

  /// Adds what is wrong with the options to a list.
  func check(_ problems: inout OptionProblems) {
    problems.check("--min-facets", minFacets, atLeast: 1)
    problems.check("--max-facets", maxFacets, atLeast: max(1, minFacets ?? 1))
    problems.check("--min-value", minValue, "a number") { _ in true }
    problems.check("--max-value", maxValue, "a number >= --min-value") { [minValue] in
      $0 >= minValue ?? $0
    }
    if functional == nil, minValue != nil || maxValue != nil {
      problems.require("--functional with --min-value or --max-value")
    }
    if functional != nil, minValue == nil, maxValue == nil {
      problems.require("--min-value or --max-value with --functional")
    }
  }

  /// The filter for rows.
  ///
  /// - Throws: `InputError` or `FormatError` when the weights are wrong.
  func filter(_ essential: EssentialRows) throws -> CellFilter {
    var result = CellFilter()
    if minFacets != nil || maxFacets != nil {
      result.facetCounts = (minFacets ?? 1)...(maxFacets ?? .max)
    }
    guard let functional else { return result }
    let array =
      functional.hasSuffix(".csv") ? try CSV.read(functional).array : try NPY.read(functional)
    let rows = essential.lineOfRow.count
    guard array.elements.count == rows else {
      throw InputError(
        .data, "--functional \(functional)", expected: "\(rows) weights, one per row",
        found: "\(array.elements.count)", advice: "Give one number for every row of normals.")
    }
    if let index = array.elements.firstIndex(where: { !$0.isFinite }) {
      throw InputError(
        .data, "--functional \(functional)", expected: "finite weights",
        found: "\(array.elements[index]) at \(index)", advice: "Repair the file.")
    }
    result.functional = CellFunctional(weights: array.elements, essential: essential)
    result.values = (minValue ?? -.infinity)...(maxValue ?? .infinity)
    return result
  }
}
