#include "CKernels.h"
#include "clones.h"
#include <math.h>
#include <string.h>

CK_CLONES double ck_sweep_eliminate(double *out, const double *x, const double *y, double r,
                                    size_t count) {
  double lane[8] = {0};
  size_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (int l = 0; l < 8; ++l) {
      double value = x[i + l] - r * y[i + l];
      out[i + l] = value;
      double size = fabs(value);
      lane[l] = size > lane[l] ? size : lane[l];
    }
  double largest = 0;
  for (; i < count; ++i) {
    out[i] = x[i] - r * y[i];
    double size = fabs(out[i]);
    largest = size > largest ? size : largest;
  }
  for (int l = 0; l < 8; ++l) largest = lane[l] > largest ? lane[l] : largest;
  return largest;
}

CK_CLONES size_t ck_sweep_quotients(const double *alpha, const double *beta, double alphaError,
                                    double betaError, size_t count, double *t, double *tau) {
  uint64_t weak = 0;
  for (size_t j = 0; j < count; ++j) {
    double b = fabs(beta[j]) - betaError;
    double quotient = alpha[j] / beta[j];
    double size = fabs(quotient);
    double error = 1.0001 * (alphaError + size * betaError) / b + 0x1p-52 * size + 0x1p-1000;
    // Also where an error bound is infinite, or the quotient is not a number.
    int isStrong = b > 0 && error < INFINITY;
    t[j] = quotient;
    tau[j] = isStrong ? error : INFINITY;
    weak += !isStrong;
  }
  return weak;
}

CK_CLONES uint64_t ck_sweep_codes(const double *beta, const double *gamma, double q, double slope,
                                  double base, unsigned index, size_t count, uint64_t *code) {
  uint64_t seen = 0;
  const uint64_t one = (uint64_t)1 << index, doubt = (uint64_t)1 << (32 + index);
  for (size_t k = 0; k < count; ++k) {
    double x = q * beta[k] - gamma[k];
    double bound = fabs(beta[k]) * slope + fabs(gamma[k]) * 0x1p-51 + base;
    uint64_t negative = (x < 0) != (beta[k] < 0) ? one : 0;
    uint64_t unsure = fabs(x) > bound ? 0 : doubt;
    code[k] = (index ? code[k] : 0) | negative | unsure;
    seen |= unsure;
  }
  return seen;
}

CK_CLONES void ck_sweep_restrict(const double *columns, size_t stride, const double *kernel,
                                 size_t rank, size_t count, double *out) {
  for (size_t j = 0; j < count; ++j) out[j] = 0;
  for (size_t v = 0; v < rank; ++v) {
    const double *column = columns + v * stride;
    double factor = kernel[v];
    if (factor == 0) continue;
    for (size_t j = 0; j < count; ++j) out[j] += factor * column[j];
  }
}

// Bucket of each quotient by the monotone map t -> t / (scale + |t|), which spreads quotients of
// comparable numbers evenly.
CK_CLONES static void buckets_of(const double *t, size_t count, double scale, double buckets,
                                 int32_t *bucket) {
  for (size_t j = 0; j < count; ++j) {
    double s = t[j] / (scale + fabs(t[j]));
    double place = (s + 1) * (0.5 * buckets);
    // Written so that a quotient that is no number lands in the first bucket.
    place = place > 0 ? place : 0;
    place = place < buckets - 1 ? place : buckets - 1;
    bucket[j] = (int32_t)place;
  }
}

static void sift(int32_t *heap, const double *t, size_t root, size_t count) {
  int32_t moved = heap[root];
  for (;;) {
    size_t child = 2 * root + 1;
    if (child >= count) break;
    if (child + 1 < count && t[heap[child + 1]] > t[heap[child]]) ++child;
    if (!(t[heap[child]] > t[moved])) break;
    heap[root] = heap[child];
    root = child;
  }
  heap[root] = moved;
}

// Heap sort, for the rare crowded bucket.
static void sort_crowd(int32_t *items, const double *t, size_t count) {
  for (size_t i = count / 2; i-- > 0;) sift(items, t, i, count);
  for (size_t end = count; end-- > 1;) {
    int32_t top = items[0];
    items[0] = items[end];
    items[end] = top;
    sift(items, t, 0, end);
  }
}

