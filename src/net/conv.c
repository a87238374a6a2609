/* Convolutions, and the transposed ones that are their mirrors.
 *
 * conv takes (C, h, w) to (O, h', w') by kernels stored (O, C, kh, kw).
 * conv_transpose is the exact adjoint of such a convolution, of whose window
 * it has the sizes (window.in is what it gives back, window.out what it
 * takes), plus a bias for each channel of its own and an activation. Its
 * kernels are stored (its input channels, its output channels, kh, kw), as in
 * PyTorch: those are the same bytes as the convolution's own, so a tied mirror
 * reads the encoder's kernels as they are.
 *
 * Several sizes are taken to one by a stride: 9x9 and 10x10 both become 5x5
 * with "same" and a stride of 2. A mirror's spec therefore names the size that
 * the encoder's layer received; written out by hand, conv_transpose may name
 * any size that its window takes to its input's, or leaves it to the default.
 *
 * Passes are those of math/conv.h, the gradient of the input being the other's
 * forward pass. Cost: 2 B O C kh kw h' w' operations for each of the three;
 * the input's gradient is skipped in the lowest layer that trains. */
#include "net/net_int.h"

#include "latent/math/conv.h"

#include <limits.h>
#include <string.h>

static bool is_transpose(const lt_layer *l)
{
    return l->ops == &lt__layer_conv_transpose;
}

static lt_conv geometry(const lt_layer *l)
{
    lt_shape wide = is_transpose(l) ? l->out : l->in;
    lt_shape narrow = is_transpose(l) ? l->in : l->out;
    lt_conv c = {.channels = wide.dim[0], .kernels = narrow.dim[0]};

    for (int i = 0; i < 2; i++) {
        c.in[i] = l->window.in[i];
        c.out[i] = l->window.out[i];
        c.kernel[i] = l->window.kernel[i];
        c.stride[i] = l->window.stride[i];
        c.dilation[i] = l->window.dilation[i];
        c.before[i] = l->window.before[i];
    }
    return c;
}

/* ---- planning ---- */

static lt_status check(const lt_layer *l, lt_err *err)
{
    LT_TRY(lt__picture_check(l->in, err));
    if (l->spec.channels < 1 || l->spec.channels > LT_LAYER_MAX_ELEMENTS)
        return lt_err_set(err, LT_EINVAL, "%d channels, wanted 1 to %d",
                          l->spec.channels, LT_LAYER_MAX_ELEMENTS);
    return LT_OK;
}

/* With window and shapes known. */
static lt_status plan_weights(lt_layer *l, lt_err *err)
{
    const int *kernel = l->window.kernel;
    int in = l->in.dim[0], out = l->out.dim[0];
    double area = (double)kernel[0] * kernel[1];
    lt_conv c = geometry(l);

    if (area * in > INT_MAX || area * out > INT_MAX || !lt_conv_is_possible(&c))
        return lt_err_set(err, LT_EINVAL,
                          "%d channels to %d by a kernel of %dx%d over %dx%d: "
                          "too large",
                          in, out, kernel[0], kernel[1], c.in[0], c.in[1]);
    l->bias_count = (size_t)out;
    l->fan_in = in * kernel[0] * kernel[1];
    l->fan_out = out * kernel[0] * kernel[1];
    l->weight_count = (size_t)l->fan_in * (size_t)out;
    l->weight_rank = 4;
    l->weight_dim[0] = c.kernels;
    l->weight_dim[1] = c.channels;
    l->weight_dim[2] = kernel[0];
    l->weight_dim[3] = kernel[1];
    return LT_OK;
}

static lt_status conv_plan(lt_layer *l, lt_err *err)
{
    LT_TRY(check(l, err));
    LT_TRY(lt_window_plan(&l->spec, l->in.dim + 1, &l->window, err));
    LT_TRY(lt__picture_plan(l, l->spec.channels, l->window.out, err));
    return plan_weights(l, err);
}

/* The least and the largest size that the window takes to n. */
static void axis_sizes(const lt_layer_spec *s, int axis, int n, int64_t out[2])
{
    int64_t extent = (int64_t)(s->kernel[axis] - 1) * s->dilation[axis] + 1;
    int64_t stride = s->stride[axis];
    int64_t pad = s->pad == LT_PAD_SIZE ? 2 * (int64_t)s->pad_size[axis] : 0;

    out[0] = (n - 1) * stride + (s->pad == LT_PAD_SAME ? 1 : extent - pad);
    out[1] = out[0] + stride - 1;
}

/* The size that is asked for, or the default's. */
static lt_status transpose_size(const lt_layer *l, int size[2], lt_err *err)
{
    const lt_layer_spec *s = &l->spec;

    for (int i = 0; i < 2; i++) {
        const char *side = i ? "width" : "height";
        int64_t sizes[2], chosen = s->size[i];

        axis_sizes(s, i, l->in.dim[1 + i], sizes);
        if (!chosen)
            chosen = sizes[s->pad == LT_PAD_SAME];
        if (chosen < sizes[0] || chosen > sizes[1])
            return lt_err_set(err, LT_EINVAL,
                              "%s of %lld, wanted %lld to %lld: the window "
                              "takes those to the input's %d",
                              side, (long long)chosen, (long long)sizes[0],
                              (long long)sizes[1], l->in.dim[1 + i]);
        if (chosen < 1 || chosen > LT_LAYER_MAX_ELEMENTS)
            return lt_err_set(err, LT_EINVAL, "%s of %lld, wanted 1 to %d",
                              side, (long long)chosen, LT_LAYER_MAX_ELEMENTS);
        size[i] = (int)chosen;
    }
    return LT_OK;
}

