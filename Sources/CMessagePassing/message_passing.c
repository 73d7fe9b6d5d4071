#if defined(CCNN_MPI) && defined(__linux__)
#define _GNU_SOURCE
#endif

#include "message_passing.h"

#ifdef CCNN_MPI

#define OMPI_SKIP_MPICXX 1
#include <mpi.h>
#include <sched.h>
#include <time.h>

// Counts of MPI 3 are int: long messages go in parts.
static const long part = 1L << 28;

void ccnn_ranks_start(void) {
  int provided;
  MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
}

void ccnn_ranks_end(void) { MPI_Finalize(); }

int ccnn_ranks_index(void) {
  int index;
  MPI_Comm_rank(MPI_COMM_WORLD, &index);
  return index;
}

int ccnn_ranks_count(void) {
  int count;
  MPI_Comm_size(MPI_COMM_WORLD, &count);
  return count;
}

int ccnn_ranks_local_count(void) {
  MPI_Comm local;
  int count;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &local);
  MPI_Comm_size(local, &count);
  MPI_Comm_free(&local);
  return count;
}

int ccnn_ranks_processors(void) {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  return 0;
}

static int least(long a, long b) { return (int)(a < b ? a : b); }

void ccnn_ranks_send(const double *numbers, long count, int to) {
  MPI_Send(&count, 1, MPI_LONG, to, 0, MPI_COMM_WORLD);
  for (long start = 0; start < count; start += part)
    MPI_Send(numbers + start, least(part, count - start), MPI_DOUBLE, to, 1, MPI_COMM_WORLD);
}

// Waits for a request: at first ready to go on at once, later without using the processor.
static void wait_idly(MPI_Request *request) {
  const struct timespec pause = {0, 50000};
  int done = 0;
  for (long tries = 0; !done; tries++) {
    MPI_Test(request, &done, MPI_STATUS_IGNORE);
    if (done) return;
    if (tries < 2000) sched_yield();
    else nanosleep(&pause, NULL);
  }
}

long ccnn_ranks_receive_count(int from) {
  long count = 0;
  MPI_Request request;
  MPI_Irecv(&count, 1, MPI_LONG, from, 0, MPI_COMM_WORLD, &request);
  wait_idly(&request);
  return count;
}

void ccnn_ranks_receive(double *numbers, long count, int from) {
  for (long start = 0; start < count; start += part)
    MPI_Recv(
        numbers + start, least(part, count - start), MPI_DOUBLE, from, 1, MPI_COMM_WORLD,
        MPI_STATUS_IGNORE);
}

long ccnn_ranks_broadcast_count(long count) {
  MPI_Request request;
  MPI_Ibcast(&count, 1, MPI_LONG, 0, MPI_COMM_WORLD, &request);
  wait_idly(&request);
  return count;
}

void ccnn_ranks_broadcast(double *numbers, long count) {
  for (long start = 0; start < count; start += part)
    MPI_Bcast(numbers + start, least(part, count - start), MPI_DOUBLE, 0, MPI_COMM_WORLD);
}

#endif
