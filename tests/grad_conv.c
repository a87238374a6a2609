/* The tests of convolutions again, with lt_real in double. */
#include "test_conv.c"
