#include "CKernels.h"
#include "clones.h"
#include "real.h"

// Two-dimensional transforms of many planes at once. A lane of a vector is a plane, and a plane holds two real ones as
// its real and imaginary part, so that rows [positions, filters] are read and written as they are and every
// operation is on whole vectors. The first transform leaves frequencies in the order of its passes and the second one
// starts from that order (it is the transpose of the first), so that nothing is ever reordered.

typedef struct {
  vec re, im;
} cvec;

CK_INLINE cvec plus(cvec x, cvec y) { return (cvec){x.re + y.re, x.im + y.im}; }
CK_INLINE cvec minus(cvec x, cvec y) { return (cvec){x.re - y.re, x.im - y.im}; }
// -i x
CK_INLINE cvec turned(cvec x) { return (cvec){x.im, -x.re}; }
CK_INLINE cvec times(cvec x, real re, real im) {
  return (cvec){x.re * re - x.im * im, x.re * im + x.im * re};
}

CK_INLINE void fourier4(cvec *x) {
  cvec a = plus(x[0], x[2]), b = minus(x[0], x[2]);
  cvec c = plus(x[1], x[3]), d = turned(minus(x[1], x[3]));
  x[0] = plus(a, c);
  x[1] = plus(b, d);
  x[2] = minus(a, c);
  x[3] = minus(b, d);
}

CK_INLINE void fourier8(cvec *x) {
  const real h = 0.70710678118654752440;
  cvec even[4] = {x[0], x[2], x[4], x[6]}, odd[4] = {x[1], x[3], x[5], x[7]};
  fourier4(even);
  fourier4(odd);
  cvec o1 = {(odd[1].re + odd[1].im) * h, (odd[1].im - odd[1].re) * h};
  cvec o2 = turned(odd[2]);
  cvec o3 = {(odd[3].im - odd[3].re) * h, (odd[3].re + odd[3].im) * -h};
  x[0] = plus(even[0], odd[0]);
  x[1] = plus(even[1], o1);
  x[2] = plus(even[2], o2);
  x[3] = plus(even[3], o3);
  x[4] = minus(even[0], odd[0]);
  x[5] = minus(even[1], o1);
  x[6] = minus(even[2], o2);
  x[7] = minus(even[3], o3);
}

// Odd lengths by pairs of entries k and r - k; root [r]: cosine and sine of 2 pi k / r.
CK_INLINE void fourier_odd(cvec *x, int r, const real *root) {
  cvec sum[3], difference[3], y[7];
  y[0] = x[0];
#pragma clang loop unroll(full)
  for (int k = 1; k <= r / 2; ++k) {
    sum[k - 1] = plus(x[k], x[r - k]);
    difference[k - 1] = minus(x[k], x[r - k]);
    y[0] = plus(y[0], sum[k - 1]);
  }
#pragma clang loop unroll(full)
  for (int q = 1; q <= r / 2; ++q) {
    cvec even = x[0], odd = {{0}, {0}};
#pragma clang loop unroll(full)
    for (int k = 1; k <= r / 2; ++k) {
      int at = q * k % r;
      even.re += sum[k - 1].re * root[2 * at];
      even.im += sum[k - 1].im * root[2 * at];
      odd.re += difference[k - 1].re * root[2 * at + 1];
      odd.im += difference[k - 1].im * root[2 * at + 1];
    }
    y[q] = plus(even, turned(odd));
    y[r - q] = minus(even, turned(odd));
  }
#pragma clang loop unroll(full)
  for (int k = 0; k < r; ++k) x[k] = y[k];
}

CK_INLINE void butterfly(cvec *x, int radix, const real *root) {
  if (radix == 2) {
    cvec a = plus(x[0], x[1]);
    x[1] = minus(x[0], x[1]);
    x[0] = a;
  } else if (radix == 4)
    fourier4(x);
  else if (radix == 8)
    fourier8(x);
  else
    fourier_odd(x, radix, root);
}

