#pragma once

// The numbers that a convolution is computed in: double, or float in a file that defines CK_FLOAT
// and includes the one for double, so that there is one text. Functions for float end in "_float".
#ifdef CK_FLOAT
typedef float real;
#define CK_REAL(name) name##_float
#else
typedef double real;
#define CK_REAL(name) name
#endif

// Numbers in a vector of 64 bytes.
enum { LANES = 64 / sizeof(real) };
typedef real vec __attribute__((vector_size(64), aligned(sizeof(real))));
