/// Why the comparison stopped: where, what was expected, what was found, what to do.
struct PeersError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
