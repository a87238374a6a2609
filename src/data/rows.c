/* Sparse rows in memory that doubles as they come; see rows.h. */
#include "rows.h"

#include <limits.h>

#include "latent/base/mem.h"

enum { FIRST_ENTRIES = 4096, FIRST_ROWS = 256 };

static lt_status entries_grow(lt__rows *r, lt_err *err)
{
    int64_t room = r->room ? 2 * r->room : FIRST_ENTRIES;
    int32_t *index =
        lt_mem_grow(r->sparse.index, (size_t)room, sizeof *r->sparse.index);
    float *value;

    r->sparse.index = index ? index : r->sparse.index;
    value = lt_mem_grow(r->sparse.value, (size_t)room, sizeof *value);
    r->sparse.value = value ? value : r->sparse.value;
    if (!index || !value)
        return lt_err_mark(err, LT_ENOMEM);
    r->room = room;
    return LT_OK;
}

lt_status lt__rows_add(lt__rows *r, int32_t index, float value, lt_err *err)
{
    if (r->n == r->room)
        LT_TRY(entries_grow(r, err));
    r->sparse.index[r->n] = index;
    r->sparse.value[r->n++] = value;
    return LT_OK;
}

lt_status lt__rows_end(lt__rows *r, lt_err *err)
{
    if (!r->room) /* rows without entries have arrays too */
        LT_TRY(entries_grow(r, err));
    if (r->sparse.rows == r->row_room) {
        int room = r->row_room ? 2 * r->row_room : FIRST_ROWS;
        int64_t *start = NULL;

        if (r->row_room <= INT_MAX / 4)
            start =
                lt_mem_grow(r->sparse.start, (size_t)room + 1, sizeof *start);
        if (!start)
            return lt_err_mark(err, LT_ENOMEM);
        r->sparse.start = start;
        r->row_room = room;
        start[0] = 0;
    }
    r->sparse.start[++r->sparse.rows] = r->n;
    return LT_OK;
}

void lt__rows_deinit(lt__rows *r)
{
    lt_mem_free(r->sparse.start);
    lt_mem_free(r->sparse.index);
    lt_mem_free(r->sparse.value);
    *r = (lt__rows){0};
}
