/* The tests of passes over sparse rows again, with lt_real in double. */
#include "test_sparse_pass.c"
