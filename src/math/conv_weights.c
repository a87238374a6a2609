/* The gradient of a convolution's kernels:  dw[o][c][t] is the sum over all
 * pictures and output pixels p of z[o][p] times the input that tap t of p
 * reads.
 *
 * Both are taken into lanes (conv.c); a tile of 8 outputs by 3 taps then goes
 * through the pixels with its sums in registers, and adds up its lanes at the
 * end. z is laid out pixel by pixel within each tile of outputs, so that one
 * pointer walks through it. Pixels come in chunks of which a tile's part of z
 * stays in the first cache.
 *
 * Pieces are groups of units, each with sums of its own, which are added in
 * order at the end; when the sums are large, there are fewer of them and the
 * outputs are cut instead. */
#include "math/conv_int.h"

#include "latent/math/vec.h"

#include <string.h>

#define MOST_SUMS 8         /* copies of the weights' sums ... */
#define SUMS_SIZE (1 << 20) /* ... which together have about as many reals */
#define PARTS     4         /* of the outputs, when there are few copies */
#define PART_OUTS 16
#define CHUNK     64 /* pixels */

typedef struct job {
    const lt__conv_plan *p;
    lt__conv_tables t;
    lt__conv_slots slots;
    int copies, parts;
    lt_real *sums; /* (copies, n_weights) */
    const lt_real *x, *z;
} job;

static void job_cut(job *j, int units)
{
    const lt__conv_plan *p = j->p;
    int64_t copies = SUMS_SIZE / p->n_weights;
    int parts = p->n_out / PART_OUTS;

    copies = copies < MOST_SUMS ? copies : MOST_SUMS;
    copies = copies < units ? copies : units;
    j->copies = copies < 1 ? 1 : (int)copies;
    j->parts = j->copies >= PARTS || parts < 1 ? 1
               : parts < PARTS                 ? parts
                                               : PARTS;
}

static size_t job_layout(job *j, lt_real *work)
{
    size_t sums = (size_t)j->copies * (size_t)j->p->n_weights;
    int pieces = j->copies * j->parts;

    LT_ASSERT(pieces <= LT__CONV_SLOTS);
    sums = (sums + 15) / 16 * 16;
    j->sums = work;
    return sums +
           lt__conv_layout(j->p, pieces, work ? work + sums : NULL, &j->t);
}

/* Fewer units may be cut into more pieces. */
size_t lt__conv_weights_size(const lt_conv *c, int rows)
{
    lt__conv_plan p = lt__conv_plan_make(c, rows, LT__CONV_WEIGHTS);
    job j = {.p = &p};
    size_t most = 0;

    for (int units = 1; units <= p.units && units <= LT__CONV_SLOTS; units++) {
        size_t size;

        job_cut(&j, units);
        size = job_layout(&j, NULL);
        most = size > most ? size : most;
    }
    return most;
}

/* ---- the outputs' gradient in lanes ---- */

/* Element i of `tile` planes of a band is which vector of a tile's part of z:
 * pixels one after another, each of `tile` outputs. */
static int32_t *tile_at(const job *j, int tile)
{
    return j->t.out_at + (tile - 1) * j->p->band * j->p->x.n_out;
}

static void fill_tiles(const job *j)
{
    int pixels = j->p->band * j->p->x.n_out;

    for (int tile = 1; tile <= j->p->k->lane_outs; tile *= 2) {
        int32_t *at = tile_at(j, tile);

        for (int o = 0; o < tile; o++)
            for (int i = 0; i < pixels; i++)
                *at++ = i * tile + o;
    }
}

/* Outputs [o, o + tile) of the unit into `out`. */
static void tile_take(const job *j, const lt__conv_unit *u, int o, int tile,
                      lt_real *out)
{
    const lt__conv_plan *p = j->p;
    size_t lanes = (size_t)p->k->lanes;
    size_t picture = (size_t)p->y.n_out * (size_t)p->x.n_out;
    size_t stride = (size_t)p->n_out * picture;
    int width = p->x.n_out, planes = p->bands > 1 ? 1 : tile;

    for (int g = 0; g < u->n_blocks; g++)
        for (int i = 0; i < tile; i += planes) {
            int block = u->block + g;
            const lt__lane_run r = {.pictures = lt__conv_pictures(p, block),
                                    .n = planes * u->n_rows * width,
                                    .stride = stride,
                                    .at = tile_at(j, tile)};
            size_t first = (size_t)g * (size_t)(p->band * width);
            size_t to = first * (size_t)tile + (size_t)i;

            p->k->lane_in(&r,
                          j->z + (size_t)block * lanes * stride +
                              (size_t)(o + i) * picture +
                              (size_t)u->row * (size_t)width,
                          out + to * lanes);
        }
}

