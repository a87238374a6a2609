/* Data sets known by name, and where their files are looked for: `dir` (when
 * not NULL), $LATENT_DATA, ./data, then $XDG_CACHE_HOME/latent (or
 * ~/.cache/latent). In each, the set's own folder and the folder itself are
 * tried, plain and .gz. A missing set is ENOTFOUND with the places tried. */
#ifndef LT_CATALOG_H
#define LT_CATALOG_H

#include <stdbool.h>

#include "latent/base/text.h"
#include "latent/data/dataset.h"

/* Whether the files of a set ("mnist", "faces", "cifar10", or one of ratings)
 * are found; reads none of them. */
bool lt_catalog_has(const char *set, const char *dir);

/* MNIST: 60,000 + 10,000, 1x28x28, labels 0-9. */
lt_status lt_catalog_mnist(const char *dir, lt_data_pair *out, lt_err *err);

/* Olivetti faces: 400 pictures, 1x112x92, labels are people 0-39; split by
 * person: the first `train_people` (1 to 39) train. */
lt_status lt_catalog_faces(const char *dir, int train_people, lt_data_pair *out,
                           lt_err *err);

/* CIFAR-10's binary version: 50,000 + 10,000, 3x32x32, labels 0-9. */
lt_status lt_catalog_cifar10(const char *dir, lt_data_pair *out, lt_err *err);

/* *path = the file of MovieLens' "ml-100k" (u.data), "ml-1m" (ratings.dat),
 * "ml-20m" or "ml-latest-small" (ratings.csv). The files' names say little, so
 * a place itself is tried only when it is called as the set is. */
lt_status lt_catalog_ratings(const char *set, const char *dir, lt_text *path,
                             lt_err *err);

#endif
