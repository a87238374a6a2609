/* Greedy layer-wise pre-training of an encoder, and where it leaves things:
 * encoder weights = the layer's weights, encoder biases = hidden biases, the
 * mirroring decoder layer's biases = visible biases; then lt_net_retie.
 *
 * rbm          contrastive divergence (rbm.h). Sigmoid layers have binary
 *              hidden units, linear ones Gaussian with the rate_linear; the
 *              first layer's visibles are binary or Gaussian as asked, a
 *              layer above a linear one has Gaussian visibles. Weights start
 *              as init_sd N(0,1), whatever the network's init.
 * autoencoder  each encoder layer with the decoder layer that mirrors it is
 *              trained as a one-layer autoencoder of the layer's inputs, with
 *              the network's tie (unrolled: tied), by Adam, from the
 *              parameters the network has. The loss is cross-entropy when the
 *              decoder layer is sigmoid and its targets are in [0,1] (bytes,
 *              or a sigmoid layer below), else mse. Untied: the decoder's
 *              weights land in the mirroring layer too.
 * denoising    the same, a share `corruption` of the inputs set to 0 at random
 *              (masking noise, Vincent et al. 2010); the target is clean.
 *
 * Interrupted or diverged pre-training keeps the layers that were done, and
 * decoders are retied to them.
 *
 * Dense layers only, and L counts those (with convolutions, which must be
 * frozen): pools, noise, dropout and batch normalisations between them are
 * passed by and have no number; for what comes above them they run as in
 * evaluation, without noise and with their moving averages, which stay as they
 * are. In the same way "a layer below" is the nearest one with an activation.
 *
 * The inputs of layer l are recomputed batch by batch through the layers
 * below, so memory does not grow with the data. Frozen layers are passed by;
 * a frozen decoder layer keeps its biases, and untied its weights. No epochs:
 * nothing happens. Streams of randomness: "pretrain.L.shuffle", ".rbm",
 * ".noise". On an error the network keeps the layers that were done.
 *
 * Pre-training goes on in another process as a fit does (fit.h).
 *
 * Metrics, L counting from 1, at every epoch: pretrain.L.recon (squared
 * reconstruction error, summed over a layer's inputs, mean over examples);
 * for RBMs also pretrain.L.free_energy_gap: with `test`, mean F(test) - mean
 * F(as many training examples): it grows as the RBM overfits (Hinton 2010,
 * section 6); without, mean F(reconstructions) - mean F(data) of the epoch's
 * last batch, and the series is named pretrain.L.free_energy_contrast. */
#ifndef LT_PRETRAIN_H
#define LT_PRETRAIN_H

#include "latent/base/observer.h"
#include "latent/data/dataset.h"
#include "latent/net/net.h"
#include "latent/train/rbm.h"

typedef enum lt_pretrain_method {
    LT_PRETRAIN_RBM,
    LT_PRETRAIN_AUTOENCODER,
    LT_PRETRAIN_DENOISING,
} lt_pretrain_method;

typedef struct lt_pretrain_opts {
    lt_pretrain_method method;
    const lt_dataset *train;
    const lt_dataset *test; /* or NULL; watched, never trained on */
    int epochs;             /* a layer */
    int batch;              /* 100 */
    double rate;            /* rbm 0.1 (Gaussian visibles 0.001); ae 1e-3;
                               0 asks for these */
    double rate_linear;     /* rbm, linear hidden units: 0.001 */
    double momentum;        /* first epochs: 0.5 */
    double final_momentum;  /* then: 0.9 */
    int momentum_switch;    /* epochs with the first: 5 */
    double weight_cost;     /* rbm 0.0002, ae 0 */
    double init_sd;         /* rbm: 0.1 */
    int cd;                 /* 1 */
    lt_unit visible;        /* first layer's visible units */
    double corruption;      /* denoising: 0.25 */
    uint64_t seed;
    lt_pool *pool;
    const lt_observer *observer;
    const lt_saver *saver; /* or NULL */
} lt_pretrain_opts;

lt_pretrain_opts lt_pretrain_defaults(lt_pretrain_method method);

/* EINVAL before anything is trained when a layer cannot be pre-trained so
 * ("encoder layer 2 (relu): RBM pre-training wants sigmoid or linear",
 * "encoder layer 1 (conv): pre-training wants dense layers, or this one
 * frozen"). EFORMAT, before the first step, when saver->from is not this
 * pre-training's. */
lt_status lt_pretrain(lt_net *net, const lt_pretrain_opts *opts, lt_err *err);

#endif
