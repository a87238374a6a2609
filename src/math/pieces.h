/* How element-wise work is cut: into pieces that depend on sizes only. */
#ifndef LT_PIECES_H
#define LT_PIECES_H

#include <stddef.h>

#define PIECE_ELEMENTS ((size_t)8192) /* 32 KB of floats */
#define MAX_PIECES     256

typedef struct span {
    size_t first, n;
} span;

/* Elements in a piece: at least PIECE_ELEMENTS, a multiple of 64, and such
 * that there are at most MAX_PIECES. */
static inline size_t piece_size(size_t n)
{
    size_t size = (n + MAX_PIECES - 1) / MAX_PIECES;

    size = (size + 63) / 64 * 64;
    return size < PIECE_ELEMENTS ? PIECE_ELEMENTS : size;
}

static inline int piece_count(size_t n)
{
    size_t size = piece_size(n);

    return (int)((n + size - 1) / size);
}

static inline span piece_span(size_t n, int piece)
{
    size_t size = piece_size(n), first = (size_t)piece * size;

    return (span){first, n - first < size ? n - first : size};
}

#endif
