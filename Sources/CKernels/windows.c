#include "CKernels.h"
#include "clones.h"

typedef double v8 __attribute__((vector_size(64), aligned(8)));

// Windows, or entries of a window, handled together.
enum { TOGETHER = 8 };

CK_CLONES void ck_window_products(const double *x, size_t a, size_t h, const double *u,
                                  size_t stride, size_t m, double *out) {
  for (size_t j = 0; j < m; j += 8) {
    size_t width = m - j < 8 ? m - j : 8;
    for (size_t q = 0; q < a; q += TOGETHER) {
      size_t count = a - q < TOGETHER ? a - q : TOGETHER;
      const double *row[TOGETHER];
      v8 sum[TOGETHER] = {{0}};
      for (size_t p = 0; p < TOGETHER; ++p) row[p] = x + (q + (p < count ? p : 0)) * h;
      for (size_t e = 0; e < h; ++e) {
        v8 filter = *(const v8 *)(u + e * stride + j);
#pragma clang loop unroll(full)
        for (int p = 0; p < TOGETHER; ++p) sum[p] += filter * row[p][e];
      }
      for (size_t p = 0; p < count; ++p) {
        double *target = out + (q + p) * m + j;
        if (width == 8)
          *(v8 *)target = sum[p];
        else
          for (size_t l = 0; l < width; ++l) target[l] = sum[p][l];
      }
    }
  }
}

CK_CLONES void ck_window_adjoint(const double *x, size_t a, size_t h, const double *cotangent,
                                 size_t m, size_t stride, double *gradient) {
  for (size_t j = 0; j < m; j += 8) {
    size_t width = m - j < 8 ? m - j : 8;
    for (size_t e = 0; e < h; e += TOGETHER) {
      size_t count = h - e < TOGETHER ? h - e : TOGETHER;
      v8 sum[TOGETHER] = {{0}};
      for (size_t q = 0; q < a; ++q) {
        const double *source = cotangent + q * m + j;
        v8 weight = {0};
        if (width == 8)
          weight = *(const v8 *)source;
        else
          for (size_t l = 0; l < width; ++l) weight[l] = source[l];
        const double *row = x + q * h + e;
        if (count == TOGETHER) {
#pragma clang loop unroll(full)
          for (int p = 0; p < TOGETHER; ++p) sum[p] += weight * row[p];
        } else {
          for (size_t p = 0; p < count; ++p) sum[p] += weight * row[p];
        }
      }
      for (size_t p = 0; p < count; ++p) *(v8 *)(gradient + (e + p) * stride + j) += sum[p];
    }
  }
}
