#include "CKernels.h"
#include "clones.h"

typedef double v8 __attribute__((vector_size(64), aligned(8)));

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

// Filters times positions handled together.
enum { PIXELS = 8 };
// Positions after which the next filters are taken, so that image and rows stay in the cache.
enum { TILE = 256 };

CK_INLINE void store(double *row, const v8 *value, size_t width) {
  if (width >= 8)
    *(v8 *)row = *value;
  else
    for (size_t l = 0; l < width; ++l) row[l] = (*value)[l];
}

CK_INLINE void direct_block(const double *image, const int32_t *position, size_t count,
                            const int32_t *tap, size_t taps, const double *filters, size_t stride,
                            double *responses, size_t m, size_t width) {
  v8 sum[PIXELS];
  const double *origin[PIXELS];
  v8 bias = *(const v8 *)(filters + taps * stride);
  for (size_t p = 0; p < PIXELS; ++p) {
    origin[p] = image + position[p < count ? p : 0];
    sum[p] = bias;
  }
  for (size_t t = 0; t < taps; ++t) {
    v8 filter = *(const v8 *)(filters + t * stride);
#pragma clang loop unroll(full)
    for (int p = 0; p < PIXELS; ++p) sum[p] += filter * origin[p][tap[t]];
  }
  for (size_t p = 0; p < count; ++p) store(responses + p * m, &sum[p], width);
}

CK_CLONES void ck_direct_responses(const double *image, const int32_t *position, size_t positions,
                                   const int32_t *tap, size_t taps, const double *filters, size_t m,
                                   size_t stride, double *responses) {
  for (size_t first = 0; first < positions; first += TILE) {
    size_t last = positions - first < TILE ? positions : first + TILE;
    for (size_t j = 0; j < m; j += 8)
      for (size_t k = first; k < last; k += PIXELS) {
        size_t count = last - k < PIXELS ? last - k : PIXELS;
        direct_block(image, position + k, count, tap, taps, filters + j, stride,
                     responses + k * m + j, m, m - j);
      }
  }
}

CK_INLINE void adjoint_tile(const double *image, const int32_t *position, size_t positions,
                            const int32_t *tap, size_t taps, const double *cotangent, size_t stride,
                            double *gradient) {
  v8 total = {0};
  for (size_t k = 0; k < positions; ++k) total += *(const v8 *)(cotangent + k * stride);
  *(v8 *)(gradient + taps * stride) += total;
  for (size_t t = 0; t < taps; t += PIXELS) {
    size_t count = taps - t < PIXELS ? taps - t : PIXELS;
    v8 sum[PIXELS] = {{0}};
    const double *origin[PIXELS];
    for (size_t p = 0; p < PIXELS; ++p) origin[p] = image + tap[p < count ? t + p : t];
    for (size_t k = 0; k < positions; ++k) {
      v8 row = *(const v8 *)(cotangent + k * stride);
#pragma clang loop unroll(full)
      for (int p = 0; p < PIXELS; ++p) sum[p] += row * origin[p][position[k]];
    }
    for (size_t p = 0; p < count; ++p) *(v8 *)(gradient + (t + p) * stride) += sum[p];
  }
}

CK_CLONES void ck_direct_adjoint(const double *image, const int32_t *position, size_t positions,
                                 const int32_t *tap, size_t taps, const double *cotangent,
                                 size_t stride, double *gradient) {
  for (size_t first = 0; first < positions; first += TILE) {
    size_t count = positions - first < TILE ? positions - first : TILE;
    for (size_t j = 0; j < stride; j += 8)
      adjoint_tile(image, position + first, count, tap, taps, cotangent + first * stride + j,
                   stride, gradient + j);
  }
}

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
