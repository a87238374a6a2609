#!/bin/bash
# check_format: every C file of the tree is as clang-format 14 writes it.
# Other versions format otherwise, so with them the check is skipped.
# ctest: LABELS source

set -euo pipefail
cd "${LATENT_SOURCE:?}"

tool=
for name in clang-format-14 clang-format; do
    if command -v "$name" >/dev/null &&
        "$name" --version | grep -q 'version 14\.'; then
        tool=$name
        break
    fi
done
if [[ -z $tool ]]; then
    echo "clang-format 14 is not installed: skipped"
    exit 77
fi

# It must refuse what is badly laid out.
if echo 'int  f( void ){return 0;}' |
    "$tool" --dry-run -Werror --assume-filename="$PWD/src/a.c" 2>/dev/null
then
    echo "self-test: clang-format accepted badly laid out code"
    exit 1
fi
find src include tests cmake \( -name '*.[ch]' -o -name '*.inc' \) -print0 |
    xargs -0r "$tool" --dry-run -Werror
