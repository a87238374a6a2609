/* What the tests of training share: an observer that remembers, data of low
 * rank, small networks. */
#ifndef LT_TRAIN_FIXTURE_H
#define LT_TRAIN_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "latent/base/mem.h"
#include "latent/base/observer.h"
#include "latent/base/rng.h"
#include "latent/data/dataset.h"
#include "latent/net/net.h"

/* ---- an observer that remembers ---- */

typedef struct memory_event {
    char name[40];
    int64_t step;
    double epoch, value;
} memory_event;

enum { MEMORY_EVENTS = 4000 };

typedef struct memory {
    memory_event events[MEMORY_EVENTS];
    int n;
    int polls;
    int stop_at;    /* poll that answers true; 0: none */
    int told;       /* calls of progress */
    char phase[40]; /* of the last progress */
    int64_t first_allocations, last_allocations; /* seen by polls */
    int allocation_changes;
} memory;

static inline lt_status memory_metric(void *self, const char *name,
                                      int64_t step, double epoch, double value,
                                      lt_err *err)
{
    memory *m = self;
    memory_event *e = &m->events[m->n++];

    (void)err;
    assert_true(m->n < MEMORY_EVENTS);
    snprintf(e->name, sizeof e->name, "%s", name);
    e->step = step;
    e->epoch = epoch;
    e->value = value;
    return LT_OK;
}

static inline void memory_progress(void *self, const lt_progress *p)
{
    memory *m = self;

    m->told++;
    assert_true(p->done >= 0 && p->done <= 1);
    snprintf(m->phase, sizeof m->phase, "%s", p->phase);
}

static inline bool memory_stop(void *self)
{
    memory *m = self;
    int64_t now = lt_mem_allocations();

    if (m->polls++ == 0)
        m->first_allocations = now;
    else if (now != m->last_allocations)
        m->allocation_changes++;
    m->last_allocations = now;
    return m->polls == m->stop_at;
}

static inline lt_observer memory_observer(memory *m)
{
    memset(m, 0, sizeof *m);
    return (lt_observer){m, memory_metric, memory_progress, memory_stop};
}

/* The `nth` (from 0) event called `name`, or NULL. */
static inline const memory_event *memory_find(const memory *m, const char *name,
                                              int nth)
{
    for (int i = 0; i < m->n; i++)
        if (strcmp(m->events[i].name, name) == 0 && nth-- == 0)
            return &m->events[i];
    return NULL;
}

static inline int memory_count(const memory *m, const char *name)
{
    int n = 0;

    for (int i = 0; i < m->n; i++)
        n += strcmp(m->events[i].name, name) == 0;
    return n;
}

/* ---- data ---- */

/* n examples of `width` numbers near a plane of `rank` dimensions, whose
 * spread falls from 1 by halves, plus noise and an offset. */
static inline lt_dataset *plane_make(int n, int width, int rank, double noise,
                                     uint64_t seed)
{
    float *values = lt_mem_zero((size_t)n * (size_t)width, sizeof *values);
    double basis[8][64];
    lt_dataset *d = NULL;
    lt_rng rng;

    assert_true(rank <= 8 && width <= 64 && values);
    lt_rng_init(&rng, 77, "basis");
    for (int k = 0; k < rank; k++)
        for (int j = 0; j < width; j++)
            basis[k][j] = lt_rng_normal(&rng) / sqrt(width);
    lt_rng_init(&rng, seed, "plane");
    for (int i = 0; i < n; i++) {
        float *x = values + (size_t)i * (size_t)width;
        double spread = 1;

        for (int j = 0; j < width; j++)
            x[j] = (float)(0.1 * (j % 5) + noise * lt_rng_normal(&rng));
        for (int k = 0; k < rank; k++, spread *= 0.7) {
            double c = spread * lt_rng_normal(&rng);

            for (int j = 0; j < width; j++)
                x[j] += (float)(c * basis[k][j]);
        }
    }
    assert_int_equal(lt_dataset_new_take(LT_ELEM_F32, n, lt_shape_flat(width),
                                         values, NULL, &d, NULL),
                     LT_OK);
    return d;
}

/* n examples of `width` bytes, each one of four fixed patterns with a tenth
 * of its bits turned over; labels say which. */
static inline lt_dataset *patterns_make(int n, int width, uint64_t seed)
{
    uint8_t *values = lt_mem_alloc((size_t)n, (size_t)width);
    uint8_t *labels = lt_mem_alloc((size_t)n, 1);
    lt_dataset *d = NULL;
    lt_rng rng;

    lt_rng_init(&rng, seed, "patterns");
    for (int i = 0; i < n; i++) {
        labels[i] = (uint8_t)lt_rng_below(&rng, 4);
        for (int j = 0; j < width; j++) {
            bool on = (j * (labels[i] + 2) / 5 + labels[i]) % 2;
            bool flips = lt_rng_below(&rng, 10) == 0;

            values[(size_t)i * (size_t)width + (size_t)j] =
                on != flips ? 255 : 0;
        }
    }
    assert_int_equal(lt_dataset_new_take(LT_ELEM_U8, n, lt_shape_flat(width),
                                         values, labels, &d, NULL),
                     LT_OK);
    return d;
}

/* ---- networks ---- */

/* width - units[0] - ... - units[n-1] and back; hidden layers `act`, the code
 * `code_act`. */
typedef struct net_plan {
    int width;
    int units[4];
    int n;
    lt_act act, code_act, output;
    lt_tie tie;
    lt_refresh refresh;
    uint64_t seed;
    bool is_sparse;
} net_plan;

static inline lt_net *net_make(const net_plan *p)
{
    lt_layer_spec layers[4];
    lt_net_spec spec = {.input = lt_shape_flat(p->width),
                        .encoder = layers,
                        .n_encoder = p->n,
                        .output = p->output,
                        .tie = p->tie,
                        .refresh = p->refresh,
                        .init = {LT_INIT_GLOROT, 0},
                        .seed = p->seed,
                        .is_sparse = p->is_sparse};
    lt_net *net = NULL;
    lt_err err = {0};

    for (int i = 0; i < p->n; i++)
        layers[i] = (lt_layer_spec){"dense", p->units[i],
                                    i == p->n - 1 ? p->code_act : p->act};
    if (lt_net_new(&spec, &net, &err) != LT_OK)
        fail_msg("%s", err.text);
    return net;
}

static inline void params_assert_equal(lt_net *a, lt_net *b)
{
    assert_int_equal(lt_net_n_params(a), lt_net_n_params(b));
    assert_memory_equal(lt_net_params(a), lt_net_params(b),
                        lt_net_n_params(a) * sizeof(lt_real));
}

#endif
