/* A small deep network and the options to pre-train it. */
#ifndef LT_PRETRAIN_FIXTURE_H
#define LT_PRETRAIN_FIXTURE_H

#include "train_fixture.h"

#include "latent/train/pretrain.h"

enum { N = 130, D = 24, BATCH = 20, H1 = 16, H2 = 5 };

static inline lt_net *deep_net(lt_tie tie)
{
    net_plan p = {.width = D,
                  .units = {H1, H2},
                  .n = 2,
                  .act = LT_ACT_SIGMOID,
                  .code_act = LT_ACT_LINEAR,
                  .output = LT_ACT_SIGMOID,
                  .tie = tie,
                  .refresh = LT_REFRESH_STEP,
                  .seed = 3};

    return net_make(&p);
}

static inline lt_pretrain_opts opts_make(lt_pretrain_method method,
                                         const lt_dataset *train)
{
    lt_pretrain_opts o = lt_pretrain_defaults(method);

    o.train = train;
    o.epochs = 7;
    o.batch = BATCH;
    o.seed = 9;
    return o;
}

static inline void pretrain_ok(lt_net *net, const lt_pretrain_opts *o)
{
    lt_err err = {0};

    if (lt_pretrain(net, o, &err) != LT_OK)
        fail_msg("%s", err.text);
}

static inline const lt_real *weight_of(lt_net *net, int layer)
{
    return lt_net_params(net) + lt_net_layer(net, layer)->weight;
}

static inline const lt_real *bias_of(lt_net *net, int layer)
{
    return lt_net_params(net) + lt_net_layer(net, layer)->bias;
}

#endif