// One part of an entry, of which count numbers are present; vectors go by address, since their ABI varies.
CK_INLINE void load_part(const real *x, vec *y, size_t count) {
  if (count >= LANES)
    *y = *(const vec *)x;
  else
    for (size_t l = 0; l < count; ++l) (*y)[l] = x[l];
}

CK_INLINE void keep_part(real *x, const vec *y, size_t count) {
  if (count >= LANES)
    *(vec *)x = *y;
  else
    for (size_t l = 0; l < count; ++l) x[l] = (*y)[l];
}

CK_INLINE cvec load(const real *x, size_t count) {
  cvec y = {{0}, {0}};
  load_part(x, &y.re, count);
  if (count > LANES) load_part(x + LANES, &y.im, count - LANES);
  return y;
}

CK_INLINE void keep(real *x, cvec y, size_t count) {
  keep_part(x, &y.re, count);
  if (count > LANES) keep_part(x + LANES, &y.im, count - LANES);
}

// Where the spectrum of an image has the conjugate of column v: itself (sign -1), or the mirror image (sign 1).
typedef struct {
  const real *x;
  const int32_t *order;
  real sign;
} column;

CK_INLINE column image_column(const ck_spectra *s, const real *image, size_t v) {
  size_t frequency = s->frequencies[v], half = s->columns.length / 2;
  int mirrored = frequency > half;
  size_t at = mirrored ? s->columns.length - frequency : frequency;
  return (column){image + 2 * at * s->rows.length, mirrored ? s->mirror : s->identity,
                  mirrored ? 1 : -1};
}


// Where a line comes from, or goes to.
enum {
  LINE,     // the line itself
  ROWS,     // numbers, entry by entry; zero beyond the count
  ACROSS,   // every so many entries of a plane; zero (or dropped) beyond the count
  SPECTRUM, // spectra as they are
  PRODUCT,  // spectra times the conjugate of those of an image, summed over channels
  SUMS      // added to spectra, times the conjugate of those of an image, for each channel
};
typedef struct {
  const real *rows, *offset;
  real *out;
  cvec *across, *spectrum;
  const real *image;
  size_t count, stride, step, present, channels, channelStride, half;
  const int32_t *order;
  real sign;
} place;

CK_INLINE cvec fetch(const cvec *line, size_t i, int kind, const place *at) {
  const cvec zero = {{0}, {0}};
  if (kind == LINE) return line[i];
  if (kind == ROWS) return i < at->count ? load(at->rows + i * at->stride, 2 * LANES) : zero;
  if (kind == ACROSS) return i < at->count ? at->across[i * at->stride] : zero;
  if (kind == SPECTRUM) return at->spectrum[i];
  const real *x = at->image + 2 * at->order[i];
  cvec sum = times(at->spectrum[i], x[0], at->sign * x[1]);
  for (size_t c = 1; c < at->channels; ++c) {
    x += at->half;
    sum = plus(sum, times(at->spectrum[i + c * at->channelStride], x[0], at->sign * x[1]));
  }
  return sum;
}

CK_INLINE void leave(cvec *line, size_t i, int kind, const place *at, cvec y) {
  if (kind == LINE)
    line[i] = y;
  else if (kind == ROWS) {
    if (i < at->count) keep(at->out + i * at->stride, y, 2 * LANES);
  } else if (kind == ACROSS) {
    if (i < at->count) at->across[i * at->stride] = y;
  } else if (kind == SPECTRUM)
    at->spectrum[i] = y;
  else {
    const real *x = at->image + 2 * at->order[i];
    for (size_t c = 0; c < at->channels; ++c, x += at->half) {
      cvec *sum = at->spectrum + i + c * at->channelStride;
      *sum = plus(*sum, times(y, x[0], at->sign * x[1]));
    }
  }
}

