// Made by `make snippets` from the Swift blocks of the documentation.

/// Runs the Swift blocks of one document.
///
/// - Parameter name: Name of the document's function.
/// - Returns: Whether there is such a document.
/// - Throws: What a block throws.
func runBlocks(of name: String) throws -> Bool {
  switch name {
  case "readme": try readme()
  case "arrangementsEnumeratingCells": try arrangementsEnumeratingCells()
  case "convexCNNFromDataToAnExportedNetwork": try convexCNNFromDataToAnExportedNetwork()
  case "convolutionsCircularConvolutions": try convolutionsCircularConvolutions()
  case "convolutionsPatchesAndPooling": try convolutionsPatchesAndPooling()
  case "convolutionsThreeWaysToConvolve": try convolutionsThreeWaysToConvolve()
  case "formatsDataFiles": try formatsDataFiles()
  case "reportsPagesThatLoadNothing": try reportsPagesThatLoadNothing()
  case "tensorsTheSameBits": try tensorsTheSameBits()
  default: return false
  }
  return true
}
