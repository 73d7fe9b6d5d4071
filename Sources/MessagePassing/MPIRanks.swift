#if MPI
  import CMessagePassing
  import Tensors

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Darwin)
    import Darwin
  #endif

  /// The processes that `mpirun` or `srun` started, by MPI.
  ///
  /// An error of MPI, and a process that dies, end the whole job; the launcher says why. All calls must come from one thread.
  package struct MPIRanks: Ranks {
    /// The number of this process, from 0.
    package let index: Int
    /// How many there are.
    package let count: Int
    /// How many there are on this machine, which share its processors.
    package let localCount: Int

    /// Processors that the launcher lets this process use.
    package let ownProcessorCount: Int

    /// What launchers tell the processes that they start.
    private static let signs = ["OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"]

    /// Joins the other processes; nil where no launcher started this one, and then MPI is not started.
    package init?() {
      guard Self.signs.contains(where: { getenv($0) != nil }) else { return nil }
      ccnn_ranks_start()
      index = Int(ccnn_ranks_index())
      count = Int(ccnn_ranks_count())
      localCount = max(1, Int(ccnn_ranks_local_count()))
      let own = Int(ccnn_ranks_processors())
      ownProcessorCount = own > 0 ? own : Parallel.processorCount
    }

    /// Leaves; all processes must.
    package func leave() { ccnn_ranks_end() }

    /// Sends numbers to another process.
    package func send(_ numbers: [Double], to rank: Int) {
      numbers.withUnsafeBufferPointer {
        ccnn_ranks_send($0.baseAddress, $0.count, Int32(rank))
      }
    }

    /// Waits for the next numbers from another process.
    package func receive(from rank: Int) -> [Double] {
      let size = ccnn_ranks_receive_count(Int32(rank))
      return [Double](unsafeUninitializedCapacity: size) { buffer, initialized in
        ccnn_ranks_receive(buffer.baseAddress, size, Int32(rank))
        initialized = size
      }
    }

    /// Gives every process the numbers of process 0.
    package func broadcast(_ numbers: [Double]) -> [Double] {
      let size = ccnn_ranks_broadcast_count(numbers.count)
      var result = numbers
      if index > 0 {
        result = [Double](unsafeUninitializedCapacity: size) { buffer, initialized in
          ccnn_ranks_broadcast(buffer.baseAddress, size)
          initialized = size
        }
      } else {
        result.withUnsafeMutableBufferPointer { ccnn_ranks_broadcast($0.baseAddress, size) }
      }
      return result
    }
  }
#endif
