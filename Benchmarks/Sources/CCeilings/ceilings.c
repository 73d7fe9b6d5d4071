#include "ceilings.h"

// The libraries come with the package that is measured; their headers need not be found here.
enum { row_major = 101, plain = 111, transposed = 112, upper = 121 };
void cblas_dgemm(int order, int form_a, int form_b, int m, int n, int k, double alpha,
                 const double *a, int lda, const double *b, int ldb, double beta, double *c,
                 int ldc);
void cblas_sgemm(int order, int form_a, int form_b, int m, int n, int k, float alpha,
                 const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
void cblas_dsyrk(int order, int triangle, int form, int n, int k, double alpha, const double *a,
                 int lda, double beta, double *c, int ldc);
void openblas_set_num_threads(int threads);
char *openblas_get_config(void);
extern const char fftw_version[];

void ceilings_triad(double *restrict a, const double *restrict b, const double *restrict c,
                    double factor, size_t count) {
  for (size_t i = 0; i < count; i++) a[i] = b[i] + factor * c[i];
}

void ceilings_dgemm(const double *a, const double *b, double *c, int order) {
  cblas_dgemm(row_major, plain, plain, order, order, order, 1, a, order, b, order, 0, c, order);
}

void ceilings_sgemm(const float *a, const float *b, float *c, int order) {
  cblas_sgemm(row_major, plain, plain, order, order, order, 1, a, order, b, order, 0, c, order);
}

void ceilings_gram(const double *a, double *c, int rows, int columns) {
  cblas_dsyrk(row_major, upper, transposed, columns, rows, 1, a, columns, 0, c, columns);
}

void ceilings_set_threads(int threads) { openblas_set_num_threads(threads); }

const char *ceilings_openblas(void) { return openblas_get_config(); }

const char *ceilings_fftw(void) { return fftw_version; }
