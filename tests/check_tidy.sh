#!/bin/bash
# check_tidy: clang-tidy, with the checks of .clang-tidy, over every source of
# the rooms; a function of over 60 lines is an error there. The path-sensitive
# checks take 20 times as long as all others: check_analyzer runs those.
# ctest: LABELS source

set -euo pipefail
cd "${LATENT_SOURCE:?}"

if ! command -v clang-tidy >/dev/null; then
    echo "clang-tidy is not installed: skipped"
    exit 77
fi

# One set of flags for all: the build's own list names engine files twice.
made_up=$(mktemp -d)
trap 'rm -rf "$made_up"' EXIT
{
    pkg-config --cflags openblas lua5.4 sqlite3 jansson nettle zlib libpng |
        tr ' ' '\n' | sed 's/^-I/-isystem/; /^$/d'
    printf '%s\n' -std=c11 -D_GNU_SOURCE "-I$PWD/include" "-I$PWD/src" \
        '-DLATENT_VERSION="0"' '-DLATENT_BUILD_TYPE="none"' -DLT_ISA=baseline
} >"$made_up/compile_flags.txt"

# tidy FILE...: standard error holds nothing but counts.
tidy()
{
    clang-tidy --quiet -p "$made_up" \
        --checks="${LATENT_TIDY_CHECKS--clang-analyzer-*}" "$@" 2>/dev/null
}
export -f tidy
export made_up

# It must refuse a function that is too long.
cp .clang-tidy "$made_up"
{
    printf 'int f(int x);\nint f(int x)\n{\n'
    for _ in {1..61}; do echo 'x++;'; done
    printf 'return x;\n}\n'
} >"$made_up/long.c"
if tidy "$made_up/long.c" >"$made_up/out" ||
    ! grep -q 'readability-function-size' "$made_up/out"; then
    echo "self-test: clang-tidy accepted a function of 63 lines"
    exit 1
fi

find src -name '*.c' -print0 | sort -z |
    xargs -0 -P "$(nproc)" -n 3 bash -c 'tidy "$@"' bash
