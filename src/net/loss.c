/* Losses; see latent/net/loss.h for their definitions.
 *
 * Each is one fused sweep over the output: value, squared error and gradient
 * together. bce is computed from logits, where it neither overflows nor loses
 * digits: max(z,0) - z t + log(1 + exp(-|z|)); so is multinomial, by
 * log sum exp(z - max z). A linear output has no activation to undo, so to the
 * losses of errors it counts as logits too. */
#include "latent/net/loss.h"

#include <string.h>

static const char *const loss_names[] = {
#define X(name, text) text,
    LT_LOSS_MAP(X)
#undef X
        NULL,
};

const char *lt_loss_name(lt_loss loss)
{
    LT_ASSERT(loss < LT_LOSS_COUNT);
    return loss_names[loss];
}

int lt_loss_find(const char *name)
{
    for (int i = 0; i < LT_LOSS_COUNT; i++)
        if (strcmp(loss_names[i], name) == 0)
            return i;
    return -1;
}

const char *const *lt_loss_names(void)
{
    return loss_names;
}

lt_status lt_loss_check(lt_loss loss, const lt_net *net, lt_err *err)
{
    lt_act found = lt_net_output_act(net), wanted = found;

    if (loss == LT_LOSS_BCE)
        wanted = LT_ACT_SIGMOID;
    if (loss == LT_LOSS_MULTINOMIAL)
        wanted = LT_ACT_SOFTMAX;
    if (found != wanted)
        return lt_err_set(
            err, LT_EINVAL, "loss \"%s\": output is \"%s\", wanted \"%s\"",
            lt_loss_name(loss), lt_act_name(found), lt_act_name(wanted));
    if (found == LT_ACT_SOFTMAX && loss != LT_LOSS_MULTINOMIAL)
        return lt_err_set(
            err, LT_EINVAL,
            "loss \"%s\": output is \"softmax\", which wants loss "
            "\"multinomial\"",
            lt_loss_name(loss));
    return LT_OK;
}

bool lt_loss_wants_logits(lt_loss loss, const lt_net *net)
{
    return loss == LT_LOSS_BCE || loss == LT_LOSS_MULTINOMIAL ||
           lt_net_output_act(net) == LT_ACT_LINEAR;
}

/* One call's arguments. */
typedef struct loss_call {
    lt_pool *pool;
    int rows, elements;
    size_t n;
    const lt_real *y, *target;
    lt_real *delta; /* or NULL */
} loss_call;

static void loss_bce(const loss_call *c, lt_loss_sums *sums)
{
    if (c->delta)
        sums->loss =
            lt_vec_bce_logits(c->pool, c->n, c->y, c->target,
                              (lt_real)1 / c->rows, c->delta, &sums->sse);
    else
        sums->loss =
            lt_vec_bce_logits_value(c->pool, c->n, c->y, c->target, &sums->sse);
}

/* 1 / (rows elements), times `numerator`. */
static lt_real element_share(const loss_call *c, double numerator)
{
    return (lt_real)(numerator / ((double)c->rows * c->elements));
}

static void loss_mse(const loss_call *c, lt_loss_sums *sums)
{
    if (c->delta)
        sums->sse = lt_vec_sse(c->pool, c->n, c->y, c->target,
                               element_share(c, 2), c->delta);
    else
        sums->sse = lt_vec_sse_value(c->pool, c->n, c->y, c->target);
    sums->loss = sums->sse / c->elements;
}

static void loss_huber(const loss_call *c, double width, lt_loss_sums *sums)
{
    sums->loss = lt_vec_huber(c->pool, c->n, c->y, c->target, (lt_real)width,
                              element_share(c, 1), c->delta, &sums->sse) /
                 c->elements;
}

static void loss_multinomial(const loss_call *c, lt_loss_sums *sums)
{
    lt_multinomial_sums m =
        lt_vec_multinomial_logits(c->pool, c->rows, c->elements, c->y,
                                  c->target, (lt_real)1 / c->rows, c->delta);

    sums->loss = m.loss;
    sums->sse = m.sse;
    sums->words = m.words;
}

/* The entries are counted first: each one's gradient is divided by all. */
static void loss_masked(const loss_call *c, lt_loss_sums *sums)
{
    sums->weight = (double)lt_vec_known(c->pool, c->n, c->target);
    sums->sse = lt_vec_masked_sse(
        c->pool, c->n, c->y, c->target,
        sums->weight > 0 ? (lt_real)(2 / sums->weight) : 0, c->delta);
    sums->loss = sums->sse;
}

void lt_loss_compute(lt_loss loss, double huber_delta, const lt_net *net,
                     lt_pool *pool, int rows, const lt_real *y,
                     const lt_real *target, lt_real *delta, lt_loss_sums *sums)
{
    int elements = lt_shape_elements(lt_net_output(net));
    const loss_call call = {
        pool, rows,   elements, (size_t)rows * (size_t)elements,
        y,    target, delta};

    *sums = (lt_loss_sums){.weight = rows};
    switch (loss) {
    case LT_LOSS_BCE:
        loss_bce(&call, sums);
        return;
    case LT_LOSS_MSE:
        loss_mse(&call, sums);
        return;
    case LT_LOSS_HUBER:
        loss_huber(&call, huber_delta, sums);
        return;
    case LT_LOSS_MULTINOMIAL:
        loss_multinomial(&call, sums);
        return;
    case LT_LOSS_MASKED_MSE:
        loss_masked(&call, sums);
        return;
    case LT_LOSS_COUNT:
        break;
    }
    LT_ASSERT(false);
}
