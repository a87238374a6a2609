/* Small networks for the tests of net and opt. */
#ifndef LT_NET_FIXTURE_H
#define LT_NET_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "latent/base/rng.h"
#include "latent/net/loss.h"

/* A d-h-k network with its mirror; both encoder layers have `act`. */
typedef struct fixture_spec {
    int d, h, k;
    lt_act act, output;
    lt_tie tie;
    uint64_t seed;
} fixture_spec;

__attribute__((unused)) static lt_net *fixture_make(fixture_spec f,
                                                    bool is_sparse)
{
    const lt_layer_spec encoder[] = {{"dense", f.h, f.act},
                                     {"dense", f.k, f.act}};
    const lt_net_spec spec = {.input = lt_shape_flat(f.d),
                              .encoder = encoder,
                              .n_encoder = 2,
                              .output = f.output,
                              .tie = f.tie,
                              .seed = f.seed,
                              .is_sparse = is_sparse};
    lt_net *net = NULL;
    lt_err err = {0};

    if (lt_net_new(&spec, &net, &err) != LT_OK)
        fail_msg("%s", err.text);
    return net;
}

__attribute__((unused)) static lt_net *fixture_net(fixture_spec f)
{
    return fixture_make(f, false);
}

__attribute__((unused)) static lt_net *fixture_sparse_net(fixture_spec f)
{
    return fixture_make(f, true);
}

/* Every parameter, biases too, becomes sd N(0,1); then ties are restored. */
__attribute__((unused)) static void fixture_shake(lt_net *net, double sd,
                                                  uint64_t seed)
{
    lt_real *w = lt_net_params(net);
    lt_rng rng;

    lt_rng_init(&rng, seed, "test");
    for (size_t i = 0; i < lt_net_n_params(net); i++)
        w[i] = (lt_real)(sd * lt_rng_normal(&rng));
    assert_int_equal(lt_net_retie(net, NULL), LT_OK);
}

/* Values in (0,1). */
__attribute__((unused)) static void fixture_batch(size_t n, lt_real *x,
                                                  uint64_t seed)
{
    lt_rng rng;

    lt_rng_init(&rng, seed, "batch");
    for (size_t i = 0; i < n; i++)
        x[i] = (lt_real)(0.05 + 0.9 * lt_rng_uniform(&rng));
}

__attribute__((unused)) static lt_tape *
fixture_tape(lt_net *net, int batch, bool with_gradient, lt_pool *pool)
{
    lt_tape *tape = NULL;

    assert_int_equal(lt_tape_new(net, batch, with_gradient, pool, &tape, NULL),
                     LT_OK);
    return tape;
}

/* Mean loss of the tape's input as its own target; with gradients if asked. */
__attribute__((unused)) static double fixture_loss(lt_net *net, lt_tape *tape,
                                                   int rows, lt_loss loss,
                                                   bool with_gradient)
{
    bool logits = lt_loss_wants_logits(loss, net);
    const lt_real *x = lt_tape_input(tape);
    const lt_real *y =
        lt_net_forward(net, tape, x, rows, 0, lt_net_n_layers(net), logits);
    lt_loss_sums sums;

    lt_loss_compute(loss, 1, net, NULL, rows, y, x,
                    with_gradient ? lt_tape_delta(tape) : NULL, &sums);
    if (with_gradient)
        lt_net_backward(net, tape, rows, logits);
    return sums.loss / rows;
}

/* |a - b| / (|a| + |b|), 0 when both are 0. */
__attribute__((unused)) static double
fixture_difference(size_t n, const lt_real *a, const lt_real *b)
{
    double difference = 0, size = 0;

    for (size_t i = 0; i < n; i++) {
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += (double)a[i] * a[i] + (double)b[i] * b[i];
    }
    return size > 0 ? sqrt(difference / size) : 0;
}

#endif
