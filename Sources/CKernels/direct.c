#include "CKernels.h"
#include "clones.h"

// Convolution without patches: the sums of a block of positions (or taps) times some vectors of
// filters stay in registers, 24 of them for 32 filters, which hides the latency of the additions.

typedef double v8 __attribute__((vector_size(64), aligned(8)));

// Positions after which the next filters are taken, so that image and rows stay in the cache.
enum { TILE = 192 };
// Positions or taps of a block: as many as leave room for up to 4 vectors each.
enum { BLOCK = 8, WIDE_BLOCK = 6, WIDEST = 4 };

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

CK_INLINE void store(double *row, const v8 *value, size_t width) {
  if (width >= 8)
    *(v8 *)row = *value;
  else
    for (size_t l = 0; l < width; ++l) row[l] = (*value)[l];
}

// At most size positions times 8 vectors filters, of which width are kept.
CK_INLINE void response_block(const double *image, const int32_t *position, size_t count,
                              const int32_t *tap, size_t taps, const double *filters, size_t stride,
                              double *responses, size_t m, size_t width, int size, int vectors) {
  v8 sum[BLOCK][WIDEST];
  const double *origin[BLOCK];
#pragma clang loop unroll(full)
  for (int p = 0; p < size; ++p) {
    origin[p] = image + position[(size_t)p < count ? p : 0];
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; ++v) sum[p][v] = *(const v8 *)(filters + taps * stride + 8 * v);
  }
  for (size_t t = 0; t < taps; ++t) {
    const double *filter = filters + t * stride;
#pragma clang loop unroll(full)
    for (int p = 0; p < size; ++p) {
      double x = origin[p][tap[t]];
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; ++v) sum[p][v] += *(const v8 *)(filter + 8 * v) * x;
    }
  }
#pragma clang loop unroll(full)
  for (int p = 0; p < size; ++p)
    if ((size_t)p < count)
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; ++v) store(responses + p * m + 8 * v, &sum[p][v], width - 8 * v);
}

CK_INLINE void response_tile(const double *image, const int32_t *position, size_t positions,
                             const int32_t *tap, size_t taps, const double *filters, size_t stride,
                             double *responses, size_t m, size_t width, int size, int vectors) {
  for (size_t k = 0; k < positions; k += size)
    response_block(image, position + k, positions - k, tap, taps, filters, stride,
                   responses + k * m, m, width, size, vectors);
}

CK_CLONES void ck_direct_responses(const double *image, const int32_t *position, size_t positions,
                                   const int32_t *tap, size_t taps, const double *filters, size_t m,
                                   size_t stride, double *responses) {
  for (size_t first = 0; first < positions; first += TILE) {
    size_t count = positions - first < TILE ? positions - first : TILE;
    const int32_t *start = position + first;
    double *rows = responses + first * m;
    size_t j = 0;
    for (; j + 32 <= stride; j += 32)
      response_tile(image, start, count, tap, taps, filters + j, stride, rows + j, m, m - j,
                    WIDE_BLOCK, 4);
    for (; j + 16 <= stride; j += 16)
      response_tile(image, start, count, tap, taps, filters + j, stride, rows + j, m, m - j, BLOCK,
                    2);
    if (j < stride)
      response_tile(image, start, count, tap, taps, filters + j, stride, rows + j, m, m - j, BLOCK,
                    1);
  }
}

// At most size taps times 8 vectors filters.
CK_INLINE void adjoint_block(const double *image, const int32_t *position, size_t positions,
                             const int32_t *tap, size_t count, const double *cotangent,
                             size_t stride, double *gradient, int size, int vectors) {
  v8 sum[BLOCK][WIDEST];
  const double *origin[BLOCK];
#pragma clang loop unroll(full)
  for (int p = 0; p < size; ++p) {
    origin[p] = image + tap[(size_t)p < count ? p : 0];
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; ++v) sum[p][v] = (v8){0};
  }
  for (size_t k = 0; k < positions; ++k) {
    const double *row = cotangent + k * stride;
#pragma clang loop unroll(full)
    for (int p = 0; p < size; ++p) {
      double x = origin[p][position[k]];
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; ++v) sum[p][v] += *(const v8 *)(row + 8 * v) * x;
    }
  }
#pragma clang loop unroll(full)
  for (int p = 0; p < size; ++p)
    if ((size_t)p < count)
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; ++v) *(v8 *)(gradient + p * stride + 8 * v) += sum[p][v];
}

CK_INLINE void adjoint_tile(const double *image, const int32_t *position, size_t positions,
                            const int32_t *tap, size_t taps, const double *cotangent, size_t stride,
                            double *gradient, int size, int vectors) {
  v8 total[WIDEST] = {{0}};
  for (size_t k = 0; k < positions; ++k)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; ++v) total[v] += *(const v8 *)(cotangent + k * stride + 8 * v);
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; ++v) *(v8 *)(gradient + taps * stride + 8 * v) += total[v];
  for (size_t t = 0; t < taps; t += size)
    adjoint_block(image, position, positions, tap + t, taps - t, cotangent, stride,
                  gradient + t * stride, size, vectors);
}

CK_CLONES void ck_direct_adjoint(const double *image, const int32_t *position, size_t positions,
                                 const int32_t *tap, size_t taps, const double *cotangent,
                                 size_t stride, double *gradient) {
  for (size_t first = 0; first < positions; first += TILE) {
    size_t count = positions - first < TILE ? positions - first : TILE;
    const int32_t *start = position + first;
    const double *rows = cotangent + first * stride;
    size_t j = 0;
    for (; j + 32 <= stride; j += 32)
      adjoint_tile(image, start, count, tap, taps, rows + j, stride, gradient + j, WIDE_BLOCK, 4);
    for (; j + 16 <= stride; j += 16)
      adjoint_tile(image, start, count, tap, taps, rows + j, stride, gradient + j, BLOCK, 2);
    if (j < stride)
      adjoint_tile(image, start, count, tap, taps, rows + j, stride, gradient + j, BLOCK, 1);
  }
}
