/* Convolutions on lanes.
 *
 * Pictures lie one after another, each (channels, height, width); widths of 7
 * or 14 with a stride of 2 leave little for vectors there, and writing out all
 * patches for a matrix product (im2col) moves nine times the picture for a 3x3
 * kernel. So a vector holds one element of as many pictures as it has lanes
 * (16 with AVX-512). Then every tap of every pixel is one whole vector,
 * whatever stride, dilation and width are, and nothing is copied but the
 * pictures themselves: once into lanes, with zeros around them, and once back.
 *
 * An output is a sum over taps of weight times vector. Which vectors those are
 * is in tables of offsets, made anew for each call (a few thousand numbers):
 * where a pixel starts, and how far from there its taps are. With tables the
 * adjoint is the same loop: an output pixel sums over the taps that lead to
 * it, which are the same for all pixels of equal remainders by the stride, so
 * each remainder is a class with lists of its own.
 *
 * Order: a unit (some blocks of pictures, or a band of rows of one) is taken
 * into lanes; for each tile of outputs all pixels are computed, tiles of 8
 * outputs by 3 pixels in registers; the tile's planes go back to where they
 * belong and get their activation while they are in the cache.
 *
 * Cost: multiplications of a last block that has empty lanes are lost (100
 * pictures cost as much as 112). A batch that is much smaller than the lanes
 * is slow. Measured on one core with AVX-512, where 215 GFLOP/s are possible
 * and a large matrix product reaches 178: the loops reach 190, of which the
 * transpositions take a quarter for 16 and 32 channels of 3x3. */
#include "math/conv_int.h"

#include <string.h>

#define LEAST_UNITS 4  /* fewer are cut by outputs too ... */
#define PART_OUTS   16 /* ... of which a part has at least these */

typedef struct job {
    const lt__conv_plan *p;
    const lt_conv_pass *pass;
    lt__conv_tables t;
    lt__conv_slots slots;
    int parts, items, pieces;
    const lt_real *in;
    lt_real *out;
} job;

/* ---- sizes ---- */

static int parts_of(const lt__conv_plan *p, int units)
{
    int parts = (LEAST_UNITS + units - 1) / units;
    int most = (p->n_out + PART_OUTS - 1) / PART_OUTS;

    return parts < most ? parts : most;
}

/* Of a pass over so many units. */
static int slots_of(const lt__conv_plan *p, int units)
{
    int items = units * parts_of(p, units);

    return items < LT__CONV_SLOTS ? items : LT__CONV_SLOTS;
}

/* The most of any pass over so many units or fewer, which may be cut more. */
static int slots_most(const lt__conv_plan *p)
{
    int most = 0;

    for (int units = 1; units <= p->units && units <= LT__CONV_SLOTS; units++)
        most = slots_of(p, units) > most ? slots_of(p, units) : most;
    return most;
}

static size_t pass_size(const lt_conv *c, int rows, lt__conv_kind kind)
{
    lt__conv_plan p = lt__conv_plan_make(c, rows, kind);
    lt__conv_tables t;

    return lt__conv_layout(&p, slots_most(&p), NULL, &t);
}

size_t lt_conv_work_size(const lt_conv *c, int rows)
{
    size_t forward = pass_size(c, rows, LT__CONV_FORWARD);
    size_t adjoint = pass_size(c, rows, LT__CONV_ADJOINT);
    size_t weights = lt__conv_weights_size(c, rows);
    size_t most = forward > adjoint ? forward : adjoint;

    return most > weights ? most : weights;
}

/* ---- weights ---- */

/* For each class and tile: tap by tap, the weights of the tile's outputs. */
static void pack(const lt__conv_plan *p, const lt__conv_tables *t,
                 const lt_real *w)
{
    size_t next =
        (size_t)(p->kind == LT__CONV_ADJOINT ? p->y.n_taps * p->x.n_taps
                                             : p->n_taps);
    lt_real *out = t->weights;

    for (int i = 0; i < p->y.classes * p->x.classes; i++) {
        const lt__conv_class *class = &t->classes[i];
        const int32_t *sources = t->sources + class->first_tap;

        for (int o = 0, tile; o < p->n_out; o += tile) {
            tile = lt__conv_tile(p, p->n_out - o);
            for (int tap = 0; tap < class->n_taps; tap++)
                for (int j = 0; j < tile; j++)
                    *out++ = w[(size_t)sources[tap] + (size_t)(o + j) * next];
        }
    }
}

/* ---- one tile of outputs ---- */