// All of a line at once, for sources and targets that a pass cannot serve on its way.
CK_INLINE void fill(cvec *line, size_t n, int kind, const place *at) {
  if (kind == SPECTRUM || kind == PRODUCT) {
    for (size_t i = 0; i < n; ++i) line[i] = fetch(line, i, at->image ? PRODUCT : SPECTRUM, at);
    return;
  }
  for (size_t i = 0; i < n; ++i) line[i] = (cvec){{0}, {0}};
  for (size_t i = 0; i < at->count; ++i)
    line[i * at->step] = kind == ROWS ? load(at->rows + i * at->stride, at->present)
                                      : at->across[i * at->stride];
}

CK_INLINE void empty(cvec *line, size_t n, int kind, const place *at) {
  if (kind == SPECTRUM || kind == SUMS) {
    for (size_t i = 0; i < n; ++i) leave(line, i, at->image ? SUMS : SPECTRUM, at, line[i]);
    return;
  }
  for (size_t i = 0; i < at->count; ++i)
    if (kind == ROWS)
      keep(at->out + i * at->stride, line[i * at->step], at->present);
    else
      at->across[i * at->stride] = line[i * at->step];
}

// One pass over n entries in blocks of the given length. twiddle: for each of length / radix entries
// the factors of parts 1...; after the butterflies, or before them when transposed.
CK_INLINE void pass(cvec *line, size_t n, size_t length, int radix, const real *twiddle,
                    const real *root, int transposed, int from, int to, const place *at) {
  size_t part = length / radix;
  for (size_t block = 0; block < n; block += length)
    for (size_t j = 0; j < part; ++j) {
      const real *w = twiddle + 2 * (radix - 1) * j;
      size_t first = block + j;
      cvec y[8];
#pragma clang loop unroll(full)
      for (int q = 0; q < radix; ++q) y[q] = fetch(line, first + q * part, from, at);
      if (transposed && part > 1)
#pragma clang loop unroll(full)
        for (int q = 1; q < radix; ++q) y[q] = times(y[q], w[2 * q - 2], w[2 * q - 1]);
      butterfly(y, radix, root);
      if (!transposed && part > 1)
#pragma clang loop unroll(full)
        for (int q = 1; q < radix; ++q) y[q] = times(y[q], w[2 * q - 2], w[2 * q - 1]);
#pragma clang loop unroll(full)
      for (int q = 0; q < radix; ++q) leave(line, first + q * part, to, at, y[q]);
    }
}

CK_INLINE void inner_pass(cvec *line, const ck_transform *t, size_t p, int transposed) {
  const real *w = (const real *)t->twiddles + t->starts[p], *roots = t->roots;
  size_t n = t->length, length = t->lengths[p];
#define PASS(radix, root) pass(line, n, length, radix, w, root, transposed, LINE, LINE, 0)
  switch (t->radices[p]) {
    case 2: PASS(2, roots); break;
    case 3: PASS(3, roots); break;
    case 4: PASS(4, roots); break;
    case 5: PASS(5, roots + 6); break;
    case 7: PASS(7, roots + 16); break;
    default: PASS(8, roots); break;
  }
#undef PASS
}

// A first pass that reads from the source, or a last one that writes to the target, if its radix is 4
// or 8; whether it was. More radices would be more code than they are worth.
CK_INLINE int edge_pass(cvec *line, const ck_transform *t, size_t p, int transposed, int from, int to,
                        const place *at) {
  const real *w = (const real *)t->twiddles + t->starts[p], *roots = t->roots;
  if (t->radices[p] == 8)
    pass(line, t->length, t->lengths[p], 8, w, roots, transposed, from, to, at);
  else if (t->radices[p] == 4)
    pass(line, t->length, t->lengths[p], 4, w, roots, transposed, from, to, at);
  else
    return 0;
  return 1;
}

