#include "CKernels.h"
#include "clones.h"

CK_CLONES double ck_sum_of_squares(const double *x, size_t count) {
  double lane[8] = {0};
  size_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (int l = 0; l < 8; ++l) lane[l] += x[i + l] * x[i + l];
  double sum = 0;
  for (; i < count; ++i) sum += x[i] * x[i];
  for (int l = 0; l < 8; ++l) sum += lane[l];
  return sum;
}
