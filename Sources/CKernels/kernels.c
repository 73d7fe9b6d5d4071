#include "CKernels.h"

// One clone per vector width, chosen at load time; ThreadSanitizer cannot start with ifuncs.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CK_NO_CLONES
#endif
#endif
#if defined(__x86_64__) && defined(__linux__) && !defined(CK_NO_CLONES)
#define CK_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CK_CLONES
#endif

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
