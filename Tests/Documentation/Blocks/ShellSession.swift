/// What a block of shell lines says: commands with the output shown, and `ccnn` commands without.
package struct ShellSession: Sendable {
  /// A command after `$ `, with the lines shown below it.
  package struct Step: Sendable, Equatable {
    /// The command, continuation lines joined, without `; echo $?`.
    package let command: String
    /// Whether the exit code is the last line of the output.
    package let showsCode: Bool
    /// Lines shown as output, empty lines at the end dropped.
    package let output: [String]
  }

  /// The commands that are run, in order.
  package let steps: [Step]
  /// Words of every `ccnn` command, run or not, without the name of the tool.
  package let toolCommands: [[String]]

  /// Reads a block.
  package init(_ lines: [String]) {
    var steps = [Step]()
    var commands = [String]()
    for line in Self.joined(lines) {
      if line.hasPrefix("$ ") {
        let ending = "; echo $?"
        let showsCode = line.hasSuffix(ending)
        let command = String(line.dropFirst(2).dropLast(showsCode ? ending.count : 0))
        steps.append(Step(command: command, showsCode: showsCode, output: []))
        commands.append(command)
      } else if let last = steps.popLast() {
        steps.append(
          Step(
            command: last.command, showsCode: last.showsCode, output: last.output + [line]))
      } else {
        commands.append(line)
      }
    }
    self.steps = steps.map { step in
      let kept = step.output.reversed().drop { $0.allSatisfy(\.isWhitespace) }.reversed()
      return Step(command: step.command, showsCode: step.showsCode, output: Array(kept))
    }
    toolCommands = commands.flatMap(Self.toolCommands)
  }

  /// Lines with those joined to the next that end in a backslash.
  private static func joined(_ lines: [String]) -> [String] {
    var result = [String]()
    var open = ""
    for line in lines {
      if line.hasSuffix("\\") {
        open += line.dropLast()
      } else {
        result.append(open + line)
        open = ""
      }
    }
    return open.isEmpty ? result : result + [open]
  }

  /// Words after every `ccnn` (in any folder) of a line, up to the end of that command.
  private static func toolCommands(of line: String) -> [[String]] {
    var result = [[String]]()
    var open: [String]?
    for word in line.prefix(while: { $0 != "#" }).split(separator: " ") {
      if ["|", "&&", "||", ";", ">", "&"].contains(word) {
        if let open { result.append(open) }
        open = nil
      } else if open != nil {
        open?.append(word.filter { $0 != ";" })
        if word.hasSuffix(";") {
          result.append(open ?? [])
          open = nil
        }
      } else if word == "ccnn" || word.hasSuffix("/ccnn") {
        open = []
      }
    }
    return result + (open.map { [$0] } ?? [])
  }
}
