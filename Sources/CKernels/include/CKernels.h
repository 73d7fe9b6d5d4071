#pragma once
#include <stddef.h>

// The few loops that Swift cannot vectorise. Each has a slow twin in TestSupport.

// Sum of squares of count numbers.
double ck_sum_of_squares(const double *x, size_t count);
