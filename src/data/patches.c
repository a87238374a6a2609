/* Random patches of pictures; see latent/data/patches.h.
 *
 * A patch is a window of height x width points, `scale` pixels of the picture
 * apart, turned by `rotate` degrees, somewhere inside the picture (and the
 * zeros padded around it). What a turn moves is the content: at 90 degrees the
 * right edge of the window becomes its top. Hinton and Salakhutdinov (2006)
 * made their faces so: 25x25 points, 1.4 to 1.8 pixels of 64x64 pictures apart,
 * at any angle: the largest window's diagonal, 25 x 1.8 x 1.42 = 63.6, is just
 * what fits.
 *
 * Points between pixels are bilinear mixtures of the four around them. Quarter
 * turns are exact, because sine and cosine of them are. Everything is drawn
 * from one stream in the order of the patches: picture (when drawn), angle,
 * scale, row, column. A 25x25 patch takes about 5 us. */
#include "latent/data/patches.h"

#include "data/planes.h"

#include "latent/base/mem.h"
#include "latent/base/rng.h"

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>

/* One patch's place: where its first point is, and the steps from there to the
 * next point of its row and of its column, in pixels. */
typedef struct window {
    double x, y;
    double right_x, right_y, down_x, down_y;
} window;

/* ---- where a patch is ---- */

/* sin of `degrees`, exact at multiples of 90. */
static double sin_degrees(double degrees)
{
    double turn = remainder(degrees, 360);

    if (turn > 90)
        turn = 180 - turn;
    else if (turn < -90)
        turn = -180 - turn;
    return turn == 90 ? 1 : turn == -90 ? -1 : sin(turn * 0x1.1df46a2529d39p-6);
}

static double cos_degrees(double degrees)
{
    return sin_degrees(degrees + 90);
}

/* Half of what a window turned by `degrees` covers, from its first point's
 * centre to its last's: down and across. */
static void window_extent(const lt_patch_opts *o, double degrees, double scale,
                          double half[2])
{
    double s = fabs(sin_degrees(degrees)), c = fabs(cos_degrees(degrees));
    double down = scale * (o->height - 1) / 2,
           across = scale * (o->width - 1) / 2;

    half[0] = s * across + c * down;
    half[1] = c * across + s * down;
}

/* Raises most[] to the extents at `degrees`, when that angle may be drawn. */
static void extent_try(const lt_patch_opts *o, double degrees, double most[2])
{
    double half[2];

    if (degrees < o->rotate[0] || degrees > o->rotate[1])
        return;
    window_extent(o, degrees, o->scale[1], half);
    most[0] = half[0] > most[0] ? half[0] : most[0];
    most[1] = half[1] > most[1] ? half[1] : most[1];
}

/* The extents of the worst window that may be drawn: at an end of the range,
 * or where a diagonal of the window stands upright or lies flat. */
static void extent_worst(const lt_patch_opts *o, double most[2])
{
    double diagonal = atan2(o->width - 1, o->height - 1) / 0x1.1df46a2529d39p-6;

    most[0] = most[1] = 0;
    extent_try(o, o->rotate[0], most);
    extent_try(o, o->rotate[1], most);
    for (double turn = 90 * floor(o->rotate[0] / 90) - 90; turn <= o->rotate[1];
         turn += 90) {
        extent_try(o, turn + diagonal, most);
        extent_try(o, turn + 90 - diagonal, most);
    }
}

static double draw_between(lt_rng *rng, const double range[2])
{
    if (!(range[0] < range[1]))
        return range[0];
    return range[0] + (range[1] - range[0]) * lt_rng_uniform(rng);
}

/* A centre whose window, reaching `half` each way, stays on `size` pixels and
 * the padding. */
static double draw_centre(lt_rng *rng, int size, int pad, double half)
{
    double range[2] = {half - pad, size - 1 - half + pad};

    if (range[0] >= range[1]) /* equal, but for rounding */
        return (size - 1) / 2.0;
    return draw_between(rng, range);
}