size_t ck_sweep_sort(const double *t, const uint64_t *members, size_t count, double scale,
                     int32_t *bucket, int32_t *starts, size_t bucketCount, double *keys,
                     int32_t *order) {
  buckets_of(t, count, scale, (double)bucketCount, bucket);
  for (size_t w = 0; w * 64 < count; ++w) {
    // Members go to an extra bucket at the end.
    for (uint64_t rest = members[w]; rest; rest &= rest - 1)
      bucket[w * 64 + (size_t)__builtin_ctzll(rest)] = (int32_t)bucketCount;
  }
  memset(starts, 0, (bucketCount + 2) * sizeof(int32_t));
  for (size_t j = 0; j < count; ++j) ++starts[bucket[j] + 1];
  int32_t largest = 0;
  for (size_t b = 0; b < bucketCount; ++b) {
    largest = starts[b + 1] > largest ? starts[b + 1] : largest;
    starts[b + 1] += starts[b];
  }
  const size_t live = (size_t)starts[bucketCount];
  for (size_t j = 0; j < count; ++j) {
    int32_t place = starts[bucket[j]]++;
    order[place] = (int32_t)j;
    keys[place] = t[j];
  }
  if (largest > 24) {
    for (size_t b = 0; b < bucketCount; ++b) {
      int32_t start = b ? starts[b - 1] : 0, length = starts[b] - start;
      if (length <= 24) continue;
      sort_crowd(order + start, t, (size_t)length);
      for (int32_t i = start; i < starts[b]; ++i) keys[i] = t[order[i]];
    }
  }
  for (size_t i = 1; i < live; ++i) {
    double value = keys[i];
    if (!(keys[i - 1] > value)) continue;
    int32_t item = order[i];
    size_t place = i;
    do {
      order[place] = order[place - 1];
      keys[place] = keys[place - 1];
      --place;
    } while (place > 0 && keys[place - 1] > value);
    order[place] = item;
    keys[place] = value;
  }
  return live;
}

size_t ck_sweep_first_doubt(const int32_t *order, const double *t, const double *tau, size_t from,
                            size_t count) {
  if (from + 1 >= count) return count;
  double value = t[order[from]], error = tau[order[from]];
  for (size_t i = from + 1; i < count; ++i) {
    double next = t[order[i]], nextError = tau[order[i]];
    if (!(next - value > 1.0000001 * (error + nextError))) return i;
    value = next;
    error = nextError;
  }
  return count;
}

CK_CLONES void ck_sweep_signs(const double *beta, const uint64_t *members, size_t count,
                              uint64_t *negative, uint64_t *state) {
  for (size_t w = 0; w * 64 < count; ++w) {
    size_t end = count - w * 64 < 64 ? count - w * 64 : 64;
    uint64_t bits = 0;
    for (size_t i = 0; i < end; ++i) bits |= (uint64_t)(beta[w * 64 + i] < 0) << i;
    uint64_t live = ~members[w];
    if (end < 64) live &= ((uint64_t)1 << end) - 1;
    negative[w] = bits & live;
    state[w] = ~bits & live;
  }
}

CK_INLINE size_t walk(ck_sweep_line *line, uint64_t *state, size_t limit, uint64_t *out,
                      size_t words) {
  const int32_t *order = line->order;
  const uint8_t *tie = line->tie;
  const size_t count = line->count, last = line->last, depth = line->depth;
  const uint64_t *negative = line->negative;
  uint64_t passed = line->passed, *start = out;
  const uint64_t *stop = out + limit * words;
  size_t i = line->begin;
  while (i < count) {
    size_t end = i + 1;
    int32_t k = order[i];
    int hasFirst = k == 0;
    if (tie)
      for (; end < count && tie[end]; ++end) {
        hasFirst |= order[end] == 0;
        k = order[end] < k ? order[end] : k;
      }
    if (!hasFirst && (size_t)k < last) {
      if (out == stop) break;
      const uint64_t code = line->code[k] ^ passed;
      for (size_t b = 0; b < depth; ++b) {
        const uint64_t bit = (code >> b) & 1;
        const uint64_t *followers = line->followers[b];
        if (followers) {
          const uint64_t *sides = line->sides[b];
          for (size_t w = 0; w < words; ++w)
            state[w] = (state[w] & ~followers[w]) | (followers[w] & (sides[w] ^ (bit - 1)));
        } else {
          const unsigned row = (unsigned)line->chain[b];
          state[row >> 6] =
              (state[row >> 6] & ~((uint64_t)1 << (row & 63))) | (bit << (row & 63));
        }
      }
      const uint64_t own = (negative[(size_t)k >> 6] >> (k & 63)) & 1;
      const uint64_t bit = (own ^ passed) & 1;
      for (size_t q = i; q < end; ++q) {
        const unsigned row = (unsigned)order[q];
        const uint64_t side = (negative[row >> 6] >> (row & 63)) & 1;
        state[row >> 6] = (state[row >> 6] & ~((uint64_t)1 << (row & 63))) |
                          ((bit ^ own ^ side) << (row & 63));
      }
      uint64_t *target = line->rank ? start + (size_t)line->rank[k] * words : out;
      for (size_t w = 0; w < words; ++w) target[w] = state[w];
      out += words;
    }
    for (size_t q = i; q < end; ++q) {
      const unsigned row = (unsigned)order[q];
      const uint64_t mask = (uint64_t)1 << (row & 63);
      state[row >> 6] = (state[row >> 6] & ~mask) | (negative[row >> 6] & mask);
    }
    if (hasFirst) passed = ~(uint64_t)0;
    i = end;
  }
  line->begin = i;
  line->passed = passed;
  return (size_t)(out - start) / words;
}