/* ---- pieces ---- */

static int part_first(const job *j, int part)
{
    int tiles = j->p->n_out / j->p->k->lane_outs;

    return part < j->parts ? tiles * part / j->parts * j->p->k->lane_outs
                           : j->p->n_out;
}

/* Pixels [first, first + n) of the unit into the sums of outputs [o, last). */
static void chunk_run(const job *j, const lt_real *in, const lt_real *z,
                      const int outs[2], const int pixels[2], lt_real *sums)
{
    const lt__conv_plan *p = j->p;
    size_t lanes = (size_t)p->k->lanes;

    for (int o = outs[0], tile; o < outs[1]; o += tile) {
        size_t at = (size_t)(o - outs[0]) * (size_t)p->n_pixels;

        tile = lt__conv_tile(p, outs[1] - o);
        at += (size_t)pixels[0] * (size_t)tile;
        p->k->lane_dots(
            tile, &(lt__lane_dots){.n_taps = (int)p->n_taps,
                                   .n_pixels = pixels[1] - pixels[0],
                                   .taps = j->t.taps,
                                   .from = j->t.from + pixels[0],
                                   .in = in,
                                   .z = z + at * lanes,
                                   .sums = sums + (size_t)o * (size_t)p->n_taps,
                                   .stride = (size_t)p->n_taps});
    }
}

static void unit_run(const job *j, int unit, const int outs[2], lt_real *slot,
                     lt_real *sums)
{
    const lt__conv_plan *p = j->p;
    size_t lanes = (size_t)p->k->lanes;
    lt__conv_unit u = lt__conv_unit_of(p, unit);
    lt_real *z = slot + (size_t)p->in_size * lanes;
    int n = u.n_blocks * u.n_rows * p->x.n_out;
    int chunks = (n + CHUNK - 1) / CHUNK;

    lt__conv_take(p, &j->t, &u, j->x, slot);
    for (int o = outs[0], tile; o < outs[1]; o += tile) {
        tile = lt__conv_tile(p, outs[1] - o);
        tile_take(j, &u, o, tile,
                  z + (size_t)(o - outs[0]) * (size_t)p->n_pixels * lanes);
    }
    for (int i = 0; i < chunks; i++) {
        const int pixels[2] = {(int)((int64_t)n * i / chunks),
                               (int)((int64_t)n * (i + 1) / chunks)};

        chunk_run(j, slot, z, outs, pixels, sums);
    }
}

static void piece_run(void *arg, int piece)
{
    job *j = arg;
    int copy = piece / j->parts, part = piece % j->parts;
    const int outs[2] = {part_first(j, part), part_first(j, part + 1)};
    int slot = lt__conv_slot_take(&j->slots);
    lt_real *sums = j->sums + (size_t)copy * (size_t)j->p->n_weights;
    int64_t units = j->p->units;

    memset(sums + (size_t)outs[0] * (size_t)j->p->n_taps, 0,
           (size_t)(outs[1] - outs[0]) * (size_t)j->p->n_taps * sizeof *sums);
    for (int64_t u = units * copy / j->copies;
         u < units * (copy + 1) / j->copies; u++)
        unit_run(j, (int)u, outs, j->slots.first + (size_t)slot * j->slots.size,
                 sums);
    lt__conv_slot_give(&j->slots, slot);
}

void lt_conv_weights(const lt_conv *c, const lt_conv_pass *pass,
                     const lt_real *x, const lt_real *z, bool adds, lt_real *dw)
{
    lt__conv_plan p = lt__conv_plan_make(c, pass->rows, LT__CONV_WEIGHTS);
    job j = {.p = &p, .x = x, .z = z};
    size_t n = (size_t)p.n_weights;

    job_cut(&j, p.units);
    job_layout(&j, pass->work);
    lt__conv_fill(&p, &j.t);
    fill_tiles(&j);
    j.slots.first = j.t.slots;
    j.slots.size = lt__conv_slot_size(&p);
    lt_pool_run(pass->pool, j.copies * j.parts, piece_run, &j);
    if (!adds)
        memset(dw, 0, n * sizeof *dw);
    for (int i = 0; i < j.copies; i++)
        lt_vec_axpby(NULL, n, 1, j.sums + (size_t)i * n, 1, dw);
}
