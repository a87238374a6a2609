#!/bin/bash
# check_headers: every public header compiles alone, and twice, under the
# compiler of this build, and its guard is made of its name.

set -euo pipefail
cd "${LATENT_SOURCE:?}"

compiler=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' \
    "${LATENT_BUILD:?}/CMakeCache.txt")
read -ra flags < <(pkg-config --cflags jansson)
flags+=(-std=c11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror
    -fsyntax-only "-I$PWD/include" -x c -)

# compiles HEADER FLAG...: included twice, by a file with nothing else.
compiles()
{
    printf '#include "%s"\n#include "%s"\nextern int x;\n' "$1" "$1" |
        "$compiler" "${@:2}"
}

# It must refuse a header that leans on another.
made_up=$(mktemp -d)
trap 'rm -rf "$made_up"' EXIT
printf '#ifndef A_H\n#define A_H\nsize_t f(void);\n#endif\n' >"$made_up/a.h"
if compiles "$made_up/a.h" "${flags[@]}" 2>/dev/null; then
    echo "self-test: accepted a header that needs <stddef.h>"
    exit 1
fi

status=0
for header in include/latent/*/*.h; do
    name=$(basename "$header" .h)
    if ! compiles "${header#include/}" "${flags[@]}"; then
        echo "$header: does not compile alone"
        status=1
    fi
    if ! grep -qx "#ifndef LT_${name^^}_H" "$header"; then
        echo "$header: found no guard LT_${name^^}_H"
        status=1
    fi
done
exit $status
