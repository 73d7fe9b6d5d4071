#include "CKernels.h"
#include "clones.h"
#include "real.h"

// Convolution without patches: the sums of a block of positions (or taps) times some vectors of
// filters stay in registers, up to 24 of them, which hides the latency of the additions.

// Positions after which the next filters are taken, so that image and rows stay in the cache.
enum { TILE = 24 * LANES };
// Positions or taps of a block: as many as leave room for 1 or 2 vectors each, and for up to 4.
enum { POSITIONS = 12, TAPS = 9, WIDE_BLOCK = 6, WIDEST = 4 };

CK_INLINE void store(real *row, const vec *value, size_t width) {
  if (width >= LANES)
    *(vec *)row = *value;
  else
    for (size_t l = 0; l < width; ++l) row[l] = (*value)[l];
}

// At most size positions, adjacent or not, times some vectors of filters, of which width are kept.
CK_INLINE void response_block(const real *image, const int32_t *position, size_t count,
                              const int32_t *tap, size_t taps, const real *filters, size_t stride,
                              real *responses, size_t m, size_t width, int size, int vectors,
                              int adjacent) {
  vec sum[POSITIONS][WIDEST];
  const real *origin[POSITIONS];
#pragma clang loop unroll(full)
  for (int p = 0; p < size; ++p) {
    origin[p] = adjacent ? image + position[0] + p : image + position[(size_t)p < count ? p : 0];
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; ++v)
      sum[p][v] = *(const vec *)(filters + taps * stride + LANES * v);
  }
  // Few taps leave no time to wait for memory: what is written two blocks later is fetched.
#pragma clang loop unroll(full)
  for (int p = 0; p < size; ++p)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; ++v)
      __builtin_prefetch(responses + (2 * size + p) * m + LANES * v, 1);
  for (size_t t = 0; t < taps; ++t) {
    const real *filter = filters + t * stride;
#pragma clang loop unroll(full)
    for (int p = 0; p < size; ++p) {
      real x = origin[p][tap[t]];
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; ++v) sum[p][v] += *(const vec *)(filter + LANES * v) * x;
    }
  }
#pragma clang loop unroll(full)
  for (int p = 0; p < size; ++p)
    if (adjacent || (size_t)p < count)
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; ++v)
        store(responses + p * m + LANES * v, &sum[p][v], width - LANES * v);
}

// Whether the first few of ascending positions are neighbors.
CK_INLINE int run(const int32_t *position, size_t positions, size_t count) {
  return positions >= count && (size_t)(position[count - 1] - position[0]) == count - 1;
}

CK_INLINE void response_tile(const real *image, const int32_t *position, size_t positions,
                             const int32_t *tap, size_t taps, const real *filters, size_t stride,
                             real *responses, size_t m, size_t width, int size, int vectors) {
  size_t third = size / 3, step;
  for (size_t k = 0; k < positions; k += step) {
    const int32_t *at = position + k;
    size_t rest = positions - k;
#define RESPONSES(size, adjacent) \
  response_block(image, at, rest, tap, taps, filters, stride, responses + k * m, m, width, size, \
                 vectors, adjacent)
    // Neighbors need one base register only; a row of them is cut into blocks of three sizes.
    if (run(at, rest, step = size))
      RESPONSES(size, 1);
    else if (run(at, rest, step = 2 * third))
      RESPONSES(2 * size / 3, 1);
    else if (run(at, rest, step = third))
      RESPONSES(size / 3, 1);
    else if (run(at, rest, 2) || run(at + 1, rest - 1, 2))
      RESPONSES(size / 3, 0);
    else {
      step = size;
      RESPONSES(size, 0);
    }
#undef RESPONSES
  }
}

CK_CLONES void CK_REAL(ck_direct_responses)(const real *image, const int32_t *position,
                                            size_t positions, const int32_t *tap, size_t taps,
                                            const real *filters, size_t m, size_t stride,
                                            real *responses) {
  for (size_t first = 0; first < positions; first += TILE) {
    size_t count = positions - first < TILE ? positions - first : TILE;
    const int32_t *start = position + first;
    real *rows = responses + first * m;
    size_t j = 0;
    for (; j + 4 * LANES <= stride; j += 4 * LANES)
      response_tile(image, start, count, tap, taps, filters + j, stride, rows + j, m, m - j,
                    WIDE_BLOCK, 4);
    for (; j + 2 * LANES <= stride; j += 2 * LANES)
      response_tile(image, start, count, tap, taps, filters + j, stride, rows + j, m, m - j,
                    POSITIONS, 2);
    if (j < stride)
      response_tile(image, start, count, tap, taps, filters + j, stride, rows + j, m, m - j,
                    POSITIONS, 1);
  }
}

