#!/bin/bash
# usage: tests/valgrind.sh [BUILD [SECONDS]]
# The test programs that take at most SECONDS (0.3), under Valgrind: what the
# sanitizers cannot see, the values that are used before they are set, and the
# insides of SQLite, zlib and Lua. Run the build's tests before: ctest's own
# notes say how long each takes. Valgrind knows no AVX-512, so both our kernels
# and OpenBLAS's are those for AVX2 here. It has no denormals that are flushed
# (test_pool) and long doubles of 64 bits only (grad_vec, grad_vec_loss): their
# tests fail there with no word of Valgrind's, and are left out.
set -uo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
build=$(cd -- "${1:-$root/build/release}" && pwd) || exit 2
longest=${2:-0.3}
beyond=" test_pool grad_vec grad_vec_loss "
costs=$build/Testing/Temporary/CTestCostData.txt
[[ -e $costs ]] || { echo "$build: run its tests first" >&2; exit 2; }
command -v valgrind >/dev/null || { echo "no valgrind here" >&2; exit 2; }
export OPENBLAS_CORETYPE=HASWELL OPENBLAS_NUM_THREADS=1 NO_COLOR=1
export LATENT=$build/latent LATENT_SOURCE=$root LATENT_BUILD=$build
unset LATENT_DB
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run=0 bad=0
cd "$build/tests" || exit 2
while read -r name; do
    [[ -x ./$name && $beyond != *" $name "* ]] || continue
    run=$((run + 1))
    # Children end by _exit and by signals on purpose: only the test itself
    timeout 1200 valgrind -q --error-exitcode=99 --leak-check=full \
        --errors-for-leak-kinds=definite --show-leak-kinds=definite \
        --child-silent-after-fork=yes --trace-children=no \
        --suppressions="$root/tests/valgrind.supp" "./$name" >"$log" 2>&1
    status=$?
    if ((status == 0 || status == 77)); then
        printf 'ok    %s\n' "$name"
    else
        bad=$((bad + 1))
        printf 'BAD   %s (status %d)\n' "$name" "$status"
        grep -E '^==|FAILED|ERROR' "$log" | head -n 40
    fi
done < <(awk -v most="$longest" \
    '$1 ~ /^(test|grad)_/ && $3 <= most { print $1 }' "$costs")
echo "$run programs under Valgrind, $bad with findings"
((run > 0 && bad == 0))
