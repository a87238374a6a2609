/* The comparison with PyTorch in double: to 1e-9 instead of 2e-5. */
#include "test_reference_layers.c"
