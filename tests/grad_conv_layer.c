/* The tests of convolutional layers again, with lt_real in double. */
#include "test_conv_layer.c"
