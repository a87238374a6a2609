/* Which kernels this processor can run.
 *
 * The tables are compiled into the program for every set; the choice is asked
 * of the processor at each call (a load and a mask), so there is nothing to
 * initialise and no global state. The features tested are exactly those that
 * cmake/kernels.cmake compiles with. */
#include "math/kernels.h"

extern const lt__kernels lt__kernels_baseline;

#ifdef LT_HAS_X86_SETS

extern const lt__kernels lt__kernels_avx2;
extern const lt__kernels lt__kernels_avx512;

static bool isa_has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool isa_has_avx512(void)
{
    return isa_has_avx2() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq");
}

const lt__kernels *lt__kernels_best(void)
{
    if (isa_has_avx512())
        return &lt__kernels_avx512;
    return isa_has_avx2() ? &lt__kernels_avx2 : &lt__kernels_baseline;
}

int lt__kernels_usable(const lt__kernels *out[3])
{
    int n = 0;

    if (isa_has_avx512())
        out[n++] = &lt__kernels_avx512;
    if (isa_has_avx2())
        out[n++] = &lt__kernels_avx2;
    out[n++] = &lt__kernels_baseline;
    return n;
}

#else

const lt__kernels *lt__kernels_best(void)
{
    return &lt__kernels_baseline;
}

int lt__kernels_usable(const lt__kernels *out[3])
{
    out[0] = &lt__kernels_baseline;
    return 1;
}

#endif