static void tile_compute(const job *j, const lt__conv_unit *u, int o, int tile,
                         const lt_real *in, lt_real *out)
{
    const lt__conv_plan *p = j->p;
    const lt_real *bias = j->pass->bias;

    for (int i = 0; i < p->y.classes * p->x.classes; i++) {
        const lt__conv_class *class = &j->t.classes[i];
        int rows = u->n_rows > class->y
                       ? (u->n_rows - class->y - 1) / p->y.classes + 1
                       : 0;
        size_t first = (size_t) class->first_tap * (size_t)p->n_out +
                       (size_t) class->n_taps * (size_t)o;
        const lt__lane_conv c = {.n_taps = class->n_taps,
                                 .n_pixels = u->n_blocks * rows * class->cols,
                                 .taps = j->t.taps + class->first_tap,
                                 .from = j->t.from + class->first_pixel,
                                 .to = j->t.to + class->first_pixel,
                                 .weights = j->t.weights + first,
                                 .bias = bias ? bias + o : j->t.zeros,
                                 .in = in,
                                 .out = out,
                                 .plane = (size_t)p->n_pixels};

        p->k->lane_conv(tile, &c);
    }
}

/* n elements of each of a block's pictures, and their activation. */
static void run_give(const job *j, lt__lane_run *r, const lt_real *from,
                     lt_real *to)
{
    j->p->k->lane_out(r, from, to);
    if (j->pass->act == LT_ACT_LINEAR)
        return;
    for (int i = 0; i < r->pictures; i++)
        j->p->k->bias_act(j->pass->act, 1, r->n, NULL,
                          to + (size_t)i * r->stride);
}

static void tile_give(const job *j, const lt__conv_unit *u, int o, int tile,
                      const lt_real *out)
{
    const lt__conv_plan *p = j->p;
    size_t lanes = (size_t)p->k->lanes;
    size_t picture = (size_t)p->y.n_out * (size_t)p->x.n_out;
    size_t stride = (size_t)p->n_out * picture;
    int width = p->x.n_out, planes = p->bands > 1 ? 1 : tile;

    for (int g = 0; g < u->n_blocks; g++)
        for (int i = 0; i < tile; i += planes) {
            int block = u->block + g;
            lt__lane_run r = {.pictures = lt__conv_pictures(p, block),
                              .n = planes * u->n_rows * width,
                              .stride = stride,
                              .at = j->t.out_at};
            size_t from = (size_t)i * (size_t)p->n_pixels +
                          (size_t)g * (size_t)p->band * (size_t)width;

            run_give(j, &r, out + from * lanes,
                     j->out + (size_t)block * lanes * stride +
                         (size_t)(o + i) * picture +
                         (size_t)u->row * (size_t)width);
        }
}

/* ---- pieces ---- */

/* Outputs from `part` on, a multiple of the largest tile. */
static int part_first(const job *j, int part)
{
    int tiles = j->p->n_out / j->p->k->lane_outs;

    return part < j->parts ? tiles * part / j->parts * j->p->k->lane_outs
                           : j->p->n_out;
}

static void item_run(const job *j, int item, lt_real *slot)
{
    const lt__conv_plan *p = j->p;
    lt__conv_unit u = lt__conv_unit_of(p, item / j->parts);
    int part = item % j->parts, last = part_first(j, part + 1);
    lt_real *out = slot + (size_t)p->in_size * (size_t)p->k->lanes;

    lt__conv_take(p, &j->t, &u, j->in, slot);
    for (int o = part_first(j, part), tile; o < last; o += tile) {
        tile = lt__conv_tile(p, last - o);
        tile_compute(j, &u, o, tile, slot, out);
        tile_give(j, &u, o, tile, out);
    }
}

static void piece_run(void *arg, int piece)
{
    job *j = arg;
    int slot = lt__conv_slot_take(&j->slots);
    int64_t items = j->items;

    for (int64_t i = items * piece / j->pieces;
         i < items * (piece + 1) / j->pieces; i++)
        item_run(j, (int)i, j->slots.first + (size_t)slot * j->slots.size);
    lt__conv_slot_give(&j->slots, slot);
}

static void pass_run(const lt_conv *c, const lt_conv_pass *pass,
                     lt__conv_kind kind, const lt_real *in, lt_real *out)
{
    lt__conv_plan p = lt__conv_plan_make(c, pass->rows, kind);
    job j = {.p = &p,
             .pass = pass,
             .parts = parts_of(&p, p.units),
             .in = in,
             .out = out};

    j.items = p.units * j.parts;
    j.pieces = slots_of(&p, p.units);
    lt__conv_layout(&p, j.pieces, pass->work, &j.t);
    lt__conv_fill(&p, &j.t);
    pack(&p, &j.t, pass->weights);
    j.slots.first = j.t.slots;
    j.slots.size = lt__conv_slot_size(&p);
    lt_pool_run(pass->pool, j.pieces, piece_run, &j);
}

void lt_conv_forward(const lt_conv *c, const lt_conv_pass *p, const lt_real *x,
                     lt_real *z)
{
    pass_run(c, p, LT__CONV_FORWARD, x, z);
}

void lt_conv_adjoint(const lt_conv *c, const lt_conv_pass *p, const lt_real *z,
                     lt_real *x)
{
    pass_run(c, p, LT__CONV_ADJOINT, z, x);
}
