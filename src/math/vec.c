/* Element-wise work cut into pieces; see latent/math/vec.h.
 *
 * Pieces depend on sizes only (pieces.h). Each function packs its arguments,
 * gives the pool a task that finds its own part, and adds partial sums in piece
 * order. The arithmetic is in isa/kernels.c. Losses are in vec_loss.c. */
#include "latent/math/vec.h"

#include "math/kernels.h"
#include "math/pieces.h"

#include <string.h>

#define PIECE_COLS     64
#define MAX_COL_PIECES 32768

/* ---- names ---- */

static const char *const act_names[LT_ACT_COUNT + 1] = {
#define X(name, text) text,
    LT_ACT_MAP(X)
#undef X
        NULL};

const char *lt_act_name(lt_act act)
{
    return act_names[act];
}

int lt_act_find(const char *name)
{
    for (int i = 0; i < LT_ACT_COUNT; i++)
        if (strcmp(act_names[i], name) == 0)
            return i;
    return -1;
}

const char *const *lt_act_names(void)
{
    return act_names;
}

const char *lt_vec_isa(void)
{
    return lt__kernels_best()->name;
}

/* ---- rows and columns ---- */

typedef struct rows_job {
    const lt__kernels *k;
    lt_act act;
    int rows, cols;
    const lt_real *in;
    lt_real beta;
    lt_real *out;
    int spots; /* of channel sums, whose channels are cols */
} rows_job;

static int rows_in_piece(int cols)
{
    size_t rows = PIECE_ELEMENTS / (size_t)cols;

    return rows < 1 ? 1 : (int)rows;
}

static void bias_act_piece(void *arg, int piece)
{
    const rows_job *j = arg;
    int size = rows_in_piece(j->cols), first = piece * size;
    int rows = j->rows - first < size ? j->rows - first : size;

    j->k->bias_act(j->act, rows, j->cols, j->in,
                   j->out + (size_t)first * (size_t)j->cols);
}

/* More than 65535 pieces are more than a pool takes in one job. */
static void rows_run(lt_pool *pool, rows_job *j)
{
    int size = rows_in_piece(j->cols);

    for (int first = 0, n; first < j->rows; first += n) {
        rows_job part = *j;

        n = j->rows - first < 32768 * size ? j->rows - first : 32768 * size;
        part.rows = n;
        part.out = j->out + (size_t)first * (size_t)j->cols;
        lt_pool_run(pool, (n + size - 1) / size, bias_act_piece, &part);
    }
}

void lt_vec_bias_act(lt_pool *pool, lt_act act, int rows, int cols,
                     const lt_real *bias, lt_real *y)
{
    rows_job j = {lt__kernels_best(), act, rows, cols, bias, 0, y};

    if (rows < 1 || cols < 1 || (!bias && act == LT_ACT_LINEAR))
        return;
    rows_run(pool, &j);
}

/* A multiple of PIECE_COLS, such that a pool takes all pieces in one job. */
static int cols_in_piece(int cols)
{
    int strips = (cols - 1) / PIECE_COLS + 1;

    return PIECE_COLS * ((strips - 1) / MAX_COL_PIECES + 1);
}

static void col_sums_piece(void *arg, int piece)
{
    const rows_job *j = arg;
    int size = cols_in_piece(j->cols), first = piece * size;
    int cols = j->cols - first < size ? j->cols - first : size;

    j->k->col_sums(j->rows, cols, j->cols, j->in + first, j->beta,
                   j->out + first);
}

void lt_vec_col_sums(lt_pool *pool, int rows, int cols, const lt_real *x,
                     lt_real beta, lt_real *out)
{
    rows_job j = {lt__kernels_best(), LT_ACT_LINEAR, rows, cols, x, beta, out};
    int pieces = cols > 0 ? (cols - 1) / cols_in_piece(cols) + 1 : 0;

    if ((size_t)rows * (size_t)cols < PIECE_ELEMENTS)
        pool = NULL; /* a sum over a few rows is not worth waking anyone */
    lt_pool_run(pool, pieces, col_sums_piece, &j);
}

