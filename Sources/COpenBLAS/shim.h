#pragma once
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cblas.h>

// OpenBLAS exports the Fortran LAPACK symbols; Debian's build has no LAPACKE. Only the routines the
// package uses are declared here. Character arguments carry a hidden length, passed last.

// Eigenvalues and eigenvectors of a symmetric matrix (divide and conquer).
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
             double *work, const int *lwork, int *iwork, const int *liwork, int *info, size_t, size_t);
// Singular value decomposition (divide and conquer).
void dgesdd_(const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s,
             double *u, const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork,
             int *iwork, int *info, size_t);
// Cholesky factorisation and the solution with it.
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t);
void dpotrs_(const char *uplo, const int *n, const int *nrhs, const double *a, const int *lda,
             double *b, const int *ldb, int *info, size_t);
// The solution of a square system by LU factorisation with pivoting.
void dgesv_(const int *n, const int *nrhs, double *a, const int *lda, int *ipiv, double *b, const int *ldb,
            int *info);

#if defined(__linux__) && defined(__x86_64__)
// In builds that choose their kernels at run time: make and forget that choice.
extern void gotoblas_dynamic_init(void) __attribute__((weak));
extern void gotoblas_dynamic_quit(void) __attribute__((weak));
#endif

// One thread, and kernels for this processor. Releases older than a processor do not know its model and fall back to
// kernels for any: 0.3.21 of Debian 12 multiplies matrices at 16 GF/s with those of Prescott on a Xeon of 2024, and at
// 70 with those of SkylakeX. The instructions that a processor has say what newer releases conclude from them too.
// A choice in OPENBLAS_CORETYPE stands. To be called before any other thread uses OpenBLAS.
static inline void ccnn_prepare_openblas(void) {
  openblas_set_num_threads(1);
#if defined(__linux__) && defined(__x86_64__)
  if (!gotoblas_dynamic_init || !gotoblas_dynamic_quit || getenv("OPENBLAS_CORETYPE")) return;
  const char *core = openblas_get_corename();
  if (strcmp(core, "Prescott") && strcmp(core, "Nehalem") && strcmp(core, "Sandybridge")) return;
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return;
  int is_wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                __builtin_cpu_supports("avx512vl");
  setenv("OPENBLAS_CORETYPE", is_wide ? "SkylakeX" : "Haswell", 1);
  gotoblas_dynamic_quit();
  gotoblas_dynamic_init();
  unsetenv("OPENBLAS_CORETYPE");
#endif
}
