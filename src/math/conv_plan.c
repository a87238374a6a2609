/* How a pass of a convolution is cut into units, and its tables; conv.c says
 * what they are for.
 *
 * A unit's input and what it holds of the output are to stay in the second
 * cache: BUDGET vectors (768 KB with AVX-512). A picture that is larger is cut
 * into bands of output rows, whose inputs overlap; of pictures that are very
 * small, several blocks make a unit, so that tiles of pixels are full. */
#include "math/conv_int.h"

#include <string.h>

#define BUDGET    12288
#define MANY      48   /* pixels of a unit, wanted at least */
#define RUN       4096 /* elements that lane_in takes at once, about */
#define LINE      16   /* reals: a cache line of floats */
#define ADDRESSES ((double)INT32_MAX)

/* ---- axes ---- */

/* The class of a tap and its base. */
static int axis_tap(const lt_conv *c, int axis, bool is_adjoint, int tap,
                    int64_t *base)
{
    int64_t at = (int64_t)tap * c->dilation[axis] - c->before[axis];
    int64_t stride = c->stride[axis], class;

    *base = at;
    if (!is_adjoint)
        return 0;
    class = (at % stride + stride) % stride;
    *base = (class - at) / stride;
    return (int)class;
}

static lt__conv_axis axis_make(const lt_conv *c, int axis, bool is_adjoint)
{
    lt__conv_axis a = {.n_in = is_adjoint ? c->out[axis] : c->in[axis],
                       .n_out = is_adjoint ? c->in[axis] : c->out[axis],
                       .n_taps = c->kernel[axis],
                       .classes = is_adjoint ? c->stride[axis] : 1,
                       .step = is_adjoint ? 1 : c->stride[axis]};
    bool has_any = false;

    if (a.classes > a.n_out)
        a.classes = a.n_out;
    for (int t = 0; t < a.n_taps; t++) {
        int64_t base;

        if (axis_tap(c, axis, is_adjoint, t, &base) >= a.classes)
            continue;
        a.low = has_any && a.low < base ? a.low : base;
        a.high = has_any && a.high > base ? a.high : base;
        has_any = true;
    }
    return a;
}

/* Inputs that j = 0 .. n - 1 span. */
static int64_t axis_span(const lt__conv_axis *a, int64_t n)
{
    return a->high - a->low + 1 + (n - 1) * a->step;
}

/* Most outputs of one class. */
static int axis_most(const lt__conv_axis *a)
{
    return (a->n_out + a->classes - 1) / a->classes;
}

/* Outputs of class f among the first n. */
static int axis_count(const lt__conv_axis *a, int f, int n)
{
    return n > f ? (n - f + a->classes - 1) / a->classes : 0;
}

/* The range that holds what is read and all of the input: its size, and where
 * input 0 is in it. */
static int64_t axis_room(const lt__conv_axis *a, int64_t *origin)
{
    int64_t low = a->low < 0 ? a->low : 0;
    int64_t end = a->low + axis_span(a, axis_most(a));

    *origin = -low;
    return (end > a->n_in ? end : a->n_in) - low;
}

/* ---- units ---- */

int lt__conv_tile(const lt__conv_plan *p, int left)
{
    int tile = p->k->lane_outs;

    while (tile > left)
        tile /= 2;
    return tile;
}

/* Outputs that a unit holds at once. */
static int64_t plan_held(const lt__conv_plan *p)
{
    return p->kind == LT__CONV_WEIGHTS ? p->n_out : lt__conv_tile(p, p->n_out);
}

/* Bands of as many rows as the budget allows, a multiple of the classes. */
static void plan_bands(lt__conv_plan *p)
{
    int64_t row = p->width * p->n_in;
    int64_t first = row * axis_span(&p->y, 1);
    int64_t more = row * p->y.step + plan_held(p) * p->x.n_out * p->y.classes;
    int64_t n = first < BUDGET ? (BUDGET - first) / more + 1 : 1;

    p->group = 1;
    p->band = n < axis_most(&p->y) ? (int)n * p->y.classes : p->y.n_out;
    p->bands = (p->y.n_out + p->band - 1) / p->band;
    if (p->bands > 1) {
        p->top = -p->y.low;
        p->height = axis_span(&p->y, n);
    }
}

