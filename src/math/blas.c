/* Does OpenBLAS run the kernels that this processor deserves?
 *
 * OpenBLAS knows processors by family and model. One that is newer than the
 * library, or that a virtual machine renamed, gets a kernel for something far
 * older: "Prescott" on an AVX-512 machine, five times slower. The instruction
 * sets that CPUID reports say better what would run, so they are compared with
 * the core that the library chose. The choice is made when the library loads,
 * from OPENBLAS_CORETYPE; to correct it the program sets the variable and
 * executes itself again. */
#include "latent/math/blas.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define CORE_VARIABLE "OPENBLAS_CORETYPE"
#define MARK_VARIABLE "LATENT_BLAS_CORRECTED"

/* Cores by the widest vectors of their matrix kernels. */
static const struct {
    const char *name;
    int rank;
} cores[] = {
    {"SapphireRapids", 3}, {"Cooperlake", 3}, {"SkylakeX", 3}, {"Zen", 2},
    {"Haswell", 2},
};

static int core_rank(const char *name)
{
    for (size_t i = 0; i < sizeof cores / sizeof cores[0]; i++)
        if (strcasecmp(cores[i].name, name) == 0)
            return cores[i].rank;
    return 1;
}

#if defined(__x86_64__)

static const char *core_wanted(void)
{
    if (__builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq"))
        return "SKYLAKEX";
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return "";
    return __builtin_cpu_is("amd") ? "ZEN" : "HASWELL";
}

#else

static const char *core_wanted(void)
{
    return "";
}

#endif

void lt_blas_describe(lt_blas_info *out)
{
    const char *set = getenv(CORE_VARIABLE);

    memset(out, 0, sizeof *out);
    snprintf(out->library, sizeof out->library, "%s", openblas_get_config());
    snprintf(out->core, sizeof out->core, "%s", openblas_get_corename());
    snprintf(out->wanted, sizeof out->wanted, "%s", core_wanted());
    out->user_set = set && *set && !getenv(MARK_VARIABLE);
    out->is_right =
        !*out->wanted || core_rank(out->core) >= core_rank(out->wanted);
}

void lt_blas_threads(int n)
{
    openblas_set_num_threads(n);
}

/* By its own name, so that the process list shows "latent" and not "exe". */
static void program_execute(char **argv)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

    if (n > 0) {
        path[n] = '\0';
        execv(path, argv);
    }
    execv("/proc/self/exe", argv);
}

void lt_blas_correct(char **argv)
{
    lt_blas_info info;

    /* For the workers that this program starts: a library that loads with
     * one thread starts no idle ones that spin. */
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    lt_blas_describe(&info);
    if (!info.is_right && !info.user_set && !getenv(MARK_VARIABLE) &&
        setenv(CORE_VARIABLE, info.wanted, 1) == 0 &&
        setenv(MARK_VARIABLE, info.wanted, 1) == 0)
        program_execute(argv);
    openblas_set_num_threads(1);
}