// At most size taps times some vectors of filters. Rows so far ahead, if any, are fetched.
CK_INLINE void adjoint_block(const real *image, const int32_t *position, size_t positions,
                             const int32_t *tap, size_t count, const real *cotangent,
                             size_t stride, real *gradient, int size, int vectors,
                             size_t ahead) {
  vec sum[TAPS][WIDEST];
  const real *origin[TAPS];
#pragma clang loop unroll(full)
  for (int p = 0; p < size; ++p) {
    origin[p] = image + tap[(size_t)p < count ? p : 0];
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; ++v) sum[p][v] = (vec){0};
  }
  const int neighbors = vectors == 1 ? 8 : 4;
  for (size_t k = 0; k < positions;) {
    const real *row = cotangent + k * stride;
    int32_t at = position[k];
    // Neighbors share the addresses of the taps.
    if (run(position + k, positions - k, neighbors)) {
#pragma clang loop unroll(full)
      for (int q = 0; q < neighbors; ++q)
#pragma clang loop unroll(full)
        for (int p = 0; p < size; ++p)
#pragma clang loop unroll(full)
          for (int v = 0; v < vectors; ++v)
            sum[p][v] += *(const vec *)(row + q * stride + LANES * v) * origin[p][at + q];
      if (ahead)
#pragma clang loop unroll(full)
        for (int q = 0; q < neighbors; ++q) __builtin_prefetch(row + (ahead + q) * stride, 0, 2);
      k += neighbors;
    } else {
#pragma clang loop unroll(full)
      for (int p = 0; p < size; ++p)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; ++v)
          sum[p][v] += *(const vec *)(row + LANES * v) * origin[p][at];
      ++k;
    }
  }
#pragma clang loop unroll(full)
  for (int p = 0; p < size; ++p)
    if ((size_t)p < count)
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; ++v)
        *(vec *)(gradient + p * stride + LANES * v) += sum[p][v];
}

CK_INLINE void adjoint_tile(const real *image, const int32_t *position, size_t positions,
                            const int32_t *tap, size_t taps, const real *cotangent, size_t stride,
                            real *gradient, int size, int vectors) {
  vec total[WIDEST] = {{0}};
  for (size_t k = 0; k < positions; ++k)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; ++v)
      total[v] += *(const vec *)(cotangent + k * stride + LANES * v);
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; ++v) *(vec *)(gradient + taps * stride + LANES * v) += total[v];
  size_t t = 0;
#define GRADIENT(count, size, ahead) \
  adjoint_block(image, position, positions, tap + t, count, cotangent, stride, \
                gradient + t * stride, size, vectors, ahead)
  // A lone vector of filters leaves little to do while its next tile comes from far memory.
  if (vectors == 1 && taps >= (size_t)size) {
    GRADIENT(size, size, positions);
    t = size;
  }
  for (; t + size <= taps; t += size) GRADIENT(size, size, 0);
  // A smaller block for the rest wastes less.
  size_t rest = taps - t, third = size / 3;
  if (rest > 2 * third)
    GRADIENT(rest, size, 0);
  else if (rest > third)
    GRADIENT(rest, 2 * size / 3, 0);
  else if (rest > 0)
    GRADIENT(rest, size / 3, 0);
#undef GRADIENT
}

CK_CLONES void CK_REAL(ck_direct_adjoint)(const real *image, const int32_t *position,
                                          size_t positions, const int32_t *tap, size_t taps,
                                          const real *cotangent, size_t stride, real *gradient) {
  for (size_t first = 0; first < positions; first += TILE) {
    size_t count = positions - first < TILE ? positions - first : TILE;
    const int32_t *start = position + first;
    const real *rows = cotangent + first * stride;
    size_t j = 0;
    for (; j + 4 * LANES <= stride; j += 4 * LANES)
      adjoint_tile(image, start, count, tap, taps, rows + j, stride, gradient + j, WIDE_BLOCK, 4);
    for (; j + 2 * LANES <= stride; j += 2 * LANES)
      adjoint_tile(image, start, count, tap, taps, rows + j, stride, gradient + j, TAPS, 2);
    if (j < stride)
      adjoint_tile(image, start, count, tap, taps, rows + j, stride, gradient + j, TAPS, 1);
  }
}
