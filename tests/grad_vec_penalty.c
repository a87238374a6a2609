/* Those kernel tests again, with lt_real in double. */
#include "test_vec_penalty.c"