static void plan_groups(lt__conv_plan *p)
{
    int64_t pixels = (int64_t)p->y.n_out * p->x.n_out;
    int64_t room = BUDGET / (p->plane * p->n_in + pixels * plan_held(p));
    int64_t wanted = (MANY + pixels - 1) / pixels;

    wanted = wanted < room ? wanted : room;
    wanted = wanted < p->blocks ? wanted : p->blocks;
    if (p->bands == 1 && wanted > 1)
        p->group = (int)wanted;
}

static void plan_sizes(lt__conv_plan *p)
{
    int64_t picture = (int64_t)p->y.n_in * p->x.n_in;
    int64_t rows = p->height < p->y.n_in ? p->height : p->y.n_in;
    int64_t run = RUN / picture;

    p->run = run < 1 ? 1 : run > p->n_in ? p->n_in : (int)run;
    if (p->bands > 1)
        p->run = 1;
    p->n_in_at = p->bands > 1 ? rows * p->x.n_in : p->run * picture;
    p->n_pixels = (int64_t)p->group * p->band * p->x.n_out;
    p->in_size = p->group * p->n_in * p->plane;
    p->out_size = plan_held(p) * p->n_pixels;
    p->n_out_at = 2 * p->k->lane_outs * (int64_t)p->band * p->x.n_out;
    p->n_taps = (int64_t)p->n_in * p->y.n_taps * p->x.n_taps;
    p->n_weights = p->n_taps * p->n_out;
    p->units = (p->blocks + p->group - 1) / p->group * p->bands;
}

lt__conv_plan lt__conv_plan_make(const lt_conv *c, int rows, lt__conv_kind kind)
{
    bool is_adjoint = kind == LT__CONV_ADJOINT;
    lt__conv_plan p = {.c = c,
                       .k = lt__kernels_best(),
                       .kind = kind,
                       .rows = rows,
                       .n_in = is_adjoint ? c->kernels : c->channels,
                       .n_out = is_adjoint ? c->channels : c->kernels,
                       .y = axis_make(c, 0, is_adjoint),
                       .x = axis_make(c, 1, is_adjoint)};

    p.blocks = (rows + p.k->lanes - 1) / p.k->lanes;
    p.height = axis_room(&p.y, &p.top);
    p.width = axis_room(&p.x, &p.left);
    plan_bands(&p);
    p.plane = p.height * p.width;
    plan_groups(&p);
    plan_sizes(&p);
    return p;
}

bool lt_conv_is_possible(const lt_conv *c)
{
    if ((double)c->channels * c->kernels * c->kernel[0] * c->kernel[1] >
        ADDRESSES)
        return false;
    for (int kind = 0; kind <= LT__CONV_WEIGHTS; kind++) {
        lt__conv_plan p = lt__conv_plan_make(c, 1, (lt__conv_kind)kind);

        if ((double)p.in_size > ADDRESSES || (double)p.out_size > ADDRESSES ||
            (double)p.n_out_at > ADDRESSES)
            return false;
    }
    return true;
}

lt__conv_unit lt__conv_unit_of(const lt__conv_plan *p, int index)
{
    lt__conv_unit u = {.block = index / p->bands * p->group,
                       .row = index % p->bands * p->band};

    u.n_blocks =
        p->blocks - u.block < p->group ? p->blocks - u.block : p->group;
    u.n_rows = p->y.n_out - u.row < p->band ? p->y.n_out - u.row : p->band;
    return u;
}

int lt__conv_pictures(const lt__conv_plan *p, int block)
{
    int left = p->rows - block * p->k->lanes;

    return left < p->k->lanes ? left : p->k->lanes;
}

/* ---- workspace ---- */

size_t lt__conv_slot_size(const lt__conv_plan *p)
{
    return (size_t)(p->in_size + p->out_size) * (size_t)p->k->lanes;
}

/* The next `size` bytes. */
static void *layout_take(lt_real *work, size_t *used, size_t size)
{
    void *at = work ? work + *used : NULL;
    size_t line = LINE * sizeof *work;

    *used += (size + line - 1) / line * LINE;
    return at;
}

