import ConvexCNN

#if MPI
  import MessagePassing
#endif

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The processes that a launcher started together, if it did: `mpirun -n 4 ccnn train ...`.
///
/// Process 0 runs the command, alone in reading, printing and writing; the others do their part of its passes over the data.
enum Launch {
  #if MPI
    private static let ranks = MPIRanks()
    /// The processes, seen from process 0; nil where there is no launcher.
    static let team: RankTeam? = ranks.flatMap { $0.index == 0 ? RankTeam(leading: $0) : nil }
    /// Threads that each process may use: processes on one machine share its processors, unless the launcher gave each its own.
    static var threadCount: Int {
      guard let ranks else { return Parallel.processorCount }
      return max(1, min(ranks.ownProcessorCount, Parallel.processorCount / ranks.localCount))
    }
  #else
    /// The processes; nil, since this build is without MPI.
    static let team: RankTeam? = nil
    /// Threads that the process may use.
    static let threadCount = Parallel.processorCount
  #endif

  /// Joins the other processes, and serves process 0 unless this is it.
  ///
  /// - Returns: Whether to run the command.
  static func begin() throws -> Bool {
    #if MPI
      guard let ranks else { return true }
      if team != nil {
        // However the command ends, the others must know.
        atexit {
          Launch.team?.dismiss()
          Launch.ranks?.leave()
        }
        return true
      }
      // Process 0 decides when to stop.
      for number in [SIGINT, SIGTERM] { signal(number, SIG_IGN) }
      try RankServer(ranks, makers: RankServer.allMakers).run()
      ranks.leave()
      return false
    #else
      return true
    #endif
  }
}