static window draw_turned(const lt__planes *p, const lt_patch_opts *o,
                          lt_rng *rng)
{
    double degrees = draw_between(rng, o->rotate);
    double scale = draw_between(rng, o->scale);
    double s = scale * sin_degrees(degrees), c = scale * cos_degrees(degrees);
    double half[2], x, y;

    window_extent(o, degrees, scale, half);
    y = draw_centre(rng, p->height, o->pad, half[0]);
    x = draw_centre(rng, p->width, o->pad, half[1]);
    x -= (c * (o->width - 1) - s * (o->height - 1)) / 2;
    y -= (s * (o->width - 1) + c * (o->height - 1)) / 2;
    return (window){x, y, c, s, -s, c};
}

static bool is_turned(const lt_patch_opts *o)
{
    return o->rotate[0] < 0 || o->rotate[1] > 0 || o->scale[0] < 1 ||
           o->scale[1] > 1;
}

static window draw_window(const lt__planes *p, const lt_patch_opts *o,
                          lt_rng *rng)
{
    int rows = p->height + 2 * o->pad - o->height + 1;
    int cols = p->width + 2 * o->pad - o->width + 1;
    double y;

    if (is_turned(o))
        return draw_turned(p, o, rng);
    y = (double)lt_rng_below(rng, (uint64_t)rows) - o->pad;
    return (window){
        (double)lt_rng_below(rng, (uint64_t)cols) - o->pad, y, 1, 0, 0, 1};
}

/* ---- what a patch shows ---- */

/* One channel: the pixel at (row, col), or 0 in the padding. */
static double pixel(const lt__planes *p, const void *plane, int row, int col)
{
    if (row < 0 || row >= p->height || col < 0 || col >= p->width)
        return 0;
    return lt__plane_get(p->type, plane,
                         (size_t)row * (size_t)p->width + (size_t)col);
}

static double mix(const lt__planes *p, const void *plane, double x, double y)
{
    double left = floor(x), top = floor(y);
    double u = x - left, v = y - top;
    int row = (int)top, col = (int)left;
    double above = pixel(p, plane, row, col), below = 0;

    if (u > 0)
        above += u * (pixel(p, plane, row, col + 1) - above);
    if (v > 0) {
        below = pixel(p, plane, row + 1, col);
        if (u > 0)
            below += u * (pixel(p, plane, row + 1, col + 1) - below);
        above += v * (below - above);
    }
    return above;
}

/* Rounding may carry a point a hair out of a picture without padding. */
static double hold(double x, int size, int pad)
{
    return x < -pad ? -pad : x > size - 1 + pad ? size - 1 + pad : x;
}

/* The patch from picture i, to `out` from its element `at` on. */
static void window_show(const lt__planes *p, const lt_patch_opts *o, int i,
                        const window *w, void *out, size_t at)
{
    for (int c = 0; c < p->channels; c++) {
        const void *plane = lt__plane_at(p, i, c);

        for (int row = 0; row < o->height; row++)
            for (int col = 0; col < o->width; col++) {
                double x = w->x + col * w->right_x + row * w->down_x;
                double y = w->y + col * w->right_y + row * w->down_y;

                lt__plane_put(p->type, out, at++,
                              mix(p, plane, hold(x, p->width, o->pad),
                                  hold(y, p->height, o->pad)));
            }
    }
}

/* ---- all patches of a set ---- */

/* What is made, in messages. */
static const char *name_of(const lt_patch_opts *o)
{
    return o->name ? o->name : "patches";
}

static lt_status ranges_check(const lt_patch_opts *o, lt_err *err)
{
    static const double limits[2][2] = {{-360, 360}, {1e-3, 1e3}};

    for (int i = 0; i < 2; i++) {
        const double *range = i ? o->scale : o->rotate;

        if (!(range[0] >= limits[i][0] && range[0] <= range[1] &&
              range[1] <= limits[i][1]))
            return lt_err_set(err, LT_EINVAL,
                              "%s: %s from %g to %g, wanted a range within %g "
                              "to %g",
                              name_of(o), i ? "scale" : "rotate", range[0],
                              range[1], limits[i][0], limits[i][1]);
    }
    return LT_OK;
}

