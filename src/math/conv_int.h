/* How a pass of a convolution is cut and laid out; shared by conv_plan.c,
 * conv.c and conv_weights.c. See conv.c for the idea. A "vector" is `lanes`
 * reals, one of each picture of a block. */
#ifndef LT_CONV_INT_H
#define LT_CONV_INT_H

#include <stdatomic.h>

#include "latent/math/conv.h"
#include "math/kernels.h"

typedef enum lt__conv_kind {
    LT__CONV_FORWARD,
    LT__CONV_ADJOINT,
    LT__CONV_WEIGHTS, /* cut as forward, but all outputs are held at once */
} lt__conv_kind;

/* Along one axis, output p = f + classes j reads, for each tap of class f, the
 * input base + j step. Forward there is one class, and step is the stride;
 * for the adjoint, outputs fall into classes by their remainder by the stride,
 * each with taps of its own, and step is 1. */
typedef struct lt__conv_axis {
    int n_in, n_out, n_taps, classes, step;
    int64_t low, high; /* inputs read with j = 0 are in [low, high] */
} lt__conv_axis;

/* The outputs of one remainder in both axes. */
typedef struct lt__conv_class {
    int y, x; /* the remainders */
    int32_t first_tap, n_taps;
    int32_t first_pixel; /* in the lists of a full unit */
    int cols;
} lt__conv_class;

typedef struct lt__conv_plan {
    const lt_conv *c;
    const lt__kernels *k;
    lt__conv_kind kind;
    int rows;        /* pictures */
    int n_in, n_out; /* channels */
    lt__conv_axis y, x;
    int blocks; /* of `lanes` pictures */
    /* A unit is `group` blocks and a band of output rows; bands of more than
     * one have group 1. */
    int group, band, bands, units;
    int run; /* planes that lane_in takes in at once */
    /* A unit's input: for each block and channel a plane of height rows of
     * width vectors, in which the picture's own row 0 (of the first band) and
     * column 0 are at (top, left). */
    int64_t height, width, top, left;
    int64_t plane, in_size, out_size; /* vectors */
    int64_t n_taps, n_weights;        /* of all classes */
    int64_t n_pixels;                 /* of a unit */
    int64_t n_in_at, n_out_at;
} lt__conv_plan;

/* Tables of a pass, in the caller's workspace. */
typedef struct lt__conv_tables {
    lt__conv_class *classes;
    int32_t *taps;           /* (n_taps): where a tap finds its input */
    int32_t *sources;        /* (n_taps): where its weight for output 0 is */
    int32_t *from, *to;      /* (n_pixels), class by class */
    int32_t *in_at, *out_at; /* for lane_in and lane_out */
    lt_real *weights;        /* (n_weights): packed, tile by tile */
    lt_real *zeros;          /* for want of a bias */
    lt_real *slots;          /* what threads work in */
} lt__conv_tables;

typedef struct lt__conv_unit {
    int block, n_blocks;
    int row, n_rows;
} lt__conv_unit;

/* Whoever works on a piece has one of the slots, the lowest that is free: the
 * one thread that there is at least uses one only, which stays in its cache. */
enum { LT__CONV_SLOTS = 16 };
typedef struct lt__conv_slots {
    atomic_uint taken; /* bits */
    lt_real *first;
    size_t size;
} lt__conv_slots;
int lt__conv_slot_take(lt__conv_slots *s);
void lt__conv_slot_give(lt__conv_slots *s, int slot);

lt__conv_plan lt__conv_plan_make(const lt_conv *c, int rows,
                                 lt__conv_kind kind);
size_t lt__conv_slot_size(const lt__conv_plan *p); /* reals */

/* Where the tables are in `work`, with `slots` slots; returns the reals. With
 * `work` NULL only counts. */
size_t lt__conv_layout(const lt__conv_plan *p, int slots, lt_real *work,
                       lt__conv_tables *out);

/* Fills all tables but the weights. */
void lt__conv_fill(const lt__conv_plan *p, lt__conv_tables *t);

/* The largest tile for `left` outputs. */
int lt__conv_tile(const lt__conv_plan *p, int left);

lt__conv_unit lt__conv_unit_of(const lt__conv_plan *p, int index);
int lt__conv_pictures(const lt__conv_plan *p, int block);

/* The unit's pictures from x, with zeros around, into `in`. */
void lt__conv_take(const lt__conv_plan *p, const lt__conv_tables *t,
                   const lt__conv_unit *u, const lt_real *x, lt_real *in);

/* Workspace of lt_conv_weights. */
size_t lt__conv_weights_size(const lt_conv *c, int rows);

#endif
