/* Networks in safetensors files, which Python opens with
 * safetensors.numpy.load_file: tensors "encoder.0.weight" (H,D),
 * "encoder.0.bias" (H), "decoder.0.weight", ...; a tied decoder has biases
 * only. The metadata hold "format", "latent.network" (lt_net_to_json) and what
 * the caller adds: a run's configuration, say. */
#ifndef LT_CHECKPOINT_H
#define LT_CHECKPOINT_H

#include "latent/net/net.h"

/* Atomic: see lt_path_write. Data are little-endian F32 (F64 when lt_real is
 * double). `notes` is NULL or a JSON object of strings that are put into the
 * metadata; a note cannot replace the two names above. */
lt_status lt_checkpoint_save(const lt_net *net, const char *path,
                             const json_t *notes, lt_err *err);

/* A file that lies about its sizes is refused before anything is allocated:
 * EFORMAT with path, what was found and what was wanted. F32 and F64 are both
 * read. */
lt_status lt_checkpoint_load(const char *path, lt_net **out, lt_err *err);

#endif
