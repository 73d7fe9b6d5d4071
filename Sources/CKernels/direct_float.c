#define CK_FLOAT
#include "direct.c"
