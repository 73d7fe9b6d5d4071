#pragma once
#include <stddef.h>
#include <stdint.h>

// The few loops that Swift cannot vectorise. Each has a slow twin in TestSupport.

// Pooling of one sample. responses [K, m]; order lists the positions window by window, those of
// window q from starts[q] to starts[q + 1]; weights [K]; features and cotangent [m, a]. The adjoints
// overwrite responses; max pooling gives everything to the first positive winner of a window.
void ck_pool_relu(const double *responses, size_t m, const int32_t *order, const int32_t *starts,
                  size_t a, const double *weights, double *features);
void ck_pool_relu_adjoint(double *responses, size_t m, const int32_t *order, const int32_t *starts,
                          size_t a, const double *weights, const double *cotangent);
void ck_pool_linear(const double *responses, size_t m, const int32_t *order, const int32_t *starts,
                    size_t a, const double *weights, double *features);
void ck_pool_linear_adjoint(double *responses, size_t m, const int32_t *order,
                            const int32_t *starts, size_t a, const double *weights,
                            const double *cotangent);
void ck_pool_max(const double *responses, size_t m, const int32_t *order, const int32_t *starts,
                 size_t a, double *features);
// The same of responses in single precision.
void ck_pool_relu_float(const float *responses, size_t m, const int32_t *order,
                        const int32_t *starts, size_t a, const double *weights, double *features);
void ck_pool_linear_float(const float *responses, size_t m, const int32_t *order,
                          const int32_t *starts, size_t a, const double *weights,
                          double *features);
void ck_pool_max_float(const float *responses, size_t m, const int32_t *order,
                       const int32_t *starts, size_t a, double *features);
void ck_pool_max_adjoint(double *responses, size_t m, const int32_t *order, const int32_t *starts,
                         size_t a, const double *cotangent);

// Products of the windows of one sample with few filters. x [a, h]; u [h, stride], the transposed filters,
// stride a multiple of 8, columns from m on zero; out [a, m] is overwritten.
void ck_window_products(const double *x, size_t a, size_t h, const double *u, size_t stride,
                        size_t m, double *out);
// Its adjoint by the filters. cotangent [a, m]; gradient [h, stride] is added to.
void ck_window_adjoint(const double *x, size_t a, size_t h, const double *cotangent, size_t m,
                       size_t stride, double *gradient);

// Patches of one padded image: patch k, row k of patches [positions, taps + bias], is
// image[position[k] + tap[t]] over the taps t, then 1 if bias is set.
void ck_extract_patches(const double *image, const int32_t *position, size_t positions,
                        const int32_t *tap, size_t taps, int bias, double *patches);

// Convolution of one padded image without patches. filters [taps + 1, stride]: the transposed
// filters, last row the bias (zeros if none), stride a multiple of 8, columns from m on zero.
// Positions ascend. responses [positions, m] is overwritten.
void ck_direct_responses(const double *image, const int32_t *position, size_t positions,
                         const int32_t *tap, size_t taps, const double *filters, size_t m,
                         size_t stride, double *responses);
// Its adjoint. cotangent [positions, stride] with stride a multiple of 8; gradient
// [taps + 1, stride] is added to, last row the sums of the cotangent.
void ck_direct_adjoint(const double *image, const int32_t *position, size_t positions,
                       const int32_t *tap, size_t taps, const double *cotangent, size_t stride,
                       double *gradient);
// Both in single precision, with stride a multiple of 16.
void ck_direct_responses_float(const float *image, const int32_t *position, size_t positions,
                               const int32_t *tap, size_t taps, const float *filters, size_t m,
                               size_t stride, float *responses);
void ck_direct_adjoint_float(const float *image, const int32_t *position, size_t positions,
                             const int32_t *tap, size_t taps, const float *cotangent,
                             size_t stride, float *gradient);

// Transforms of one length by passes of radix 2, 3, 4, 5, 7 or 8 (Sources/Convolutions/SpectrumPlan.swift
// has the theory). Pass p works on blocks of lengths[p] entries; its twiddle factors start at
// twiddles[starts[p]]: for each j < lengths[p] / radices[p] cosine and sine of -2 pi q j / lengths[p]
// with q = 1, ..., radices[p] - 1. roots: cosine and sine of 2 pi k / r for k < r and r = 3, 5, 7. Both
// are numbers of the type that is transformed, double or float.
typedef struct {
  size_t length, passes;
  const int32_t *radices, *lengths, *starts;
  const void *twiddles, *roots;
} ck_transform;
// Transforms of planes. Their spectra are [columns.length, rows.length] in the order of the passes:
// column v has frequency frequencies[v]; mirror[u] is the place of the frequency opposite to that of
// row u, and identity[u] is u. Half spectra of images have the frequencies 0, ..., columns.length / 2
// in natural order as columns, [channels, columns.length / 2 + 1, rows.length] complex numbers.
typedef struct {
  ck_transform rows, columns;
  const int32_t *frequencies, *mirror, *identity;
} ck_spectra;
// Spectra of 16 real planes at once, planes b and b + 8 as real and imaginary part of one; an entry
// is 16 numbers. Entry (r, c) of the planes, at in + r rowStride + c columnStride with count <= 16
// planes present, lies at (r rowStep, c columnStep) and all others are zero. Without an image the
// spectra [columns.length, rows.length] are overwritten; with one, their product with the conjugate
// of the image's spectrum is added to spectra [channels, columns.length, rows.length].
// work: rows.length (columns.length + 2) entries.
void ck_spectra_forward(const ck_spectra *s, const double *in, size_t rowStride,
                        size_t columnStride, size_t rows, size_t columns, size_t rowStep,
                        size_t columnStep, size_t count, double *work, const double *image,
                        size_t channels, double *spectra);
