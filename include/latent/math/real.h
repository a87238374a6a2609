/* The engine's number, and the symbols in which every shape is written:
 *   B rows of a batch   D inputs of a layer   H outputs (hidden units)
 *   N examples of a set P parameters of a network
 * Matrices are dense, row-major, without padding: (B,D) is B rows of D. */
#ifndef LT_REAL_H
#define LT_REAL_H

#ifdef LT_DOUBLE
typedef double lt_real;
#define LT_REAL_NAME "double"
#else
typedef float lt_real;
#define LT_REAL_NAME "float"
#endif

#endif
