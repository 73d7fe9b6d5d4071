// Writes the Swift blocks of the documentation to Tests/Documentation/Snippets (`make snippets`).
import DocumentationBlocks
import Foundation

let repository = Repository()
let folder = repository.root.appendingPathComponent(Repository.snippetFolder)
let files = try repository.snippetFiles()
for (name, text) in files {
  try Data(text.utf8).write(to: folder.appendingPathComponent(name))
}
for name in try FileManager.default.contentsOfDirectory(atPath: folder.path)
where files[name] == nil && name != "main.swift" {
  try FileManager.default.removeItem(at: folder.appendingPathComponent(name))
}
