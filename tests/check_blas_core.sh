#!/bin/bash
# check_blas_core: a library that picked the wrong kernels is corrected by
# executing the program again, once; and never in circles when that does not
# help. The library's answer is faked by a preloaded function.

set -euo pipefail

grep -qw avx2 /proc/cpuinfo 2>/dev/null || { echo "no AVX2: skipped"; exit 77; }
command -v cc >/dev/null || { echo "no cc: skipped"; exit 77; }
if nm -D "${LATENT:?}" 2>/dev/null | grep '__asan_\|__tsan_' >/dev/null; then
    echo "a sanitizer must be loaded first: skipped"
    exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
unset OPENBLAS_CORETYPE LATENT_BLAS_CORRECTED
counter=$work/loads
export counter

fail()
{
    echo "check_blas_core: $*" >&2
    exit 1
}

# $1: the core that the library names when OPENBLAS_CORETYPE is set.
fake()
{
    cat >fake.c <<END
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
extern char *program_invocation_short_name;
char *openblas_get_corename(void);
__attribute__((constructor)) static void loaded(void)
{
    FILE *f;

    if (strcmp(program_invocation_short_name, "latent") != 0)
        return;
    f = fopen(getenv("counter"), "a");
    fputs("loaded\n", f);
    fclose(f);
}
char *openblas_get_corename(void)
{
    return getenv("OPENBLAS_CORETYPE") ? "$1" : "Prescott";
}
END
    cc -w -D_GNU_SOURCE -shared -fPIC fake.c -o fake.so
    rm -f "$counter"
    LD_PRELOAD=$work/fake.so "$LATENT" doctor --seconds 0.02 >doctor.txt
    loads=$(wc -l <"$counter")
    [ "$loads" = 2 ] || fail "started $loads times, wanted 2"
}

fake SkylakeX
grep -q '^BLAS core  *ok  *SkylakeX$' doctor.txt ||
    fail "not corrected: $(cat doctor.txt)"

fake Prescott
grep -q '^BLAS core  *check  *Prescott$' doctor.txt ||
    fail "nothing said of a core that stays wrong: $(cat doctor.txt)"
