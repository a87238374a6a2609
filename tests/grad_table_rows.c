/* The tests of sparse products again, with lt_real in double. */
#include "test_table_rows.c"