size_t ck_sweep_walk(ck_sweep_line *line, uint64_t *state, size_t limit, uint64_t *out) {
  switch (line->words) {
    case 1: return walk(line, state, limit, out, 1);
    case 2: return walk(line, state, limit, out, 2);
    case 3: return walk(line, state, limit, out, 3);
    case 4: return walk(line, state, limit, out, 4);
    default: return walk(line, state, limit, out, line->words);
  }
}

size_t ck_sweep_children(const int32_t *order, const uint8_t *tie, size_t count, size_t last,
                         int32_t *place) {
  size_t found = 0;
  if (place)
    for (size_t k = 0; k < last; ++k) place[k] = -1;
  for (size_t i = 0; i < count;) {
    size_t end = i + 1;
    int32_t k = order[i];
    if (tie)
      for (; end < count && tie[end]; ++end) k = order[end] < k ? order[end] : k;
    if (k > 0 && (size_t)k < last) {
      if (place) place[k] = (int32_t)i;
      ++found;
    }
    i = end;
  }
  return found;
}

// Reals bracketed by single precision: the bracket holds t - tau ... t + tau.
CK_CLONES static void brackets(const double *t, const double *tau, size_t count, float *low,
                               float *high) {
  for (size_t j = 0; j < count; ++j) {
    double lower = t[j] - 1.000001 * tau[j], upper = t[j] + 1.000001 * tau[j];
    low[j] = (float)(lower - 0x1p-22 * fabs(lower) - 0x1p-120);
    high[j] = (float)(upper + 0x1p-22 * fabs(upper) + 0x1p-120);
  }
}

typedef float lanes __attribute__((ext_vector_type(16), aligned(4)));
typedef _Bool bit_lanes __attribute__((ext_vector_type(16)));

// A macro, since the way vectors are passed depends on the clone.
#define PACK(mask, bits)                                              \
  do {                                                                \
    bit_lanes packed_ = __builtin_convertvector((mask), bit_lanes);   \
    memcpy(&(bits), &packed_, sizeof(uint16_t));                      \
  } while (0)

// Decides what single precision left open: rows of the class of k by their exact quotients, others
// in double precision; 0 when that does not decide either.
static int recheck(const double *t, const double *tau, const double *quotient, size_t k, size_t word,
                   uint64_t open, uint64_t *greater, uint64_t *same) {
  while (open) {
    unsigned i = (unsigned)__builtin_ctzll(open);
    open &= open - 1;
    size_t j = word * 64 + i;
    if (quotient && quotient[j] == quotient[k]) {
      *same |= (uint64_t)1 << i;
      continue;
    }
    double error = 1.000001 * (tau[j] + tau[k]);
    if (t[j] - t[k] > error) *greater |= (uint64_t)1 << i;
    else if (t[k] - t[j] > error) *greater &= ~((uint64_t)1 << i);
    else return 0;
  }
  return 1;
}

