#define CK_FLOAT
#include "pool.c"