/* Channels of one piece of a picture, of some 64 elements of each row. */
static int channels_in_piece(const rows_job *j)
{
    int most = (j->cols - 1) / MAX_COL_PIECES + 1;
    int channels = 64 / j->spots;

    return channels > most ? channels : most;
}

static void channel_sums_piece(void *arg, int piece)
{
    const rows_job *j = arg;
    int size = channels_in_piece(j), first = piece * size;
    size_t width = (size_t)j->cols * (size_t)j->spots;

    for (int c = first; c < first + size && c < j->cols; c++)
        j->out[c] = (lt_real)j->k->channel_sum(
            j->rows, j->spots, width, j->in + (size_t)c * (size_t)j->spots);
}

void lt_vec_channel_sums(lt_pool *pool, int rows, int channels, int spots,
                         const lt_real *x, lt_real *out)
{
    rows_job j = {
        lt__kernels_best(), LT_ACT_LINEAR, rows, channels, x, 0, out, spots};

    if ((size_t)rows * (size_t)channels * (size_t)spots < PIECE_ELEMENTS)
        pool = NULL;
    lt_pool_run(pool, (channels - 1) / channels_in_piece(&j) + 1,
                channel_sums_piece, &j);
}

/* ---- one vector in, one changed ---- */

typedef struct map_job {
    const lt__kernels *k;
    size_t n;
    lt_act act;
    lt_real a, b;
    const lt_real *x;
    lt_real *y;
} map_job;

static void act_grad_piece(void *arg, int piece)
{
    const map_job *j = arg;
    span s = piece_span(j->n, piece);

    j->k->act_grad(j->act, s.n, j->x + s.first, j->y + s.first);
}

void lt_vec_act_grad(lt_pool *pool, lt_act act, size_t n, const lt_real *y,
                     lt_real *dy)
{
    map_job j = {lt__kernels_best(), n, act, 0, 0, y, dy};

    LT_ASSERT(act < LT_ACT_ELEMENTWISE);
    if (act != LT_ACT_LINEAR)
        lt_pool_run(pool, piece_count(n), act_grad_piece, &j);
}

static void axpby_piece(void *arg, int piece)
{
    const map_job *j = arg;
    span s = piece_span(j->n, piece);

    j->k->axpby(s.n, j->a, j->x + s.first, j->b, j->y + s.first);
}

void lt_vec_axpby(lt_pool *pool, size_t n, lt_real a, const lt_real *x,
                  lt_real b, lt_real *y)
{
    map_job j = {lt__kernels_best(), n, LT_ACT_LINEAR, a, b, x, y};

    lt_pool_run(pool, piece_count(n), axpby_piece, &j);
}

/* ---- optimisers ---- */

typedef struct update_job {
    const lt__kernels *k;
    size_t n;
    const lt_adam_step *adam;
    const lt_sgd_step *sgd;
    const lt_real *g;
    lt_real *w, *m, *v;
    int has_bad; /* a piece wrote what is not finite */
} update_job;

static void update_judge(update_job *j, bool is_finite)
{
    if (!is_finite)
        __atomic_store_n(&j->has_bad, 1, __ATOMIC_RELAXED);
}

static bool update_run(lt_pool *pool, lt_pool_task *task, update_job *j)
{
    lt_pool_run(pool, piece_count(j->n), task, j);
    return !j->has_bad;
}

static void adam_piece(void *arg, int piece)
{
    update_job *j = arg;
    span s = piece_span(j->n, piece);

    update_judge(j, j->k->adam(s.n, j->adam, j->g + s.first, j->w + s.first,
                               j->m + s.first, j->v + s.first));
}

bool lt_vec_adam(lt_pool *pool, size_t n, const lt_adam_step *s,
                 const lt_real *g, lt_real *w, lt_real *m, lt_real *v)
{
    update_job j = {lt__kernels_best(), n, s, NULL, g, w, m, v, 0};

    return update_run(pool, adam_piece, &j);
}

