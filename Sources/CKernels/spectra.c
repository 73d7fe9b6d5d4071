#include "CKernels.h"
#include "clones.h"

typedef double v8 __attribute__((vector_size(64), aligned(8)));

CK_CLONES void ck_multiply_conjugate(double *out, const double *x, const double *y, size_t count,
                                     int adding) {
  if (adding)
    for (size_t i = 0; i < count; ++i) {
      double re = x[2 * i] * y[2 * i] + x[2 * i + 1] * y[2 * i + 1];
      double im = x[2 * i + 1] * y[2 * i] - x[2 * i] * y[2 * i + 1];
      out[2 * i] += re;
      out[2 * i + 1] += im;
    }
  else
    for (size_t i = 0; i < count; ++i) {
      double re = x[2 * i] * y[2 * i] + x[2 * i + 1] * y[2 * i + 1];
      double im = x[2 * i + 1] * y[2 * i] - x[2 * i] * y[2 * i + 1];
      out[2 * i] = re;
      out[2 * i + 1] = im;
    }
}

// Transposes an 8 x 8 block: entries, then 2 x 2 blocks, then 4 x 4 blocks.
CK_INLINE void transpose(v8 *r) {
  v8 t[8], u[8];
  for (int i = 0; i < 8; i += 2) {
    t[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
    t[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  }
  for (int i = 0; i < 8; i += (i % 4 == 1) ? 3 : 1) {
    u[i] = __builtin_shufflevector(t[i], t[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
    u[i + 2] = __builtin_shufflevector(t[i], t[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
  }
  for (int i = 0; i < 4; ++i) {
    r[i] = __builtin_shufflevector(u[i], u[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    r[i + 4] = __builtin_shufflevector(u[i], u[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

// Whether the next eight positions exist and follow each other.
CK_INLINE int contiguous(const int32_t *position, size_t left) {
  return left >= 8 && position[7] - position[0] == 7;
}

CK_CLONES void ck_planes_to_rows(const double *planes, size_t count, size_t plane,
                                 const int32_t *position, size_t positions, const double *offset,
                                 double *rows, size_t stride) {
  size_t k = 0;
  while (k < positions) {
    if (count == 8 && contiguous(position + k, positions - k)) {
      v8 block[8];
      v8 bias = *(const v8 *)offset;
      for (int b = 0; b < 8; ++b) block[b] = *(const v8 *)(planes + b * plane + position[k]);
      transpose(block);
      for (int i = 0; i < 8; ++i) *(v8 *)(rows + (k + i) * stride) = block[i] + bias;
      k += 8;
    } else {
      for (size_t b = 0; b < count; ++b)
        rows[k * stride + b] = planes[b * plane + position[k]] + offset[b];
      k += 1;
    }
  }
}

CK_CLONES void ck_rows_to_planes(const double *rows, size_t stride, const int32_t *position,
                                 size_t positions, double *planes, size_t count, size_t plane) {
  size_t k = 0;
  while (k < positions) {
    if (count == 8 && contiguous(position + k, positions - k)) {
      v8 block[8];
      for (int i = 0; i < 8; ++i) block[i] = *(const v8 *)(rows + (k + i) * stride);
      transpose(block);
      for (int b = 0; b < 8; ++b) *(v8 *)(planes + b * plane + position[k]) = block[b];
      k += 8;
    } else {
      for (size_t b = 0; b < count; ++b)
        planes[b * plane + position[k]] = rows[k * stride + b];
      k += 1;
    }
  }
}
