/* Where training diverges again, with lt_real in double. */
#include "test_divergence.c"
