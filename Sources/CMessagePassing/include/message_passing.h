#pragma once

// Messages of doubles between the processes of a job, by MPI. They are defined with CCNN_MPI (the package trait MPI)
// only; without it nothing of MPI is needed.

/// Starts MPI. The message of an error ends the whole job; it is MPI's own.
void ccnn_ranks_start(void);

/// Ends MPI, which all processes must do.
void ccnn_ranks_end(void);

/// Number of this process, from 0.
int ccnn_ranks_index(void);

/// Number of processes.
int ccnn_ranks_count(void);

/// Number of processes on this machine.
int ccnn_ranks_local_count(void);

/// Number of processors that this process may run on; 0 where that is not known.
int ccnn_ranks_processors(void);

/// Sends count numbers.
void ccnn_ranks_send(const double *numbers, long count, int to);

/// Waits for the length of the next message.
long ccnn_ranks_receive_count(int from);

/// Receives the numbers of that message.
void ccnn_ranks_receive(double *numbers, long count, int from);

/// Brings a length from process 0 to all. Others wait for it without using a processor for long.
long ccnn_ranks_broadcast_count(long count);

/// Brings numbers from process 0 to all.
void ccnn_ranks_broadcast(double *numbers, long count);