size_t lt__conv_layout(const lt__conv_plan *p, int slots, lt_real *work,
                       lt__conv_tables *out)
{
    size_t n = 0, index = sizeof(int32_t), real = sizeof(lt_real);
    size_t taps = (size_t)p->n_taps * index;
    size_t pixels = (size_t)p->n_pixels * index;
    size_t packed = p->kind == LT__CONV_WEIGHTS ? 0 : (size_t)p->n_weights;

    out->classes = layout_take(work, &n,
                               (size_t)p->y.classes * (size_t)p->x.classes *
                                   sizeof *out->classes);
    out->taps = layout_take(work, &n, taps);
    out->sources = layout_take(work, &n, taps);
    out->from = layout_take(work, &n, pixels);
    out->to = layout_take(work, &n, pixels);
    out->in_at = layout_take(work, &n, (size_t)p->n_in_at * index);
    out->out_at = layout_take(work, &n, (size_t)p->n_out_at * index);
    out->weights = layout_take(work, &n, packed * real);
    out->zeros = layout_take(work, &n, (size_t)p->k->lane_outs * real);
    out->slots =
        layout_take(work, &n, (size_t)slots * lt__conv_slot_size(p) * real);
    return n;
}

int lt__conv_slot_take(lt__conv_slots *s)
{
    unsigned taken = atomic_load(&s->taken);
    int slot;

    do {
        for (slot = 0; taken >> slot & 1; slot++)
            ;
        LT_DASSERT(slot < LT__CONV_SLOTS);
    } while (
        !atomic_compare_exchange_weak(&s->taken, &taken, taken | 1u << slot));
    return slot;
}

void lt__conv_slot_give(lt__conv_slots *s, int slot)
{
    atomic_fetch_and(&s->taken, ~(1u << slot));
}

/* ---- tables ---- */

static void fill_taps(const lt__conv_plan *p, const lt__conv_class *class,
                      lt__conv_tables *t)
{
    bool is_adjoint = p->kind == LT__CONV_ADJOINT;
    int area = p->y.n_taps * p->x.n_taps;
    int32_t *taps = t->taps + class->first_tap;
    int32_t *sources = t->sources + class->first_tap;
    int64_t by, bx;

    for (int c = 0; c < p->n_in; c++)
        for (int y = 0; y < p->y.n_taps; y++) {
            if (axis_tap(p->c, 0, is_adjoint, y, &by) != class->y)
                continue;
            for (int x = 0; x < p->x.n_taps; x++) {
                if (axis_tap(p->c, 1, is_adjoint, x, &bx) != class->x)
                    continue;
                *taps++ = (int32_t)(c * p->plane + (by + p->top) * p->width +
                                    bx + p->left);
                *sources++ = c * area * (is_adjoint ? p->n_out : 1) +
                             y * p->x.n_taps + x;
            }
        }
}

static int32_t count_taps(const lt__conv_plan *p, const lt__conv_class *class)
{
    bool is_adjoint = p->kind == LT__CONV_ADJOINT;
    int64_t base;
    int ny = 0, nx = 0;

    for (int y = 0; y < p->y.n_taps; y++)
        ny += axis_tap(p->c, 0, is_adjoint, y, &base) == class->y;
    for (int x = 0; x < p->x.n_taps; x++)
        nx += axis_tap(p->c, 1, is_adjoint, x, &base) == class->x;
    return p->n_in * ny * nx;
}

static int32_t fill_pixels(const lt__conv_plan *p, const lt__conv_class *class,
                           lt__conv_tables *t)
{
    int rows = axis_count(&p->y, class->y, p->band), n = class->first_pixel;

    for (int g = 0; g < p->group; g++)
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < class->cols; x++, n++) {
                t->from[n] = (int32_t)(g * p->n_in * p->plane +
                                       (int64_t)y * p->y.step * p->width +
                                       (int64_t)x * p->x.step);
                t->to[n] =
                    (g * p->band + class->y + y * p->y.classes) * p->x.n_out +
                    class->x + x * p->x.classes;
            }
    return n;
}

static void fill_classes(const lt__conv_plan *p, lt__conv_tables *t)
{
    int32_t tap = 0, pixel = 0;

    for (int y = 0; y < p->y.classes; y++)
        for (int x = 0; x < p->x.classes; x++) {
            lt__conv_class *class = &t->classes[y * p->x.classes + x];

            *class = (lt__conv_class){.y = y,
                                      .x = x,
                                      .first_tap = tap,
                                      .first_pixel = pixel,
                                      .cols = axis_count(&p->x, x, p->x.n_out)};
            class->n_taps = count_taps(p, class);
            fill_taps(p, class, t);
            tap += class->n_taps;
            pixel = fill_pixels(p, class, t);
        }
}

