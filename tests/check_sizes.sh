#!/bin/bash
# check_sizes: no source over 600 lines, no line over 90 columns (120 in Lua;
# C over 80 is counted and told), no tabs, no trailing blanks, no notes of
# work left over.
# ctest: LABELS source

set -euo pipefail
export LC_ALL=C.UTF-8

# Prints what is wrong below folder $1.
complaints()
{
    local file limit

    cd "$1"
    find src include lua experiments tests cmake \
        \( -name '*.[ch]' -o -name '*.lua' -o -name '*.sh' \
        -o -name '*.cmake' -o -name CMakeLists.txt \) \
        -not -path 'tests/golden/*' -print 2>/dev/null | sort |
        while read -r file; do
            [[ $file == tests/* || $(wc -l <"$file") -le 600 ]] ||
                echo "$file: $(wc -l <"$file") lines, wanted at most 600"
            limit=90
            [[ $file != *.lua ]] || limit=120
            grep -nE "^.{$((limit + 1)),}" "$file" |
                sed "s|^\([0-9]*\):.*|$file:\1: over $limit columns|" || true
            grep -nE "$(printf '\t')|[[:blank:]]\$|$(printf '\r')" "$file" |
                sed "s|^\([0-9]*\):.*|$file:\1: a tab or trailing blank|" ||
                true
            grep -nwE "TO""DO|FIX""ME|X""XX" "$file" |
                sed "s|^|$file:|" || true
        done
}

# It must find each kind.
made_up=$(mktemp -d)
trap 'rm -rf "$made_up"' EXIT
mkdir -p "$made_up/src/base" "$made_up/lua"
refuse()
{
    if [[ -z $(complaints "$made_up") ]]; then
        echo "self-test: passed a file with $1"
        exit 1
    fi
    rm "$made_up"/*/*.* "$made_up"/*/*/*.* 2>/dev/null || true
}
seq 601 >"$made_up/lua/a.lua" && refuse "601 lines"
printf 'x%090d\n' 0 >"$made_up/src/base/a.c" && refuse "91 columns"
printf 'x\ty\n' >"$made_up/src/base/a.c" && refuse "a tab"
printf 'x \n' >"$made_up/src/base/a.h" && refuse "a trailing blank"
printf '/* FIX%s: x */\n' ME >"$made_up/src/base/a.c" && refuse "a note"
printf 'x%0120d\n' 0 >"$made_up/lua/a.lua" && refuse "121 columns of Lua"
seq 600 >"$made_up/lua/a.lua"
printf 'x%089d\n' 0 >"$made_up/src/base/a.c"
if [[ -n $(complaints "$made_up") ]]; then
    echo "self-test: refused what is within the limits"
    exit 1
fi

found=$(complaints "${LATENT_SOURCE:?}")
wide=$(cd "$LATENT_SOURCE" && find src include -name '*.[ch]' \
    -exec cat {} + | grep -cE '^.{81,}' || true)
echo "$wide lines of C over 80 columns"
if [[ -n $found ]]; then
    printf '%s\n' "$found"
    exit 1
fi
