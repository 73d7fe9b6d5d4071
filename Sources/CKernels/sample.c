#include "CKernels.h"
#include "clones.h"
#include <math.h>

CK_CLONES size_t ck_sample_signs(const double *columns, size_t stride, const double *factors,
                                 size_t terms, double slack, size_t words, uint64_t *positive,
                                 uint64_t *unsure) {
  size_t found = 0;
  for (size_t w = 0; w < words; ++w) {
    const double *column = columns + w * 64;
    double x[64];
    for (size_t i = 0; i < 64; ++i) x[i] = factors[0] * column[i];
    for (size_t v = 1; v < terms; ++v) {
      column += stride;
      const double factor = factors[v];
      for (size_t i = 0; i < 64; ++i) x[i] += factor * column[i];
    }
    uint64_t up = 0, open = 0;
    for (size_t i = 0; i < 64; ++i) {
      up |= (uint64_t)(x[i] > 0) << i;
      // Also where the bound is not a number.
      open |= (uint64_t) !(fabs(x[i]) > slack) << i;
    }
    positive[w] = up;
    unsure[w] = open;
    found += (size_t)__builtin_popcountll(open);
  }
  return found;
}
