/* The CURVES set: pictures of smooth pen strokes; see latent/data/curves.h.
 *
 * Three points are drawn evenly over all triples in [2,26]^2 whose x are at
 * least 2 apart (sorted uniform draws, then spread). The stroke is the natural
 * cubic spline through them over the length of the chords, which overshoots
 * the points far less than a parabola. It is inked with a round pen: a pixel's
 * ink falls from full to none over one pixel around the pen's edge, by its
 * centre's distance from the curve, which is cut into short straight pieces.
 * Each piece touches only the pixels near it: about 10 us a picture.
 *
 * Only + - * / and sqrt in double, each rounded exactly once (no contraction,
 * see cmake/flags.cmake), so the bytes are the same on every machine. The
 * original file of Hinton and Salakhutdinov is not reproduced: the
 * description is, so published figures compare only roughly. */
#include "latent/data/curves.h"

#include "latent/base/mem.h"
#include "latent/base/rng.h"

#include <math.h>

#define SIDE   28
#define PIXELS (SIDE * SIDE)

/* Pen radius, and the edge over which its ink fades, in pixels. */
#define PEN_RADIUS 0.9
#define PEN_EDGE   0.5
#define PEN_REACH  (PEN_RADIUS + PEN_EDGE)

#define LOW  2.0
#define HIGH 26.0
#define GAP  2.0

/* Straight pieces between two of the three points: at most 1.7 pixels each. */
#define PIECES 20

typedef struct point {
    double x, y;
} point;

/* One spline through three values at 0, h1 and h1 + h2; `bend` is its second
 * derivative at the middle (0 at the ends). */
typedef struct spline {
    double a, b, c, bend;
} spline;

static void swap_if_greater(double *a, double *b)
{
    if (*a > *b) {
        double t = *a;

        *a = *b;
        *b = t;
    }
}

static void points_draw(lt_rng *rng, point p[3])
{
    double x[3];

    for (int i = 0; i < 3; i++) {
        x[i] = lt_rng_uniform(rng) * (HIGH - LOW - 2 * GAP);
        p[i].y = LOW + lt_rng_uniform(rng) * (HIGH - LOW);
    }
    swap_if_greater(&x[0], &x[1]);
    swap_if_greater(&x[1], &x[2]);
    swap_if_greater(&x[0], &x[1]);
    for (int i = 0; i < 3; i++)
        p[i].x = LOW + x[i] + GAP * i;
}

static spline spline_fit(double a, double b, double c, double h1, double h2)
{
    return (spline){a, b, c, 3 * ((c - b) / h2 - (b - a) / h1) / (h1 + h2)};
}

/* The value a share s of the way through chord `which`, of length h. The
 * bend's term is h^2/6 (s^3 - s) in the first, mirrored in the second. */
static double spline_at(const spline *f, int which, double s, double h)
{
    double from = which == 0 ? f->a : f->b;
    double to = which == 0 ? f->b : f->c;
    double u = which == 0 ? s : 1 - s;

    return from + (to - from) * s + f->bend * (h * h / 6) * (u * u * u - u);
}

static double chord(point a, point b)
{
    double x = b.x - a.x, y = b.y - a.y;

    return sqrt(x * x + y * y);
}

static void curve_trace(const point p[3], point path[2 * PIECES + 1])
{
    double h[2] = {chord(p[0], p[1]), chord(p[1], p[2])};
    spline fx = spline_fit(p[0].x, p[1].x, p[2].x, h[0], h[1]);
    spline fy = spline_fit(p[0].y, p[1].y, p[2].y, h[0], h[1]);

    for (int i = 0; i <= 2 * PIECES; i++) {
        int which = i < PIECES ? 0 : 1;
        double s = (double)(i - which * PIECES) / PIECES;

        path[i].x = spline_at(&fx, which, s, h[which]);
        path[i].y = spline_at(&fy, which, s, h[which]);
    }
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* Squared distance of q from the straight piece a-b. */
static double piece_distance2(point a, point b, point q)
{
    double dx = b.x - a.x, dy = b.y - a.y;
    double length2 = dx * dx + dy * dy;
    double along = (q.x - a.x) * dx + (q.y - a.y) * dy;
    double s = length2 > 0 ? clamp(along / length2, 0, 1) : 0;
    double x = a.x + s * dx - q.x, y = a.y + s * dy - q.y;

    return x * x + y * y;
}

/* The first pixel whose centre is not left of x, within the picture. */
static int pixel_from(double x)
{
    return (int)clamp(x + 0.5, 0, SIDE);
}

/* Lowers near2 (PIXELS), each pixel's squared distance from the curve. */
static void piece_measure(point a, point b, double near2[PIXELS])
{
    int left = pixel_from((a.x < b.x ? a.x : b.x) - PEN_REACH);
    int right = pixel_from((a.x < b.x ? b.x : a.x) + PEN_REACH);
    int top = pixel_from((a.y < b.y ? a.y : b.y) - PEN_REACH);
    int bottom = pixel_from((a.y < b.y ? b.y : a.y) + PEN_REACH);

    for (int row = top; row < bottom; row++)
        for (int col = left; col < right; col++) {
            double d2 = piece_distance2(a, b, (point){col + 0.5, row + 0.5});
            double *cell = &near2[row * SIDE + col];

            *cell = d2 < *cell ? d2 : *cell;
        }
}

static void curve_draw(lt_rng *rng, uint8_t picture[PIXELS])
{
    point corners[3], path[2 * PIECES + 1];
    double near2[PIXELS];

    for (int i = 0; i < PIXELS; i++)
        near2[i] = PEN_REACH * PEN_REACH;
    points_draw(rng, corners);
    curve_trace(corners, path);
    for (int i = 0; i < 2 * PIECES; i++)
        piece_measure(path[i], path[i + 1], near2);
    for (int i = 0; i < PIXELS; i++) {
        double ink = clamp((PEN_REACH - sqrt(near2[i])) / (2 * PEN_EDGE), 0, 1);

        picture[i] = (uint8_t)(ink * 255 + 0.5);
    }
}

static lt_status curves_set(int n, uint64_t seed, const char *stream,
                            lt_dataset **out, lt_err *err)
{
    uint8_t *pictures;
    lt_rng rng;

    if (n < 1)
        return lt_err_set(err, LT_EINVAL,
                          "curves: %d examples for %s, wanted at least 1", n,
                          stream);
    pictures = lt_mem_alloc((size_t)n, PIXELS);
    if (!pictures)
        return lt_err_mark(err, LT_ENOMEM);
    lt_rng_init(&rng, seed, stream);
    for (int i = 0; i < n; i++)
        curve_draw(&rng, pictures + (size_t)i * PIXELS);
    return lt_dataset_new_take(LT_ELEM_U8, n, lt_shape_image(1, SIDE, SIDE),
                               pictures, NULL, out, err);
}

lt_status lt_curves_make(int n_train, int n_test, uint64_t seed,
                         lt_data_pair *out, lt_err *err)
{
    lt_data_pair pair = {NULL, NULL};
    lt_status rc = curves_set(n_train, seed, "curves.train", &pair.train, err);

    if (rc == LT_OK)
        rc = curves_set(n_test, seed, "curves.test", &pair.test, err);
    if (rc == LT_OK)
        *out = pair;
    else
        lt_dataset_free(pair.train);
    return rc;
}
