/* The tests of random fills and threads again, with lt_real in double. */
#include "test_vec_threads.c"
