/* Networks on whole sets, batch by batch. */
#ifndef LT_EVALUATE_H
#define LT_EVALUATE_H

#include "latent/base/observer.h"
#include "latent/data/dataset.h"
#include "latent/net/objective.h"

/* Mean loss and sse over the set, with the loss alone. */
lt_status lt_evaluate(lt_net *net, const lt_dataset *set, lt_loss loss,
                      lt_pool *pool, lt_terms *mean, lt_err *err);

/* All terms of the objective. A variational network's code is drawn once an
 * example, from stream "evaluate" of the seed: an estimate of the bound that
 * is the same at every call. */
lt_status lt_evaluate_terms(lt_net *net, const lt_dataset *set,
                            const lt_objective *objective, uint64_t seed,
                            lt_pool *pool, lt_terms *mean, lt_err *err);

/* Layers [first, last) on the set; *out (n, outputs) is a new float set with
 * the same labels, of the last layer's shape. Encoding is [0, n_encoder),
 * decoding [n_encoder, n_layers), reconstruction all. EINVAL when the part
 * needs what an earlier layer kept (lt_net_check_part). */
lt_status lt_evaluate_map(lt_net *net, const lt_dataset *set, int first,
                          int last, lt_pool *pool, lt_dataset **out,
                          lt_err *err);

#endif
