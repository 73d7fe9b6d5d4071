#include "CKernels.h"
#include "clones.h"
#include "real.h"

// Responses in double or single precision; weights, sums and features in double.

// Filters handled together: two AVX-512 registers of sums.
enum { FILTERS = 16 };

CK_INLINE void pool(const real *responses, size_t m, const int32_t *order, const int32_t *starts,
                    size_t a, const double *weights, double *features, int relu) {
  for (size_t j = 0; j < m; j += FILTERS) {
    size_t width = m - j < FILTERS ? m - j : FILTERS;
    for (size_t q = 0; q < a; ++q) {
      double sum[FILTERS] = {0};
      for (int32_t p = starts[q]; p < starts[q + 1]; ++p) {
        const real *row = responses + (size_t)order[p] * m + j;
        double weight = weights[order[p]];
        if (width == FILTERS)
          for (int l = 0; l < FILTERS; ++l)
            sum[l] += weight * (relu ? (row[l] > 0 ? row[l] : 0) : row[l]);
        else
          for (size_t l = 0; l < width; ++l)
            sum[l] += weight * (relu ? (row[l] > 0 ? row[l] : 0) : row[l]);
      }
      for (size_t l = 0; l < width; ++l) features[(j + l) * a + q] = sum[l];
    }
  }
}

CK_CLONES void CK_REAL(ck_pool_relu)(const real *responses, size_t m, const int32_t *order,
                                     const int32_t *starts, size_t a, const double *weights,
                                     double *features) {
  pool(responses, m, order, starts, a, weights, features, 1);
}

CK_CLONES void CK_REAL(ck_pool_linear)(const real *responses, size_t m, const int32_t *order,
                                       const int32_t *starts, size_t a, const double *weights,
                                       double *features) {
  pool(responses, m, order, starts, a, weights, features, 0);
}

CK_CLONES void CK_REAL(ck_pool_max)(const real *responses, size_t m, const int32_t *order,
                                    const int32_t *starts, size_t a, double *features) {
  for (size_t j = 0; j < m; j += FILTERS) {
    size_t width = m - j < FILTERS ? m - j : FILTERS;
    for (size_t q = 0; q < a; ++q) {
      double best[FILTERS] = {0};
      for (int32_t p = starts[q]; p < starts[q + 1]; ++p) {
        const real *row = responses + (size_t)order[p] * m + j;
        for (size_t l = 0; l < width; ++l) best[l] = row[l] > best[l] ? row[l] : best[l];
      }
      for (size_t l = 0; l < width; ++l) features[(j + l) * a + q] = best[l];
    }
  }
}
