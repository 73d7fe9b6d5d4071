#include "CKernels.h"
#include "clones.h"

CK_CLONES void ck_extract_patches(const double *image, const int32_t *position, size_t positions,
                                  const int32_t *tap, size_t taps, int bias, double *patches) {
  size_t h = taps + (bias ? 1 : 0);
  for (size_t k = 0; k < positions; ++k) {
    const double *origin = image + position[k];
    double *row = patches + k * h;
    for (size_t t = 0; t < taps; ++t) row[t] = origin[tap[t]];
    if (bias) row[taps] = 1;
  }
}