static lt_status transpose_plan(lt_layer *l, lt_err *err)
{
    int size[2];

    LT_TRY(check(l, err));
    LT_TRY(lt__window_check(&l->spec, err));
    LT_TRY(transpose_size(l, size, err));
    LT_TRY(lt_window_plan(&l->spec, size, &l->window, err));
    LT_ASSERT(memcmp(l->window.out, l->in.dim + 1, sizeof l->window.out) == 0);
    LT_TRY(lt__picture_plan(l, l->spec.channels, size, err));
    return plan_weights(l, err);
}

static void conv_mirror(const lt_layer *l, lt_layer_spec *out)
{
    *out = l->spec;
    out->kind = "conv_transpose";
    out->channels = l->in.dim[0];
    memcpy(out->size, l->window.in, sizeof out->size);
}

static void transpose_mirror(const lt_layer *l, lt_layer_spec *out)
{
    *out = l->spec;
    out->kind = "conv";
    out->channels = l->in.dim[0];
    memset(out->size, 0, sizeof out->size);
}

/* ---- passes ---- */

static size_t work_size(const lt_layer *l, int rows, bool with_gradient)
{
    const lt_conv c = geometry(l);

    (void)with_gradient;
    return lt_conv_work_size(&c, rows);
}

static lt_conv_pass pass_of(const lt_layer *l, const lt_pass *p)
{
    return (lt_conv_pass){.pool = p->pool,
                          .rows = p->rows,
                          .weights = p->params + l->weight,
                          .act = LT_ACT_LINEAR,
                          .work = p->work};
}

static void conv_forward(const lt_layer *l, const lt_pass *p, const lt_real *x,
                         lt_real *y)
{
    const lt_conv c = geometry(l);
    lt_conv_pass pass = pass_of(l, p);

    pass.bias = p->params + l->bias;
    if (!p->skips_act)
        pass.act = l->spec.act;
    if (is_transpose(l))
        lt_conv_adjoint(&c, &pass, x, y);
    else
        lt_conv_forward(&c, &pass, x, y);
}

/* All but the input's. dy becomes the gradient at the pre-activation. */
static void own_gradients(const lt_layer *l, const lt_pass *p,
                          const lt_conv_pass *pass, const lt_real *x,
                          const lt_real *y, lt_real *dy)
{
    const lt_conv c = geometry(l);
    int spots = l->out.dim[1] * l->out.dim[2];
    bool flips = is_transpose(l);

    if (!p->skips_act)
        lt_vec_act_grad(p->pool, l->spec.act,
                        (size_t)p->rows * (size_t)lt_shape_elements(l->out), y,
                        dy);
    if (p->grads && !l->is_bias_frozen)
        lt_vec_channel_sums(p->pool, p->rows, l->out.dim[0], spots, dy,
                            p->grads + l->bias);
    if (p->grads && !l->is_weight_frozen)
        lt_conv_weights(&c, pass, flips ? dy : x, flips ? x : dy,
                        l->adds_gradient, p->grads + l->weight);
}

static void conv_backward(const lt_layer *l, const lt_pass *p, const lt_real *x,
                          const lt_real *y, lt_real *dy, lt_real *dx)
{
    const lt_conv c = geometry(l);
    const lt_conv_pass pass = pass_of(l, p);

    own_gradients(l, p, &pass, x, y, dy);
    if (!dx)
        return;
    if (is_transpose(l))
        lt_conv_forward(&c, &pass, dy, dx);
    else
        lt_conv_adjoint(&c, &pass, dy, dx);
}

static void conv_tangent(const lt_layer *l, const lt_pass *p, const lt_real *x,
                         const lt_real *t, lt_real *dz)
{
    const lt_conv c = geometry(l);
    const lt_conv_pass pass = pass_of(l, p);

    (void)x;
    if (is_transpose(l))
        lt_conv_adjoint(&c, &pass, t, dz);
    else
        lt_conv_forward(&c, &pass, t, dz);
}

static const char *const conv_fields[] = {
    "channels", "kernel", "stride", "dilation", "pad", "pad_size", "act", NULL};

const lt_layer_ops lt__layer_conv = {
    .name = "conv",
    .fields = conv_fields,
    .mirror_weight = LT_MIRROR_SAME,
    .plan = conv_plan,
    .mirror = conv_mirror,
    .work_size = work_size,
    .forward = conv_forward,
    .backward = conv_backward,
    .tangent = conv_tangent,
};

static const char *const transpose_fields[] = {"channels", "kernel", "stride",
                                               "dilation", "pad",    "pad_size",
                                               "size",     "act",    NULL};

const lt_layer_ops lt__layer_conv_transpose = {
    .name = "conv_transpose",
    .fields = transpose_fields,
    .mirror_weight = LT_MIRROR_SAME,
    .plan = transpose_plan,
    .mirror = transpose_mirror,
    .work_size = work_size,
    .forward = conv_forward,
    .backward = conv_backward,
    .tangent = conv_tangent,
};
