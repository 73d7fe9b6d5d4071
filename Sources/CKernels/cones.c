#include "CKernels.h"
#include "clones.h"
#include <math.h>

// Loops of branch and bound over cones. A row's products with the rays of a cone fill `lanes`
// numbers, a multiple of 8; lanes beyond the rays repeat the first ray.

typedef double eight __attribute__((ext_vector_type(8), aligned(8)));

// Macros, since the way vectors are passed depends on the clone.
#define POSITIVE(x) __builtin_elementwise_max((x), (eight)0)
#define SUM(x)                                                                              \
  ((((x)[0] + (x)[4]) + ((x)[1] + (x)[5])) + (((x)[2] + (x)[6]) + ((x)[3] + (x)[7])))
#define LEAST(x)                                                                            \
  fmin(fmin(fmin((x)[0], (x)[4]), fmin((x)[1], (x)[5])),                                    \
       fmin(fmin((x)[2], (x)[6]), fmin((x)[3], (x)[7])))
#define LARGEST(x)                                                                          \
  fmax(fmax(fmax((x)[0], (x)[4]), fmax((x)[1], (x)[5])),                                    \
       fmax(fmax((x)[2], (x)[6]), fmax((x)[3], (x)[7])))

// The products of one row with the rays, and whether the row is positive (1), negative or zero (0)
// or of both signs (2) on the cone.
#define PRODUCTS(row, out, state)                                                           \
  do {                                                                                      \
    double least_ = INFINITY, largest_ = -INFINITY;                                         \
    for (size_t b_ = 0; b_ < lanes; b_ += 8) {                                              \
      eight sum_ = 0;                                                                       \
      for (size_t k_ = 0; k_ < h; ++k_)                                                     \
        sum_ += (row)[k_] * *(const eight *)(rays + k_ * lanes + b_);                       \
      *(eight *)((out) + b_) = sum_;                                                        \
      least_ = fmin(least_, LEAST(sum_));                                                   \
      largest_ = fmax(largest_, LARGEST(sum_));                                             \
    }                                                                                       \
    (state) = largest_ <= tolerance ? 0 : least_ >= -tolerance ? 1 : 2;                     \
  } while (0)

CK_CLONES size_t ck_cone_pairs(const double *plus, const double *minus, const double *weights,
                               const int32_t *members, size_t count, const double *rays, size_t h,
                               size_t lanes, double tolerance, int32_t *kept, double *p, double *q,
                               double *c, size_t stride, double *linear) {
  size_t m = 0;
  double x_on_rays[16], y_on_rays[16];
  for (size_t i = 0; i < count; ++i) {
    const size_t unit = (size_t)members[i];
    const double *x = plus + unit * h, *y = minus + unit * h;
    int first, second;
    PRODUCTS(x, x_on_rays, first);
    PRODUCTS(y, y_on_rays, second);
    const double weight = weights[unit];
    if (first != 2 && second != 2) {
      if (first)
        for (size_t k = 0; k < h; ++k) linear[k] += weight * x[k];
      if (second)
        for (size_t k = 0; k < h; ++k) linear[k] -= weight * y[k];
      continue;
    }
    for (size_t j = 0; j < h; ++j) {
      p[j * stride + m] = first ? x_on_rays[j] : 0;
      q[j * stride + m] = second ? y_on_rays[j] : 0;
    }
    c[m] = weight;
    kept[m] = members[i];
    ++m;
  }
  // The loops below take eight units at a time.
  for (size_t i = m; i % 8; ++i) {
    c[i] = 0;
    for (size_t j = 0; j < h; ++j) p[j * stride + i] = q[j * stride + i] = 0;
  }
  return m;
}

CK_CLONES double ck_cone_pair_value(const double *p, const double *q, const double *c,
                                    size_t count, size_t h, size_t stride, const double *tau) {
  eight total = 0;
  for (size_t i = 0; i < count; i += 8) {
    eight x = 0, y = 0;
    for (size_t j = 0; j < h; ++j) {
      x += tau[j] * *(const eight *)(p + j * stride + i);
      y += tau[j] * *(const eight *)(q + j * stride + i);
    }
    total += *(const eight *)(c + i) * (POSITIVE(x) - POSITIVE(y));
  }
  return SUM(total);
}

// The chord of the first part, the second part and the chord of both together, at tau.
#define CHORDS(i)                                                                           \
  eight chord = 0, other = 0, joint = 0;                                                    \
  for (size_t j = 0; j < h; ++j) {                                                          \
    const eight x_ = *(const eight *)(p + j * stride + (i)),                                \
                y_ = *(const eight *)(q + j * stride + (i));                                \
    chord += tau[j] * POSITIVE(x_);                                                         \
    other += tau[j] * y_;                                                                   \
    joint += tau[j] * POSITIVE(x_ - y_);                                                    \
  }

CK_CLONES void ck_cone_pair_atom(const double *p, const double *q, const double *c, size_t count,
                                 size_t h, size_t stride, const double *tau, double *out) {
  eight sums[16];
  for (size_t j = 0; j < h; ++j) sums[j] = 0;
  for (size_t i = 0; i < count; i += 8) {
    CHORDS(i)
    const eight weight = *(const eight *)(c + i);
    for (size_t j = 0; j < h; ++j) {
      const eight x = *(const eight *)(p + j * stride + i), y = *(const eight *)(q + j * stride + i);
      const eight alone = POSITIVE(x) - (other > 0 ? y : (eight)0);
      sums[j] += weight * (joint < chord - POSITIVE(other) ? POSITIVE(x - y) : alone);
    }
  }
  for (size_t j = 0; j < h; ++j) out[j] += SUM(sums[j]);
}