// The other way: transforms the spectra (times the conjugate of the image's, summed over channels, when
// there is an image) and writes entry (r rowStep, c columnStep) plus offset [count], when there is
// one, to out + r rowStride + c columnStride.
void ck_spectra_backward(const ck_spectra *s, const double *spectra, const double *image,
                         size_t channels, size_t rows, size_t columns, size_t rowStep,
                         size_t columnStep, double *work, const double *offset, size_t count,
                         double *out, size_t rowStride, size_t columnStride);
// Both in single precision: 32 planes at once, planes b and b + 16 as one; an entry is 32 numbers.
void ck_spectra_forward_float(const ck_spectra *s, const float *in, size_t rowStride,
                              size_t columnStride, size_t rows, size_t columns, size_t rowStep,
                              size_t columnStep, size_t count, float *work, const float *image,
                              size_t channels, float *spectra);
void ck_spectra_backward_float(const ck_spectra *s, const float *spectra, const float *image,
                               size_t channels, size_t rows, size_t columns, size_t rowStep,
                               size_t columnStep, float *work, const float *offset, size_t count,
                               float *out, size_t rowStride, size_t columnStride);

// The sweep over the cells of an arrangement (Sources/Arrangements/Sweep*.swift has the theory).
// out = x - r y on count numbers; the largest modulus of out.
double ck_sweep_eliminate(double *out, const double *x, const double *y, double r, size_t count);
// t = alpha / beta and a bound tau of its error, given bounds of the errors of alpha and beta;
// infinite where the sign of beta is not certain. The number of such places.
size_t ck_sweep_quotients(const double *alpha, const double *beta, double alphaError,
                          double betaError, size_t count, double *t, double *tau);
// Bit index of code[k] = [x beta[k] < 0] with x = q beta[k] - gamma[k]; bit 32 + index is set where
// |x| does not exceed |beta[k]| slope + |gamma[k]| 2^-51 + base. Index 0 overwrites code. The union of
// the upper bits.
uint64_t ck_sweep_codes(const double *beta, const double *gamma, double q, double slope,
                        double base, unsigned index, size_t count, uint64_t *code);
// out[j] = sum_v kernel[v] columns[v * stride + j].
void ck_sweep_restrict(const double *columns, size_t stride, const double *kernel, size_t rank,
                       size_t count, double *out);
// Rows that are not members in ascending order of t, as far as t is a number; their count. Workspace:
// bucket [count], starts [bucketCount + 2], keys [count]. order [count] has the members at its end.
size_t ck_sweep_sort(const double *t, const uint64_t *members, size_t count, double scale,
                     int32_t *bucket, int32_t *starts, size_t bucketCount, double *keys,
                     int32_t *order);
// First i > from for which t[order[i - 1]] < t[order[i]] is not certain; count if there is none.
size_t ck_sweep_first_doubt(const int32_t *order, const double *t, const double *tau, size_t from,
                            size_t count);
// Packed bits [beta < 0] and [beta >= 0] of the rows that are not members.
void ck_sweep_signs(const double *beta, const uint64_t *members, size_t count, uint64_t *negative,
                    uint64_t *state);

// One pencil of the sweep. tie[i]: order[i] is parallel to order[i - 1]; null if none is.
// followers[b]: rows that share the class of chain[b], null if it is alone; sides[b]: which of them
// have the sign of chain[b]. rank[k]: where the pattern of child k goes; null for the order of the
// pencil. A walk begins at place begin of the order, with passed all ones once row 0 is behind it.
typedef struct {
  const int32_t *order;
  const uint8_t *tie;
  const uint64_t *negative;
  const uint64_t *code;
  const int32_t *chain;
  const uint64_t *const *followers;
  const uint64_t *const *sides;
  const int32_t *rank;
  size_t count, last, depth, words, begin;
  uint64_t passed;
} ck_sweep_line;
// Writes the pattern of the next children, words words each, in the order of the pencil, but no more
// than limit; their number. The line then begins where the walk stopped, at count when it is done.
size_t ck_sweep_walk(ck_sweep_line *line, uint64_t *state, size_t limit, uint64_t *out);
// place[k] for k < last: where the class whose least row is k starts, -1 if there is no such child.
// The number of children; the class of row 0 is none. With a null place they are only counted.
size_t ck_sweep_children(const int32_t *order, const uint8_t *tie, size_t count, size_t last,
                         int32_t *place);
