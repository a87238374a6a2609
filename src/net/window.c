/* Windows over pictures: sizes and padding of convolutions and pools.
 *
 *   same   out = ceil(in / stride); the padding that this needs is split in
 *          half, an odd pixel goes after (tensorflow.org, "same")
 *   valid  out = floor((in - extent) / stride) + 1
 *   size   the same with in + 2 pad
 *
 * where extent = (kernel - 1) dilation + 1. */
#include "latent/net/layer.h"

#include "net/net_int.h"

#define MAX_SIZE (1 << 16) /* of a picture's side, a stride, a dilation */

static const char *const axis_names[] = {"height", "width"};

static lt_status axis_check(const lt_layer_spec *s, int axis, lt_err *err)
{
    const struct {
        const char *name;
        int value, least;
    } fields[] = {{"kernel", s->kernel[axis], 1},
                  {"stride", s->stride[axis], 1},
                  {"dilation", s->dilation[axis], 1},
                  {"pad", s->pad == LT_PAD_SIZE ? s->pad_size[axis] : 0, 0}};

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].value < fields[i].least || fields[i].value > MAX_SIZE)
            return lt_err_set(err, LT_EINVAL, "%s %d (%s), wanted %d to %d",
                              fields[i].name, fields[i].value, axis_names[axis],
                              fields[i].least, MAX_SIZE);
    return LT_OK;
}

/* Pixels of padding before and after, together. */
static int64_t axis_padding(const lt_layer_spec *s, int axis, int64_t in,
                            int64_t extent)
{
    int64_t stride = s->stride[axis], needed;

    if (s->pad == LT_PAD_VALID)
        return 0;
    if (s->pad == LT_PAD_SIZE)
        return 2 * (int64_t)s->pad_size[axis];
    needed = ((in + stride - 1) / stride - 1) * stride + extent - in;
    return needed > 0 ? needed : 0;
}

static lt_status axis_plan(const lt_layer_spec *s, int axis, int in,
                           lt_window *w, lt_err *err)
{
    int64_t extent, padding;

    LT_TRY(axis_check(s, axis, err));
    extent = (int64_t)(s->kernel[axis] - 1) * s->dilation[axis] + 1;
    padding = axis_padding(s, axis, in, extent);
    if (extent > in + padding)
        return lt_err_set(err, LT_EINVAL,
                          "kernel spans %lld, larger than the input's %s of "
                          "%d%s",
                          (long long)extent, axis_names[axis], in,
                          padding ? " with its padding" : "");
    w->in[axis] = in;
    w->kernel[axis] = s->kernel[axis];
    w->stride[axis] = s->stride[axis];
    w->dilation[axis] = s->dilation[axis];
    w->before[axis] = (int)(padding / 2);
    w->out[axis] = (int)((in + padding - extent) / s->stride[axis]) + 1;
    return LT_OK;
}

lt_status lt__window_check(const lt_layer_spec *spec, lt_err *err)
{
    LT_ASSERT(spec->pad >= 0 && spec->pad < LT_PAD_COUNT);
    for (int axis = 0; axis < 2; axis++)
        LT_TRY(axis_check(spec, axis, err));
    return LT_OK;
}

lt_status lt_window_plan(const lt_layer_spec *spec, const int in[2],
                         lt_window *out, lt_err *err)
{
    LT_ASSERT(spec->pad >= 0 && spec->pad < LT_PAD_COUNT);
    for (int axis = 0; axis < 2; axis++)
        LT_TRY(axis_plan(spec, axis, in[axis], out, err));
    return LT_OK;
}