CK_CLONES void ck_cone_pair_scores(const double *p, const double *q, const double *c, size_t count,
                                   size_t h, size_t stride, size_t lanes, const double *tau,
                                   const double *edgeWeights, double *scores) {
  eight sums[128];
  for (size_t e = 0; e < 128; ++e) sums[e] = 0;
  for (size_t i = 0; i < count; i += 8) {
    CHORDS(i)
    // What splitting can gain is at most the bound used.
    const eight most = joint < chord - POSITIVE(other) ? joint : (eight)INFINITY;
    const eight weight = *(const eight *)(c + i);
    size_t e = 0;
    for (size_t j = 1; j < h; ++j) {
      const eight x = *(const eight *)(p + j * stride + i);
      for (size_t k = 0; k < j; ++k, ++e) {
        const eight y = *(const eight *)(p + k * stride + i);
        const eight reach = edgeWeights[j * lanes + k] *
                            __builtin_elementwise_min(__builtin_elementwise_abs(x),
                                                      __builtin_elementwise_abs(y));
        const eight gain = weight * __builtin_elementwise_min(reach, most);
        sums[e] += x * y < 0 ? gain : (eight)0;
      }
    }
  }
  for (size_t j = 1, e = 0; j < h; ++j)
    for (size_t k = 0; k < j; ++k, ++e) scores[j * lanes + k] += SUM(sums[e]);
}

CK_CLONES void ck_cone_values(const double *rows, const int32_t *members, size_t count,
                              const double *rays, size_t h, size_t lanes, double tolerance,
                              double *values, uint8_t *states) {
  for (size_t i = 0; i < count; ++i) {
    const double *row = rows + (size_t)members[i] * h;
    int state;
    PRODUCTS(row, values + i * lanes, state);
    states[i] = (uint8_t)state;
  }
}

// The tangent of each group at tau: its row of largest product, or nothing when none is positive.
CK_CLONES void ck_cone_tangents(const double *values, const int32_t *starts, size_t groups,
                                size_t lanes, const double *tau, double *tangents,
                                double *products) {
  for (size_t g = 0; g < groups; ++g) {
    double best = 0;
    const double *winner = 0;
    for (int32_t r = starts[g]; r < starts[g + 1]; ++r) {
      const double *v = values + (size_t)r * lanes;
      double product = 0;
      for (size_t b = 0; b < lanes; b += 8) {
        const eight x = *(const eight *)(v + b) * *(const eight *)(tau + b);
        product += SUM(x);
      }
      if (product > best) {
        best = product;
        winner = v;
      }
    }
    products[g] = best;
    for (size_t l = 0; l < lanes; ++l) tangents[g * lanes + l] = winner ? winner[l] : 0;
  }
}

// The larger of zero and the rows of each group, on every ray.
CK_CLONES void ck_cone_peaks(const double *values, const int32_t *starts, size_t groups,
                             size_t lanes, double *peaks) {
  for (size_t g = 0; g < groups; ++g)
    for (size_t b = 0; b < lanes; b += 8) {
      eight peak = 0;
      for (int32_t r = starts[g]; r < starts[g + 1]; ++r)
        peak = __builtin_elementwise_max(peak, *(const eight *)(values + (size_t)r * lanes + b));
      *(eight *)(peaks + g * lanes + b) = peak;
    }
}

CK_CLONES void ck_cone_term_sums(const double *peaks, const double *tangents,
                                 const double *coefficients, const int32_t *terms,
                                 const int32_t *offsets, size_t groups, size_t outputs,
                                 size_t lanes, double *values, double *slacks, double *sizes) {
  for (size_t g = 0; g < groups; ++g) {
    const double *b = coefficients + (size_t)terms[g] * outputs;
    const size_t offset = (size_t)offsets[terms[g]];
    for (size_t l = 0; l < lanes; l += 8) {
      const eight peak = *(const eight *)(peaks + g * lanes + l);
      const eight slack = peak - *(const eight *)(tangents + g * lanes + l);
      for (size_t t = 0; t < outputs; ++t) {
        const size_t place = (offset + t) * lanes + l;
        *(eight *)(values + place) += b[t] * peak;
        *(eight *)(slacks + place) += b[t] * slack;
        *(eight *)(sizes + place) += fabs(b[t]) * slack;
      }
    }
  }
}

CK_CLONES void ck_cone_term_atom(const double *peaks, const double *tangents,
                                 const double *projections, double sign, size_t groups,
                                 size_t lanes, double *out) {
  for (size_t g = 0; g < groups; ++g) {
    const double c = sign * projections[g];
    const double *source = (c > 0 ? peaks : tangents) + g * lanes;
    for (size_t b = 0; b < lanes; b += 8)
      *(eight *)(out + b) += c * *(const eight *)(source + b);
  }
}

CK_CLONES void ck_cone_term_scores(const double *values, const int32_t *starts,
                                   const double *weights, size_t groups, size_t h, size_t lanes,
                                   const double *edgeWeights, double *scores) {
  for (size_t g = 0; g < groups; ++g)
    for (int32_t r = starts[g]; r < starts[g + 1]; ++r) {
      const double *v = values + (size_t)r * lanes;
      for (size_t j = 0; j < h; ++j) {
        const double x = v[j], size = fabs(x);
        for (size_t b = 0; b < lanes; b += 8) {
          const eight y = *(const eight *)(v + b);
          const eight gain =
              __builtin_elementwise_min(__builtin_elementwise_abs(y), (eight)size) *
              *(const eight *)(edgeWeights + j * lanes + b);
          const eight crosses = x * y < 0 ? (eight)1 : (eight)0;
          *(eight *)(scores + j * lanes + b) += weights[g] * crosses * gain;
        }
      }
    }
}
