/* Ids of users and items, numbered as they appear: a table of open addressing
 * at most half full, so that a rating costs two look-ups whatever the ids;
 * see ratings_int.h. The slots are hashed by a multiplication that spreads
 * runs as well as multiples. Sorted once, at the end of the file. */
#include "ratings_int.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "latent/base/mem.h"

#define FIRST_ROOM 1024

void lt__idmap_deinit(lt__idmap *m)
{
    lt_mem_free(m->ids);
    lt_mem_free(m->slots);
    *m = (lt__idmap){0};
}

static uint64_t id_mix(int64_t id)
{
    uint64_t z = (uint64_t)id;

    z = (z ^ (z >> 31)) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 29)) * 0xbf58476d1ce4e5b9u;
    return z ^ (z >> 32);
}

/* The slot of `id`, or the free one where it belongs. */
static int32_t *slot_of(const lt__idmap *m, int64_t id)
{
    size_t mask = 2 * (size_t)m->room - 1;
    size_t at = (size_t)id_mix(id) & mask;

    while (m->slots[at] && m->ids[m->slots[at] - 1] != id)
        at = (at + 1) & mask;
    return &m->slots[at];
}

static bool idmap_grow(lt__idmap *m)
{
    int room = m->room ? 2 * m->room : FIRST_ROOM;
    int64_t *ids;
    int32_t *slots;

    if (m->room > INT_MAX / 4)
        return false;
    ids = lt_mem_grow(m->ids, (size_t)room, sizeof *ids);
    m->ids = ids ? ids : m->ids;
    slots = lt_mem_zero(2 * (size_t)room, sizeof *slots);
    if (!ids || !slots) {
        lt_mem_free(slots);
        return false;
    }
    lt_mem_free(m->slots);
    m->slots = slots;
    m->room = room;
    for (int i = 0; i < m->n; i++)
        *slot_of(m, m->ids[i]) = i + 1;
    return true;
}

int lt__idmap_number(lt__idmap *m, int64_t id)
{
    int32_t *slot;

    if (m->n == m->room && !idmap_grow(m))
        return -1;
    slot = slot_of(m, id);
    if (!*slot) {
        m->ids[m->n] = id;
        *slot = ++m->n;
    }
    return *slot - 1;
}

typedef struct numbered {
    int64_t id;
    int32_t number;
} numbered;

static int numbered_compare(const void *a, const void *b)
{
    const numbered *x = a, *y = b;

    return (x->id > y->id) - (x->id < y->id);
}

lt_status lt__idmap_sort(const lt__idmap *m, int64_t **sorted, int32_t **rank,
                         lt_err *err)
{
    size_t n = (size_t)m->n;
    numbered *order = lt_mem_alloc(n, sizeof *order);

    *sorted = lt_mem_alloc(n, sizeof **sorted);
    *rank = lt_mem_alloc(n, sizeof **rank);
    if (!order || !*sorted || !*rank) {
        lt_mem_free(order);
        return lt_err_mark(err, LT_ENOMEM);
    }
    for (size_t i = 0; i < n; i++)
        order[i] = (numbered){m->ids[i], (int32_t)i};
    qsort(order, n, sizeof *order, numbered_compare);
    for (size_t i = 0; i < n; i++) {
        (*sorted)[i] = order[i].id;
        (*rank)[order[i].number] = (int32_t)i;
    }
    lt_mem_free(order);
    return LT_OK;
}