// Transforms a line on its way from a source to a target; direct says which of them passes may serve.
CK_INLINE void transform(cvec *line, const ck_transform *t, int transposed, int from,
                         const place *source, int directSource, int to, const place *target,
                         int directTarget) {
  size_t first = 0, end = t->passes;
  if (from != LINE) {
    if (end > 0 && directSource &&
        edge_pass(line, t, transposed ? end - 1 : 0, transposed, from, LINE, source))
      first = 1;
    else
      fill(line, t->length, from, source);
  }
  size_t inner = to != LINE && directTarget && end > first ? end - 1 : end;
  for (size_t p = first; p < inner; ++p) inner_pass(line, t, transposed ? end - 1 - p : p, transposed);
  if (to == LINE) return;
  size_t last = transposed ? 0 : end - 1;
  if (inner == end || !edge_pass(line, t, last, transposed, LINE, to, target)) {
    if (inner < end) inner_pass(line, t, last, transposed);
    empty(line, t->length, to, target);
  }
}

CK_INLINE place spectrum_column(const ck_spectra *s, const real *spectra, const real *image,
                                size_t channels, size_t v) {
  size_t n1 = s->rows.length, n2 = s->columns.length, half = 2 * n1 * (n2 / 2 + 1);
  place at = {.spectrum = (cvec *)spectra + v * n1, .channels = channels, .channelStride = n1 * n2};
  if (!image) return at;
  column x = image_column(s, image, v);
  at.image = x.x;
  at.order = x.order;
  at.sign = x.sign;
  at.half = half;
  return at;
}

CK_CLONES void CK_REAL(ck_spectra_forward)(const ck_spectra *s, const real *in, size_t rowStride,
                                           size_t columnStride, size_t rows, size_t columns,
                                           size_t rowStep, size_t columnStep, size_t count,
                                           real *work, const real *image, size_t channels,
                                           real *spectra) {
  size_t n1 = s->rows.length, n2 = s->columns.length;
  cvec *plane = (cvec *)work, *line = plane + n1 * (n2 + 1);
  for (size_t r = 0; r < rows; ++r) {
    place source = {.rows = in + r * rowStride, .count = columns, .stride = columnStride,
                    .step = columnStep, .present = count};
    transform(plane + r * (n2 + 1), &s->columns, 0, ROWS, &source, columnStep == 1 && count == 2 * LANES,
              LINE, 0, 0);
  }
  for (size_t v = 0; v < n2; ++v) {
    place source = {.across = plane + v, .count = rows, .stride = n2 + 1, .step = rowStep};
    place target = spectrum_column(s, spectra, image, channels, v);
    transform(line, &s->rows, 0, ACROSS, &source, rowStep == 1, SUMS, &target, image != 0);
  }
}

CK_CLONES void CK_REAL(ck_spectra_backward)(const ck_spectra *s, const real *spectra,
                                            const real *image, size_t channels, size_t rows,
                                            size_t columns, size_t rowStep, size_t columnStep,
                                            real *work, const real *offset, size_t count, real *out,
                                            size_t rowStride, size_t columnStride) {
  size_t n1 = s->rows.length, n2 = s->columns.length;
  cvec *plane = (cvec *)work, *line = plane + n1 * (n2 + 1);
  for (size_t v = 0; v < n2; ++v) {
    place source = spectrum_column(s, spectra, image, channels, v);
    place target = {.across = plane + v, .count = rows, .stride = n2 + 1, .step = rowStep};
    transform(line, &s->rows, 1, PRODUCT, &source, image != 0, ACROSS, &target, rowStep == 1);
  }
  for (size_t r = 0; r < rows; ++r) {
    cvec *row = plane + r * (n2 + 1);
    // The next row is fetched while this one is transformed: it is written all at once.
    if (r + 1 < rows)
      for (size_t c = 0; c < columns; ++c) {
        const real *next = out + (r + 1) * rowStride + c * columnStride;
        __builtin_prefetch(next, 1);
        __builtin_prefetch(next + LANES, 1);
      }
    // A constant is a spectrum of one entry, column 0 of the half-transformed row.
    if (offset) row[0] = plus(row[0], load(offset, count));
    place target = {.out = out + r * rowStride, .count = columns, .stride = columnStride,
                    .step = columnStep, .present = count};
    transform(row, &s->columns, 1, LINE, 0, 0, ROWS, &target, columnStep == 1 && count == 2 * LANES);
  }
}
