#ifndef CCEILINGS_H
#define CCEILINGS_H

#include <stddef.h>

/// `a = b + factor * c` over vectors of `count`: 24 bytes and 2 operations for each.
void ceilings_triad(double *a, const double *b, const double *c, double factor, size_t count);

/// `C = A B` of square matrices, by OpenBLAS.
void ceilings_dgemm(const double *a, const double *b, double *c, int order);

/// As `ceilings_dgemm`, in single precision.
void ceilings_sgemm(const float *a, const float *b, float *c, int order);

/// `C = A' A` (upper triangle) of a matrix of `rows` times `columns`, row by row, by OpenBLAS.
void ceilings_gram(const double *a, double *c, int rows, int columns);

/// Threads of OpenBLAS; the library that is measured wants 1.
void ceilings_set_threads(int threads);

/// Version and kernels of OpenBLAS.
const char *ceilings_openblas(void);

/// Version of FFTW.
const char *ceilings_fftw(void);

#endif