// The same in ascending order of k, by comparing quotients instead of sorting them. live: rows that
// are not members. quotient: equal exactly for parallel rows; null when there are taken to be none.
// brackets: workspace of 2 * 64 * words numbers, those beyond the rows are no numbers; work: of
// 2 * words. (size_t)-1 when a comparison or a child's code is not certain; then out is garbage.
size_t ck_sweep_compare(const ck_sweep_line *line, const uint64_t *live, const double *t,
                        const double *tau, const double *quotient, size_t count, float *brackets,
                        uint64_t *work, uint64_t *out);
// quotient = x / y, infinity where y is zero. Of integers below 2^26 in modulus, equal fractions have
// equal quotients, and different ones differ by more than rounding.
void ck_sweep_ratios(const double *x, const double *y, size_t count, double *quotient);
// rank[k] = number of children below k, for the places of ck_sweep_children.
void ck_sweep_ranks(const int32_t *place, size_t last, int32_t *rank);

// The sampler of cells (Sources/Arrangements/ChainSampler.swift has the theory).
// With x_j = sum_v factors[v] columns[v * stride + j]: packed bits [x_j > 0] and [|x_j| > slack fails],
// words words each; columns have 64 words rows. The number of unsure rows.
size_t ck_sample_signs(const double *columns, size_t stride, const double *factors, size_t terms,
                       double slack, size_t words, uint64_t *positive, uint64_t *unsure);

// Branch and bound over cones (Sources/Arrangements/ConeSearch.swift has the theory). rays
// [h, lanes]: ray j is column j, columns beyond h repeat column 0, lanes a multiple of 8; tau [lanes]
// is zero beyond h. Products of rows with rays have lanes numbers a row.
//
// Pairs c (x . u)_+ - c (y . u)_+: plus and minus [units, h], zero rows where a part is absent.
// Writes the units undecided on the cone to kept and c, and their products with ray j to
// p[j * stride + i] and q[j * stride + i], filled up with zeros to a multiple of 8; adds the others to
// linear [h]. Their count. h is at most 16.
size_t ck_cone_pairs(const double *plus, const double *minus, const double *weights,
                     const int32_t *members, size_t count, const double *rays, size_t h,
                     size_t lanes, double tolerance, int32_t *kept, double *p, double *q, double *c,
                     size_t stride, double *linear);
// sum c ((p . tau)_+ - (q . tau)_+).
double ck_cone_pair_value(const double *p, const double *q, const double *c, size_t count,
                          size_t h, size_t stride, const double *tau);
// Adds to out the linear majorant of the pairs that is least at tau, on every ray.
void ck_cone_pair_atom(const double *p, const double *q, const double *c, size_t count, size_t h,
                       size_t stride, const double *tau, double *out);
// Adds to scores [h, lanes], below the diagonal, what splitting each edge takes off the majorant at
// tau.
void ck_cone_pair_scores(const double *p, const double *q, const double *c, size_t count, size_t h,
                         size_t stride, size_t lanes, const double *tau, const double *edgeWeights,
                         double *scores);
// Products of rows with the rays; states: 0 not positive, 1 not negative, 2 of both signs.
void ck_cone_values(const double *rows, const int32_t *members, size_t count, const double *rays,
                    size_t h, size_t lanes, double tolerance, double *values, uint8_t *states);
// Groups of rows, those of group g from starts[g] to starts[g + 1]: on every ray the row that is
// largest at tau (zeros when none is positive there) with that product, and the largest of zero and
// all rows.
void ck_cone_tangents(const double *values, const int32_t *starts, size_t groups, size_t lanes,
                      const double *tau, double *tangents, double *products);
void ck_cone_peaks(const double *values, const int32_t *starts, size_t groups, size_t lanes,
                   double *peaks);
// Adds sum b peak, sum b (peak - tangent), sum |b| (peak - tangent), [entries, lanes], where group g
// has the coefficients of terms[g], outputs numbers that belong to entries from its offset.
void ck_cone_term_sums(const double *peaks, const double *tangents, const double *coefficients,
                       const int32_t *terms, const int32_t *offsets, size_t groups, size_t outputs,
                       size_t lanes, double *values, double *slacks, double *sizes);
// Adds sum c (c > 0 ? peak : tangent) with c = sign * projections[g].
void ck_cone_term_atom(const double *peaks, const double *tangents, const double *projections,
                       double sign, size_t groups, size_t lanes, double *out);
// Adds to scores [h, lanes] the weighted crossings of each edge by the groups' rows.
void ck_cone_term_scores(const double *values, const int32_t *starts, const double *weights,
                         size_t groups, size_t h, size_t lanes, const double *edgeWeights,
                         double *scores);
