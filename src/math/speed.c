/* How fast one core multiplies matrices, and how fast it could; see
 * lt_blas_measure in latent/math/blas.h.
 *
 * Both are the best of many short tries by the processor's own clock of this
 * process, so that neighbours on the machine disturb little. The peak is
 * measured and not computed: the clock rate under vectors, and on some
 * machines the number of units, is nowhere to be read. */
#include "latent/math/blas.h"

#include "latent/base/clock.h"
#include "latent/base/mem.h"
#include "math/kernels.h"

enum { SIDE = 768, BURN_ROUNDS = 200000 };

/* One product of (SIDE,SIDE) matrices a, b into c, laid out one by one. */
static double gemm_try(lt_real *m)
{
    size_t n = (size_t)SIDE * SIDE;
    double began = lt_clock_cpu();

    lt_gemm_bare(LT_NOTRANS, LT_NOTRANS, SIDE, SIDE, SIDE, 1, m, m + n, 0,
                 m + 2 * n);
    return 2.0 * SIDE * SIDE * SIDE / (lt_clock_cpu() - began);
}

static double burn_try(lt_real *out)
{
    double began = lt_clock_cpu();
    double flops = lt__kernels_best()->burn(BURN_ROUNDS, out);

    return flops / (lt_clock_cpu() - began);
}

lt_status lt_blas_measure(double seconds, lt_blas_speed *out, lt_err *err)
{
    size_t n = 3 * (size_t)SIDE * SIDE;
    lt_real *m = lt_mem_aligned(n, sizeof *m);
    double end = lt_clock_elapsed() + seconds;

    *out = (lt_blas_speed){0, 0};
    if (!m)
        return lt_err_mark(err, LT_ENOMEM);
    for (size_t i = 0; i < n; i++)
        m[i] = (lt_real)(i % 7) - 3;
    do {
        double peak = 1e-9 * burn_try(m + n - 1), gemm = 1e-9 * gemm_try(m);

        if (peak > out->peak_gflops)
            out->peak_gflops = peak;
        if (gemm > out->gemm_gflops)
            out->gemm_gflops = gemm;
    } while (lt_clock_elapsed() < end);
    lt_mem_free(m);
    return LT_OK;
}
