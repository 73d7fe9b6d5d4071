// Runs the Swift blocks of one document, given the name of its function. Tests compare what it prints.
import Foundation

guard CommandLine.arguments.count == 2, try runBlocks(of: CommandLine.arguments[1]) else {
  let found = CommandLine.arguments.dropFirst().joined(separator: " ")
  print("DocumentationSnippets: expected the name of a document, found \"\(found)\".")
  exit(64)
}
