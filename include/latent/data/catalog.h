/* Data sets known by name, and where their files are looked for: `dir` (when
 * not NULL), $LATENT_DATA, ./data, then $XDG_CACHE_HOME/latent (or
 * ~/.cache/latent). In each, the set's own folder and the folder itself are
 * tried, plain and .gz. A missing set is ENOTFOUND with the places tried. */
#ifndef LT_CATALOG_H
#define LT_CATALOG_H

#include <stdbool.h>

#include "latent/data/dataset.h"

/* Whether the files of "mnist", "faces" or "cifar10" are found; reads none of
 * them. */
bool lt_catalog_has(const char *set, const char *dir);

/* MNIST: 60,000 + 10,000, 1x28x28, labels 0-9. */
lt_status lt_catalog_mnist(const char *dir, lt_data_pair *out, lt_err *err);

/* Olivetti faces: 400 pictures, 1x112x92, labels are people 0-39; split by
 * person: the first `train_people` (1 to 39) train. */
lt_status lt_catalog_faces(const char *dir, int train_people, lt_data_pair *out,
                           lt_err *err);

/* CIFAR-10's binary version: 50,000 + 10,000, 3x32x32, labels 0-9. */
lt_status lt_catalog_cifar10(const char *dir, lt_data_pair *out, lt_err *err);

#endif
