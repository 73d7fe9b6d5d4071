// Runs the Swift blocks of one document: Snippets <function name>. The tests compare what it prints.
import Foundation

guard CommandLine.arguments.count == 2, try runBlocks(of: CommandLine.arguments[1]) else {
  print("Snippets: expected the name of a document, found \(CommandLine.arguments.dropFirst()).")
  exit(64)
}