static void sgd_piece(void *arg, int piece)
{
    update_job *j = arg;
    span s = piece_span(j->n, piece);

    update_judge(j, j->k->sgd(s.n, j->sgd, j->g + s.first, j->w + s.first,
                              j->m ? j->m + s.first : NULL));
}

bool lt_vec_sgd(lt_pool *pool, size_t n, const lt_sgd_step *s, const lt_real *g,
                lt_real *w, lt_real *u)
{
    update_job j = {lt__kernels_best(), n, NULL, s, g, w, u, NULL, 0};

    LT_ASSERT(u || !(s->momentum > 0));
    return update_run(pool, sgd_piece, &j);
}

static void add_piece(void *arg, int piece)
{
    update_job *j = arg;
    span s = piece_span(j->n, piece);

    update_judge(j, j->k->add(s.n, j->g + s.first, j->w + s.first));
}

bool lt_vec_add(lt_pool *pool, size_t n, const lt_real *x, lt_real *y)
{
    update_job j = {lt__kernels_best(), n, NULL, NULL, x, y, NULL, NULL, 0};

    return update_run(pool, add_piece, &j);
}

/* ---- random ---- */

typedef struct random_job {
    const lt__kernels *k;
    size_t n;
    uint64_t key;
    const lt_real *p;
    lt_real *out;
} random_job;

static void uniform_piece(void *arg, int piece)
{
    const random_job *j = arg;
    span s = piece_span(j->n, piece);

    j->k->uniform(j->key, s.first, s.n, j->out + s.first);
}

static void normal_piece(void *arg, int piece)
{
    const random_job *j = arg;
    span s = piece_span(j->n, piece);

    j->k->normal(j->key, s.first, s.n, j->out + s.first);
}

static void bernoulli_piece(void *arg, int piece)
{
    const random_job *j = arg;
    span s = piece_span(j->n, piece);

    j->k->bernoulli(j->key, s.first, s.n, j->p + s.first, j->out + s.first);
}

static void random_run(lt_pool *pool, lt_rng *rng, size_t n, const lt_real *p,
                       lt_real *out, lt_pool_task *task)
{
    random_job j = {lt__kernels_best(), n, lt_rng_next(rng), p, out};

    lt_pool_run(pool, piece_count(n), task, &j);
}

void lt_vec_uniform(lt_pool *pool, lt_rng *rng, size_t n, lt_real *out)
{
    random_run(pool, rng, n, NULL, out, uniform_piece);
}

void lt_vec_normal(lt_pool *pool, lt_rng *rng, size_t n, lt_real *out)
{
    random_run(pool, rng, n, NULL, out, normal_piece);
}

void lt_vec_bernoulli(lt_pool *pool, lt_rng *rng, size_t n, const lt_real *p,
                      lt_real *out)
{
    random_run(pool, rng, n, p, out, bernoulli_piece);
}

typedef struct mask_job {
    const lt__kernels *k;
    size_t n;
    uint64_t key;
    const lt_mask *mask;
    const lt_real *x;
    lt_real *y;
} mask_job;

static void mask_piece(void *arg, int piece)
{
    const mask_job *j = arg;
    span s = piece_span(j->n, piece);

    j->k->mask(j->key, s.first, s.n, j->mask, j->x + s.first, j->y + s.first);
}

void lt_vec_mask(lt_pool *pool, lt_rng *rng, size_t n, const lt_mask *m,
                 const lt_real *x, lt_real *y)
{
    mask_job j = {lt__kernels_best(), n, lt_rng_next(rng), m, x, y};

    lt_pool_run(pool, piece_count(n), mask_piece, &j);
}

/* ---- without the pool ---- */

void lt_vec_from_bytes(size_t n, const uint8_t *bytes, lt_real scale,
                       lt_real shift, lt_real *out)
{
    lt__kernels_best()->from_bytes(n, bytes, scale, shift, out);
}

bool lt_vec_all_finite(size_t n, const lt_real *x)
{
    return lt__kernels_best()->all_finite(n, x);
}