/* Element i of planes without padding is which vector of a unit's input. */
static void fill_in_at(const lt__conv_plan *p, lt__conv_tables *t)
{
    int picture = p->y.n_in * p->x.n_in;

    for (int i = 0; i < p->n_in_at; i++) {
        int plane = p->bands > 1 ? 0 : i / picture;
        int y = (i - plane * picture) / p->x.n_in, x = i % p->x.n_in;

        t->in_at[i] = (int32_t)(plane * p->plane + y * p->width + x);
    }
}

/* Element i of planes of a band of one picture is which vector of the tile's
 * outputs, of which those of a plane are together. */
static void fill_out_at(const lt__conv_plan *p, lt__conv_tables *t)
{
    int band = p->band * p->x.n_out;

    for (int o = 0, i = 0; o < p->k->lane_outs; o++)
        for (int j = 0; j < band; j++)
            t->out_at[i++] = o * p->group * band + j;
}

void lt__conv_fill(const lt__conv_plan *p, lt__conv_tables *t)
{
    fill_classes(p, t);
    fill_in_at(p, t);
    if (p->kind != LT__CONV_WEIGHTS)
        fill_out_at(p, t);
    for (int i = 0; i < p->k->lane_outs; i++)
        t->zeros[i] = 0;
}

/* ---- a unit's input ---- */

/* Zeros around rows [first, last) of a plane. */
static void pad_plane(const lt__conv_plan *p, int64_t first, int64_t last,
                      lt_real *plane)
{
    size_t vector = (size_t)p->k->lanes, row = (size_t)p->width * vector;
    size_t left = (size_t)p->left * vector;
    size_t end = left + (size_t)p->x.n_in * vector;

    memset(plane, 0, (size_t)first * row * sizeof *plane);
    memset(plane + (size_t)last * row, 0,
           (size_t)(p->height - last) * row * sizeof *plane);
    for (int64_t y = first; y < last; y++) {
        lt_real *at = plane + (size_t)y * row;

        memset(at, 0, left * sizeof *at);
        memset(at + end, 0, (row - end) * sizeof *at);
    }
}

/* The picture's rows [low, high) that a unit reads, and the row that would be
 * its first, which may lie outside the picture. */
typedef struct unit_rows {
    int64_t origin, low, high;
} unit_rows;

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

static unit_rows unit_rows_of(const lt__conv_plan *p, const lt__conv_unit *u)
{
    int64_t origin = (int64_t)u->row / p->y.classes * p->y.step - p->top;
    int64_t end = origin + p->height;
    unit_rows r = {origin, clamp(0, origin, end),
                   clamp(p->y.n_in, origin, end)};

    return r;
}

/* r->n planes of one block, their first elements at x and in. */
static void take_planes(const lt__conv_plan *p, const unit_rows *rows,
                        lt__lane_run *r, const lt_real *x, lt_real *in)
{
    size_t vector = (size_t)p->k->lanes;
    int64_t first = rows->low - rows->origin, last = rows->high - rows->origin;
    int planes = p->bands > 1 ? 1 : r->n;

    for (int i = 0; i < planes; i++)
        pad_plane(p, first, last, in + (size_t)(i * p->plane) * vector);
    r->n = (int)((rows->high - rows->low) * p->x.n_in) * planes;
    if (r->n > 0)
        p->k->lane_in(r, x + rows->low * p->x.n_in,
                      in + (size_t)(first * p->width + p->left) * vector);
}

void lt__conv_take(const lt__conv_plan *p, const lt__conv_tables *t,
                   const lt__conv_unit *u, const lt_real *x, lt_real *in)
{
    size_t vector = (size_t)p->k->lanes;
    size_t picture = (size_t)p->y.n_in * (size_t)p->x.n_in;
    size_t stride = (size_t)p->n_in * picture;
    const unit_rows rows = unit_rows_of(p, u);

    for (int g = 0; g < u->n_blocks; g++)
        for (int c = 0; c < p->n_in; c += p->run) {
            size_t first = (size_t)(u->block + g) * vector;
            int64_t plane = ((int64_t)g * p->n_in + c) * p->plane;
            lt__lane_run r = {.pictures = lt__conv_pictures(p, u->block + g),
                              .n = p->n_in - c < p->run ? p->n_in - c : p->run,
                              .stride = stride,
                              .at = t->in_at};

            take_planes(p, &rows, &r, x + first * stride + (size_t)c * picture,
                        in + (size_t)plane * vector);
        }
}
