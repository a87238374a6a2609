/* First-order optimisers on the flat vectors.
 *   sgd   PyTorch's form: g' = g + decay w; u = momentum u + g';
 *         w -= rate u, or rate (g' + momentum u) with nesterov
 *   adam  Kingma and Ba 2015, decay as L2 (added to the gradient)
 * weight_decay acts on weights, not on biases; a tied weight is decayed once.
 * Frozen segments are left untouched, their state too. */
#ifndef LT_OPTIMIZER_H
#define LT_OPTIMIZER_H

#include "latent/base/snapshot.h"
#include "latent/net/sparse_pass.h"

#define LT_OPT_MAP(X)                                                          \
    X(SGD, "sgd")                                                              \
    X(ADAM, "adam")

typedef enum lt_opt_kind {
#define X(name, text) LT_OPT_##name,
    LT_OPT_MAP(X)
#undef X
        LT_OPT_COUNT
} lt_opt_kind;

typedef struct lt_opt_spec {
    lt_opt_kind kind;
    double rate;         /* > 0 */
    double momentum;     /* sgd: [0, 1) */
    bool nesterov;       /* sgd; wants momentum > 0 */
    double beta1, beta2; /* adam: 0.9, 0.999 */
    double epsilon;      /* adam: 1e-8 */
    double weight_decay; /* >= 0 */
} lt_opt_spec;

typedef struct lt_opt lt_opt;

/* The defaults of a kind; rate is 0.01 for sgd and 0.001 for adam. */
lt_opt_spec lt_opt_defaults(lt_opt_kind kind);
lt_status lt_opt_check(const lt_opt_spec *spec, lt_err *err);

/* The network outlives the optimiser. */
lt_status lt_opt_new(const lt_opt_spec *spec, lt_net *net, lt_opt **out,
                     lt_err *err);
void lt_opt_free(lt_opt *opt);

/* One update of the parameters from the gradients; allocates nothing. False
 * when it made one of them other than finite. */
bool lt_opt_step(lt_opt *opt, lt_pool *pool);
int64_t lt_opt_steps(const lt_opt *opt); /* updates made */

/* All that later steps depend on, but the parameters, as blocks "prefix.steps"
 * and so on; those behind stay so. After they were read back from a file,
 * lt_opt_restored: EFORMAT when they cannot be an optimiser's. */
void lt_opt_snapshot(lt_opt *opt, const char *prefix, lt_snapshot *out);
lt_status lt_opt_restored(lt_opt *opt, lt_err *err);

/* ---- sparse networks (sparse_pass.h) ----
 *
 * Rows of tables that no batch has read lately are behind: lt_opt_catch_up
 * brings those that `batch` has columns of to where dense steps, with gradient
 * 0, would have brought them: for sgd up to rounding; for adam with the same
 * operations, but once a row's motion has shrunk to 1e-9 of what it was (1e-18
 * in double) it stops. Time of both calls grows with the batch's columns (adam:
 * times the steps that a row missed, at most some 200 without weight_decay) and
 * the inner layers. */
void lt_opt_catch_up(lt_opt *opt, lt_pool *pool, const lt_sparse_batch *batch);

/* After lt_net_backward_sparse. False as lt_opt_step says. */
bool lt_opt_step_sparse(lt_opt *opt, lt_pool *pool, const lt_tape *tape);

/* All rows catch up: before anything else reads the parameters, or freezes a
 * layer, and before lt_opt_step. Nothing when none is behind. */
void lt_opt_settle(lt_opt *opt, lt_pool *pool);

#endif
