/// A fenced block of a Markdown file.
package struct MarkdownBlock: Sendable, Equatable {
  /// What the tag after the fence says about a block, and what is checked.
  package enum Kind: String, CaseIterable, Sendable {
    /// Compiled in the order of the file, run, and what it prints compared.
    case swift
    /// Lines `$ command` are run and their output compared; in other lines `ccnn` commands are looked up.
    case sh
    /// Compiled by Python where there is one.
    case python
    /// Not checked: formulas, tables, and output that another block is compared with.
    case text
    /// Not checked: declarations of the C interface.
    case c
  }

  /// The word after the fence, empty if there is none.
  package let tag: String
  /// The lines between the fences, indentation of the fence removed.
  package let lines: [String]
  /// Number of the line of the opening fence, from 1.
  package let line: Int
  /// Why the block is not run: the reason in `<!-- not run: reason -->` on the line before.
  package let excuse: String?
  /// Whether the paragraph before ends in "prints", which makes the block the output of the one before.
  package let isOutput: Bool

  /// What is checked, nil for a block without a tag or with an unknown one.
  package var kind: Kind? { Kind(rawValue: tag) }
}
