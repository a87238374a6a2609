#!/bin/bash
# check_arrows: reads every #include of src/ and include/latent/ and fails on
# any arrow between rooms that is not in the table below, on third-party
# headers outside the one room that may see them, and on headers unknown.
# Then it proves on made-up trees that it can fail.
# ctest: LABELS source

set -euo pipefail

# The legal arrows, one room a line. A room may always include itself.
arrows="
cli: bind work store plot base
bind: work train opt net data math store plot base
work: store base
train: opt net data math base
opt: net math base
net: math base
data: math base
math: base
store: base
plot: base
base:
"

# Third-party headers: a pattern (awk), and the only files that may include.
guarded="
^(lua|lualib|lauxlib|luaconf)[.]h\$   ^src/bind/
^sqlite3(ext)?[.]h\$                  ^src/store/
^(cblas|f77blas|lapack|lapacke|openblas_config)[.]h\$  ^src/math/
^jansson[.]h\$                        ^include/latent/base/json[.]h\$
^(zlib|zconf)[.]h\$                   ^src/base/
^nettle/                             ^src/base/
^png(conf|libconf)?[.]h\$             ^src/base/
^curl/                               ^src/base/download[.]c\$
^archive(_entry)?[.]h\$              ^src/base/unpack[.]c\$
"

# The C library, POSIX, Linux, and the compilers' own.
free="
assert complex ctype errno fenv float inttypes iso646 limits locale math
setjmp signal stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib
stdnoreturn string strings tgmath threads time uchar wchar wctype
aio cpio dirent dlfcn fcntl fmtmsg fnmatch ftw getopt glob grp iconv langinfo
libgen link malloc mqueue ndbm netdb nl_types poll pthread pwd regex sched
search semaphore spawn sysexits syslog termios ulimit unistd utime wordexp
cpuid immintrin x86intrin arm_neon
"

# Prints "file: complaint" for every illegal include below folder $1.
complaints()
{
    (cd "$1" && find src include/latent -name '*.[ch]' -print0 -o -name '*.inc' -print0 |
        sort -z | xargs -0r awk -v arrows="$arrows" -v guarded="$guarded" \
            -v free="$free" "$program" /dev/null)
}

