/* Work on a batch row by row: pieces of rows, cut by their number alone. */
#include "net/net_int.h"

enum { MOST_PIECES = 128 };

typedef struct rows_job {
    void (*row)(void *arg, int row);
    void *arg;
    int rows, pieces;
} rows_job;

/* The first row of piece `i`; of one past the last: the number of rows. */
static int rows_first(const rows_job *j, int i)
{
    return (int)((int64_t)j->rows * i / j->pieces);
}

static void rows_piece(void *arg, int piece)
{
    const rows_job *j = arg;

    for (int r = rows_first(j, piece); r < rows_first(j, piece + 1); r++)
        j->row(j->arg, r);
}

void lt__rows_run(lt_pool *pool, int rows, void (*row)(void *arg, int row),
                  void *arg)
{
    rows_job j = {row, arg, rows, rows < MOST_PIECES ? rows : MOST_PIECES};

    lt_pool_run(pool, j.pieces, rows_piece, &j);
}
