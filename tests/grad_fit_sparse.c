/* Fits on ratings again, with lt_real in double. */
#include "test_fit_sparse.c"
