#include "CKernels.h"
#include "clones.h"

// Filters handled together: two AVX-512 registers.
enum { LANES = 16 };

CK_INLINE void pool_adjoint(double *responses, size_t m, const int32_t *order,
                            const int32_t *starts, size_t a, const double *weights,
                            const double *cotangent, int relu) {
  for (size_t j = 0; j < m; j += LANES) {
    size_t width = m - j < LANES ? m - j : LANES;
    for (size_t q = 0; q < a; ++q) {
      double lane[LANES] = {0};
      for (size_t l = 0; l < width; ++l) lane[l] = cotangent[(j + l) * a + q];
      for (int32_t p = starts[q]; p < starts[q + 1]; ++p) {
        double *row = responses + (size_t)order[p] * m + j;
        double weight = weights[order[p]];
        if (width == LANES)
          for (int l = 0; l < LANES; ++l)
            row[l] = relu ? (row[l] > 0 ? weight * lane[l] : 0) : weight * lane[l];
        else
          for (size_t l = 0; l < width; ++l)
            row[l] = relu ? (row[l] > 0 ? weight * lane[l] : 0) : weight * lane[l];
      }
    }
  }
}

CK_CLONES void ck_pool_relu_adjoint(double *responses, size_t m, const int32_t *order,
                                    const int32_t *starts, size_t a, const double *weights,
                                    const double *cotangent) {
  pool_adjoint(responses, m, order, starts, a, weights, cotangent, 1);
}

CK_CLONES void ck_pool_linear_adjoint(double *responses, size_t m, const int32_t *order,
                                      const int32_t *starts, size_t a, const double *weights,
                                      const double *cotangent) {
  pool_adjoint(responses, m, order, starts, a, weights, cotangent, 0);
}

CK_CLONES void ck_pool_max_adjoint(double *responses, size_t m, const int32_t *order,
                                   const int32_t *starts, size_t a, const double *cotangent) {
  for (size_t j = 0; j < m; j += LANES) {
    size_t width = m - j < LANES ? m - j : LANES;
    for (size_t q = 0; q < a; ++q) {
      double best[LANES] = {0};
      int64_t winner[LANES];
      for (int l = 0; l < LANES; ++l) winner[l] = -1;
      for (int32_t p = starts[q]; p < starts[q + 1]; ++p) {
        const double *row = responses + (size_t)order[p] * m + j;
        for (size_t l = 0; l < width; ++l) {
          winner[l] = row[l] > best[l] ? p : winner[l];
          best[l] = row[l] > best[l] ? row[l] : best[l];
        }
      }
      for (int32_t p = starts[q]; p < starts[q + 1]; ++p) {
        double *row = responses + (size_t)order[p] * m + j;
        for (size_t l = 0; l < width; ++l)
          row[l] = winner[l] == p ? cotangent[(j + l) * a + q] : 0;
      }
    }
  }
}