# shellcheck disable=SC2016  # awk's dollars, not ours
program='
BEGIN {
    n = split(arrows, lines, "\n")
    for (i = 1; i <= n; i++) {
        if (lines[i] == "") continue
        m = split(lines[i], words, /[: ]+/)
        is_room[words[1]] = 1
        legal[words[1], words[1]] = 1
        for (j = 2; j <= m; j++) legal[words[1], words[j]] = 1
    }
    n_guards = split(guarded, words, /[ \n]+/)
    for (i = 2; i + 1 <= n_guards; i += 2) {
        pattern[i] = words[i]
        owner[i] = words[i + 1]
    }
    n = split(free, words, /[ \n]+/)
    for (i = 1; i <= n; i++) is_free[words[i] ".h"] = 1
}
function room_of(path,    parts, n) {
    n = split(path, parts, "/")
    if (parts[1] == "src" && n >= 3) return parts[2]
    if (parts[1] == "include" && n == 4) return parts[3]
    return "?"
}
function complain(text) { print FILENAME ":" FNR ": " text }
function check_system(name,    i) {
    for (i in pattern)
        if (name ~ pattern[i]) {
            if (FILENAME !~ owner[i])
                complain("<" name "> may be included by " owner[i] " only")
            return
        }
    if (!(name in is_free) && name !~ /^(sys|linux|arpa|netinet)\//)
        complain("<" name "> is not a known header")
}
function check_own(name,    parts, n, to) {
    n = split(name, parts, "/")
    to = parts[1] == "latent" ? parts[2] : parts[1]
    if (parts[1] == "latent" && n == 3 && to in is_room) {
        if (!((from, to) in legal))
            complain("room " from " may not include room " to " (" name ")")
    } else if (n == 1 || (parts[1] == from && name !~ /[.][.]/)) {
        return
    } else
        complain("\"" name "\" is neither latent/ROOM/x.h nor of this room")
}
FNR == 1 {
    from = room_of(FILENAME)
    if (FILENAME != "/dev/null" && !(from in is_room))
        complain("not in a room")
}
/^[ \t]*#[ \t]*include/ {
    line = $0
    sub(/^[ \t]*#[ \t]*include[ \t]*/, "", line)
    name = substr(line, 2)
    sub(/[">].*/, "", name)
    if (line ~ /^</ && name !~ /^latent\//) check_system(name)
    else if (line ~ /^"/ || line ~ /^</) check_own(name)
    else complain("an include that is a macro cannot be checked")
}
'

# ---- The check can fail --------------------------------------------------

made_up=$(mktemp -d)
trap 'rm -rf "$made_up"' EXIT

# put FILE LINE...: a file of the made-up tree.
put()
{
    mkdir -p "$made_up/$(dirname "$1")"
    printf '%s\n' "${@:2}" >"$made_up/$1"
}

clear_tree()
{
    rm -rf "${made_up:?}"/*
    put include/latent/base/json.h '#include <jansson.h>'
    put src/math/blas.c '#include "latent/math/blas.h"' '#include <cblas.h>' \
        '#include "latent/base/mem.h"' '#include <stdio.h>' \
        '#include "math/isa/act.inc"'
    put src/bind/lua_net.c '#include "bind/bind_int.h"' '#include <lua.h>' \
        '#include "bind_int.h"' '#include "latent/train/fit.h"'
    put src/store/db.c '#include <sqlite3.h>' '#include <sys/stat.h>'
    put src/base/gzin.c '#include <zlib.h>' '#include <nettle/sha2.h>'
    put src/cli/main.c '#include "latent/bind/script.h"'
}

clear_tree
if [[ -n $(complaints "$made_up") ]]; then
    echo "self-test: a legal tree was refused:"
    complaints "$made_up"
    exit 1
fi
while read -r file line; do
    clear_tree
    put "$file" "$line"
    if [[ -z $(complaints "$made_up") ]]; then
        echo "self-test: $file passed with: $line"
        exit 1
    fi
done <<'END'
src/base/a.c #include "latent/math/real.h"
src/math/a.c #include "latent/net/net.h"
src/net/a.c #include "latent/opt/optimizer.h"
src/opt/a.c #include "latent/data/dataset.h"
src/data/a.c #include "latent/net/net.h"
src/train/a.c #include "latent/store/store.h"
src/train/a.c   #  include <latent/store/store.h>
src/store/a.c #include "latent/train/fit.h"
src/store/a.c #include "latent/plot/figure.h"
src/plot/a.c #include "latent/store/store.h"
src/work/a.c #include "latent/bind/script.h"
src/cli/a.c #include "latent/train/fit.h"
src/cli/a.c #include "bind/bind_int.h"
src/cli/a.c #include "../bind/bind_int.h"
src/cli/a.c #include "cli/../bind/bind_int.h"
src/math/isa/a.c #include "latent/net/net.h"
src/math/isa/a.inc #include <sqlite3.h>
src/cli/a.c #include <lua.h>
src/train/a.c #include <lauxlib.h>
src/work/a.c #include <sqlite3.h>
src/net/a.c #include <cblas.h>
src/store/a.c #include <jansson.h>
src/base/json.c #include <jansson.h>
src/data/a.c #include <zlib.h>
src/store/a.c #include <nettle/sha2.h>
src/data/a.c #include <png.h>
src/base/a.c #include <curl/curl.h>
src/store/download.c #include <curl/curl.h>
src/base/a.c #include <archive.h>
src/base/a.c #include HEADER
src/attic/a.c int unknown_room;
src/loose.c int no_room;
include/latent/net/net.h #include "latent/train/fit.h"
include/latent/store/store.h #include <sqlite3.h>
END

# ---- The check -----------------------------------------------------------

found=$(complaints "${LATENT_SOURCE:?}")
if [[ -n $found ]]; then
    printf '%s\n' "$found"
    exit 1
fi
