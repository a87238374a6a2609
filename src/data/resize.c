/* Pictures of another size; see latent/data/patches.h.
 *
 * A new pixel covers a rectangle of the old picture, and is the mean of what
 * it covers, pixels at the rim by the share that is covered. Smaller pictures
 * so keep their brightness, and nothing finer than the new pixels passes as
 * something coarser. Every old pixel is read once: about 2 ns each. */
#include "latent/data/patches.h"

#include "data/planes.h"
#include "data/prepare_int.h"

#include "latent/base/mem.h"

/* The sum over columns [low, high) of one row of a plane, bounds between
 * pixels too. */
static double row_sum(const lt__planes *p, const void *plane, int row,
                      double low, double high)
{
    size_t start = (size_t)row * (size_t)p->width;
    double sum = 0;

    for (int i = (int)low; i < p->width && i < high; i++) {
        double left = i > low ? i : low, right = i + 1 < high ? i + 1 : high;

        sum +=
            (right - left) * lt__plane_get(p->type, plane, start + (size_t)i);
    }
    return sum;
}

/* The mean of a rectangle; `tall` and `wide` are its sides. */
static double area_mean(const lt__planes *p, const void *plane, double top,
                        double left, const double side[2])
{
    double bottom = top + side[0], sum = 0;

    for (int i = (int)top; i < p->height && i < bottom; i++) {
        double from = i > top ? i : top, to = i + 1 < bottom ? i + 1 : bottom;

        sum += (to - from) * row_sum(p, plane, i, left, left + side[1]);
    }
    return sum / (side[0] * side[1]);
}

static void plane_resize(const lt__planes *p, const void *plane, lt_shape to,
                         void *out, size_t at)
{
    const double side[2] = {(double)p->height / to.dim[1],
                            (double)p->width / to.dim[2]};

    for (int row = 0; row < to.dim[1]; row++)
        for (int col = 0; col < to.dim[2]; col++)
            lt__plane_put(
                p->type, out, at++,
                area_mean(p, plane, row * side[0], col * side[1], side));
}

lt_status lt_resize_make(const lt_dataset *d, int height, int width,
                         lt_dataset **out, lt_err *err)
{
    lt__planes p;
    lt_shape to;
    void *values;
    uint8_t *labels = NULL;
    size_t plane, at = 0;

    LT_TRY(lt__planes_open("resize", d, &p, err));
    if (height < 1 || width < 1 || height > 1 << 15 || width > 1 << 15)
        return lt_err_set(
            err, LT_EINVAL,
            "resize: pictures of %dx%d, wanted 1x1 to 32768x32768", height,
            width);
    LT_TRY(lt__planes_shape("resize", &p, height, width, &to, err));
    LT_TRY(lt__labels_copy(d, 1, &labels, err));
    plane = (size_t)height * (size_t)width;
    values = lt_mem_alloc((size_t)p.n * (size_t)p.channels * plane,
                          lt__plane_bytes(p.type));
    if (!values) {
        lt_mem_free(labels);
        return lt_err_mark(err, LT_ENOMEM);
    }
    for (int i = 0; i < p.n; i++)
        for (int c = 0; c < p.channels; c++, at += plane)
            plane_resize(&p, lt__plane_at(&p, i, c), to, values, at);
    return lt_dataset_new_take(p.type, p.n, to, values, labels, out, err);
}
