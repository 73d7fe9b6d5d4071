#pragma once
#include <stddef.h>
#include <stdint.h>

// The few loops that Swift cannot vectorise. Each has a slow twin in TestSupport.

// Sum of squares of count numbers.
double ck_sum_of_squares(const double *x, size_t count);

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
void ck_pool_max_adjoint(double *responses, size_t m, const int32_t *order, const int32_t *starts,
                         size_t a, const double *cotangent);

// Patches of one padded image: patch k, row k of patches [positions, taps + bias], is
// image[position[k] + tap[t]] over the taps t, then 1 if bias is set.
void ck_extract_patches(const double *image, const int32_t *position, size_t positions,
                        const int32_t *tap, size_t taps, int bias, double *patches);

// Convolution of one padded image without patches. filters [taps + 1, stride]: the transposed
// filters, last row the bias (zeros if none), stride a multiple of 8, columns from m on zero.
// responses [positions, m] is overwritten.
void ck_direct_responses(const double *image, const int32_t *position, size_t positions,
                         const int32_t *tap, size_t taps, const double *filters, size_t m,
                         size_t stride, double *responses);
// Its adjoint. cotangent [positions, stride] with stride a multiple of 8; gradient
// [taps + 1, stride] is added to, last row the sums of the cotangent.
void ck_direct_adjoint(const double *image, const int32_t *position, size_t positions,
                       const int32_t *tap, size_t taps, const double *cotangent, size_t stride,
                       double *gradient);

// out = x conj(y), or out += x conj(y) when adding, on count interleaved complex numbers.
void ck_multiply_conjugate(double *out, const double *x, const double *y, size_t count, int adding);
// rows[k * stride + b] = planes[b * plane + position[k]] + offset[b] over planes b and positions k.
void ck_planes_to_rows(const double *planes, size_t count, size_t plane, const int32_t *position,
                       size_t positions, const double *offset, double *rows, size_t stride);
// planes[b * plane + position[k]] = rows[k * stride + b]; the rest of the planes is left alone.
void ck_rows_to_planes(const double *rows, size_t stride, const int32_t *position,
                       size_t positions, double *planes, size_t count, size_t plane);