CK_INLINE size_t compare(const ck_sweep_line *line, const uint64_t *live, const double *t,
                         const double *tau, const double *quotient, size_t count, const float *low,
                         const float *high, uint64_t *same, uint64_t *out, size_t words) {
  const size_t depth = line->depth;
  uint64_t *start = out;
  // Rows that are no children: those of the class of row 0 or of a child before them.
  uint64_t *skipped = same + words;
  for (size_t w = 0; w < words; ++w) skipped[w] = 0;
  if (quotient)
    for (size_t j = 0; j < count; ++j)
      skipped[j >> 6] |= (uint64_t)(quotient[j] == quotient[0]) << (j & 63);
  for (size_t k = 1; k < line->last; ++k) {
    if (!(((live[k >> 6] & ~skipped[k >> 6]) >> (k & 63)) & 1)) continue;
    if (line->code[k] >> 32) return (size_t)-1;
    const lanes above = high[k], below = low[k];
    uint64_t others = 0;
    for (size_t w = 0; w < words; ++w) {
      uint64_t greater = 0, less = 0;
      for (unsigned q = 0; q < 4; ++q) {
        const lanes lowest = *(const lanes *)(low + w * 64 + q * 16);
        const lanes highest = *(const lanes *)(high + w * 64 + q * 16);
        uint16_t above_bits, below_bits;
        PACK(lowest > above, above_bits);
        PACK(highest < below, below_bits);
        greater |= (uint64_t)above_bits << (16 * q);
        less |= (uint64_t)below_bits << (16 * q);
      }
      uint64_t open = ~(greater | less) & live[w];
      if (w == k >> 6) open &= ~((uint64_t)1 << (k & 63));
      same[w] = 0;
      if (__builtin_expect(open != 0, 0) &&
          !recheck(t, tau, quotient, k, w, open, &greater, &same[w]))
        return (size_t)-1;
      others |= same[w];
      out[w] = greater;
    }
    const uint64_t passed = (out[0] & 1) - 1;
    const uint64_t code = line->code[k] ^ passed;
    for (size_t w = 0; w < words; ++w) out[w] = (out[w] ^ line->negative[w]) & live[w];
    // The class of k is on the side of k.
    const uint64_t mask = (uint64_t)1 << (k & 63);
    out[k >> 6] = (out[k >> 6] & ~mask) | ((line->negative[k >> 6] ^ passed) & mask);
    if (others)
      for (size_t w = 0; w < words; ++w) {
        out[w] = (out[w] & ~same[w]) | ((line->negative[w] ^ passed) & same[w]);
        skipped[w] |= same[w];
      }
    for (size_t b = 0; b < depth; ++b) {
      const uint64_t value = (code >> b) & 1;
      const uint64_t *followers = line->followers[b];
      if (followers) {
        const uint64_t *sides = line->sides[b];
        for (size_t w = 0; w < words; ++w) out[w] |= followers[w] & (sides[w] ^ (value - 1));
      } else {
        const unsigned row = (unsigned)line->chain[b];
        out[row >> 6] |= value << (row & 63);
      }
    }
    out += words;
  }
  return (size_t)(out - start) / words;
}

CK_CLONES static size_t compare_any(const ck_sweep_line *line, const uint64_t *live,
                                    const double *t, const double *tau, const double *quotient,
                                    size_t count, const float *low, const float *high,
                                    uint64_t *work, uint64_t *out) {
  switch (line->words) {
    case 1: return compare(line, live, t, tau, quotient, count, low, high, work, out, 1);
    case 2: return compare(line, live, t, tau, quotient, count, low, high, work, out, 2);
    case 3: return compare(line, live, t, tau, quotient, count, low, high, work, out, 3);
    case 4: return compare(line, live, t, tau, quotient, count, low, high, work, out, 4);
    default:
      return compare(line, live, t, tau, quotient, count, low, high, work, out, line->words);
  }
}

size_t ck_sweep_compare(const ck_sweep_line *line, const uint64_t *live, const double *t,
                        const double *tau, const double *quotient, size_t count, float *brackets_,
                        uint64_t *work, uint64_t *out) {
  float *low = brackets_, *high = brackets_ + line->words * 64;
  brackets(t, tau, count, low, high);
  return compare_any(line, live, t, tau, quotient, count, low, high, work, out);
}

CK_CLONES void ck_sweep_ratios(const double *x, const double *y, size_t count, double *quotient) {
  for (size_t j = 0; j < count; ++j) quotient[j] = y[j] == 0 ? INFINITY : x[j] / y[j];
}

void ck_sweep_ranks(const int32_t *place, size_t last, int32_t *rank) {
  int32_t next = 0;
  for (size_t k = 0; k < last; ++k) {
    rank[k] = next;
    next += place[k] >= 0;
  }
}