static lt_status fit_check(const lt__planes *p, const lt_patch_opts *o,
                           lt_err *err)
{
    double half[2];

    extent_worst(o, half);
    if (2 * half[0] <= p->height - 1 + 2 * o->pad + 1e-9 &&
        2 * half[1] <= p->width - 1 + 2 * o->pad + 1e-9)
        return LT_OK;
    if (!is_turned(o))
        return lt_err_set(err, LT_EINVAL,
                          "%s: a window of %dx%d, wanted one that fits in "
                          "pictures of %dx%d with a pad of %d",
                          name_of(o), o->height, o->width, p->height, p->width,
                          o->pad);
    return lt_err_set(err, LT_EINVAL,
                      "%s: a window of %dx%d reaches over %.4gx%.4g pixels "
                      "when turned and scaled most, wanted one that fits in "
                      "%dx%d with a pad of %d",
                      name_of(o), o->height, o->width, 2 * half[0] + 1,
                      2 * half[1] + 1, p->height, p->width, o->pad);
}

static lt_status patch_opts_check(const lt__planes *p, const lt_patch_opts *o,
                                  lt_err *err)
{
    if (o->height < 1 || o->width < 1 || o->pad < 0 || o->pad > 1 << 20)
        return lt_err_set(err, LT_EINVAL,
                          "%s: %dx%d with a pad of %d, wanted at least 1x1 "
                          "and 0",
                          name_of(o), o->height, o->width, o->pad);
    if (o->n < 0 || (o->n == 0 && o->copies < 1))
        return lt_err_set(err, LT_EINVAL,
                          "%s: %d of each picture, %d in all, wanted at "
                          "least 1",
                          name_of(o), o->copies, o->n);
    if (o->n == 0 && o->copies > INT_MAX / p->n)
        return lt_err_set(err, LT_EINVAL,
                          "%s: %d of each of %d pictures, wanted at most "
                          "%d in all",
                          name_of(o), o->copies, p->n, INT_MAX);
    LT_TRY(ranges_check(o, err));
    return fit_check(p, o, err);
}

/* What one set of patches is made of. */
typedef struct job {
    lt__planes p;
    const lt_patch_opts *o;
    const uint8_t *labels; /* of the pictures, or NULL */
    int n;                 /* patches */
    size_t elements;       /* of one */
    void *values;
    uint8_t *classes;
} job;

/* Every window is drawn, also those that are not shown: a limit changes
 * nothing of what comes before it. */
static void job_run(job *j)
{
    lt_rng rng;
    char stream[64];
    int shown = j->o->limit > 0 && j->o->limit < j->n ? j->o->limit : j->n;

    snprintf(stream, sizeof stream, "patches.%s",
             j->o->stream ? j->o->stream : "");
    lt_rng_init(&rng, j->o->seed, stream);
    for (int i = 0; i < j->n; i++) {
        int from = j->o->n ? (int)lt_rng_below(&rng, (uint64_t)j->p.n)
                           : i / j->o->copies;
        window w = draw_window(&j->p, j->o, &rng);

        if (j->classes)
            j->classes[i] = j->labels[from];
        if (i < shown)
            window_show(&j->p, j->o, from, &w, j->values,
                        (size_t)i * j->elements);
    }
}

static lt_status job_init(job *j, lt_err *err)
{
    j->values =
        lt_mem_zero((size_t)j->n * j->elements, lt__plane_bytes(j->p.type));
    if (j->labels)
        j->classes = lt_mem_alloc((size_t)j->n, 1);
    if (j->values && (!j->labels || j->classes))
        return LT_OK;
    lt_mem_free(j->values);
    lt_mem_free(j->classes);
    return lt_err_set(err, LT_ENOMEM,
                      "%s: out of memory for %d of %zu values each",
                      name_of(j->o), j->n, j->elements);
}

lt_status lt_patches_make(const lt_dataset *d, const lt_patch_opts *opts,
                          lt_dataset **out, lt_err *err)
{
    job j = {.o = opts, .labels = lt_dataset_labels(d)};
    lt_shape shape;

    LT_TRY(lt__planes_open(name_of(opts), d, &j.p, err));
    LT_TRY(patch_opts_check(&j.p, opts, err));
    LT_TRY(lt__planes_shape(name_of(opts), &j.p, opts->height, opts->width,
                            &shape, err));
    j.n = opts->n ? opts->n : j.p.n * opts->copies;
    j.elements = (size_t)lt_shape_elements(shape);
    LT_TRY(job_init(&j, err));
    job_run(&j);
    return lt_dataset_new_take(j.p.type, j.n, shape, j.values, j.classes, out,
                               err);
}
