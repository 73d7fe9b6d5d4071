#define CK_FLOAT
#include "spectra.c"
