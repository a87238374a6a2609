/* What max and average pools and their mirrors share: windows and shapes.
 *
 * A pool's mirror is planned over the picture that the pool received (the
 * spec's `size`), so that it gives back exactly that shape: 9x9 pooled by 2
 * with "same" padding is 5x5, and its mirror gives 9x9. Padding never counts:
 * windows look at real pixels only, of which each has at least one. */
#include "net/net_int.h"

#include <string.h>

/* A window that could lie in the padding alone has nothing to pool. */
static lt_status pool_check(const lt_layer *l, lt_err *err)
{
    const lt_layer_spec *s = &l->spec;

    LT_TRY(lt__picture_check(l->in, err));
    for (int i = 0; i < 2 && s->pad == LT_PAD_SIZE; i++)
        if (s->pad_size[i] >= s->kernel[i])
            return lt_err_set(
                err, LT_EINVAL, "pad %d (%s), wanted less than the kernel's %d",
                s->pad_size[i], i ? "width" : "height", s->kernel[i]);
    return LT_OK;
}

/* The window over a picture of `size`; a stride of {0, 0} is the kernel's. */
static lt_status pool_window(lt_layer *l, const int size[2], lt_err *err)
{
    lt_layer_spec s;

    if (!l->spec.stride[0] && !l->spec.stride[1])
        memcpy(l->spec.stride, l->spec.kernel, sizeof l->spec.stride);
    s = l->spec;
    s.dilation[0] = s.dilation[1] = 1;
    return lt_window_plan(&s, size, &l->window, err);
}

lt_status lt__pool_plan(lt_layer *l, lt_err *err)
{
    LT_TRY(pool_check(l, err));
    LT_TRY(pool_window(l, l->in.dim + 1, err));
    return lt__picture_plan(l, l->in.dim[0], l->window.out, err);
}

lt_status lt__unpool_plan(lt_layer *l, lt_err *err)
{
    const int *out = l->window.out;

    LT_TRY(pool_check(l, err));
    for (int i = 0; i < 2; i++)
        if (l->spec.size[i] < 1 || l->spec.size[i] > LT_LAYER_MAX_ELEMENTS)
            return lt_err_set(err, LT_EINVAL, "size %d, wanted 1 to %d",
                              l->spec.size[i], LT_LAYER_MAX_ELEMENTS);
    LT_TRY(pool_window(l, l->spec.size, err));
    if (out[0] != l->in.dim[1] || out[1] != l->in.dim[2])
        return lt_err_set(err, LT_EINVAL,
                          "pictures of %dx%d, but %dx%d would be pooled to "
                          "%dx%d",
                          l->in.dim[1], l->in.dim[2], l->spec.size[0],
                          l->spec.size[1], out[0], out[1]);
    return lt__picture_plan(l, l->in.dim[0], l->spec.size, err);
}

void lt__pool_mirror(const lt_layer *l, const char *kind, lt_layer_spec *out)
{
    *out = l->spec;
    out->kind = kind;
    memcpy(out->size, l->window.in, sizeof out->size);
}

lt_pooling lt__pool_geometry(const lt_layer *l, int rows)
{
    const lt_window *w = &l->window;

    return (lt_pooling){
        .planes = (size_t)rows * (size_t)l->in.dim[0],
        .in = {w->in[0], w->in[1]},
        .out = {w->out[0], w->out[1]},
        .kernel = {w->kernel[0], w->kernel[1]},
        .stride = {w->stride[0], w->stride[1]},
        .before = {w->before[0], w->before[1]},
    };
}

/* ---- pictures ---- */

lt_status lt__picture_check(lt_shape in, lt_err *err)
{
    char text[LT_SHAPE_TEXT];

    if (in.rank == 3)
        return LT_OK;
    return lt_err_set(err, LT_EINVAL,
                      "takes pictures (channels x height x width), found %s "
                      "numbers; a reshape before it makes pictures of them",
                      lt_shape_text(in, text));
}

lt_status lt__picture_plan(lt_layer *l, int channels, const int size[2],
                           lt_err *err)
{
    int64_t n = (int64_t)channels * size[0];

    if (n <= LT_LAYER_MAX_ELEMENTS)
        n *= size[1];
    if (n > LT_LAYER_MAX_ELEMENTS)
        return lt_err_set(err, LT_EINVAL,
                          "gives %dx%dx%d, wanted at most %d elements",
                          channels, size[0], size[1], LT_LAYER_MAX_ELEMENTS);
    l->out = lt_shape_image(channels, size[0], size[1]);
    return LT_OK;
}
