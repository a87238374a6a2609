#!/bin/bash
# check_bootstrap: how ./bootstrap finds and installs packages, with made-up
# apt-get, apt-cache, dpkg-query, sudo, id, cmake and clang, so that nothing
# is installed or built here.
# ctest: LABELS source

set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/a folder" "$work/bin"
cp "${LATENT_SOURCE:?}/bootstrap" "$work/a folder"
export STUB_LOG=$work/log STUB_HAVE=$work/have

# The world that bootstrap sees: these tools, and the stubs below.
for tool in bash env dirname basename cat sed grep head tail sort rm mktemp nproc \
    tee; do
    path=$(command -v "$tool" || true)
    [[ $path != /* ]] || ln -s "$path" "$work/bin/$tool"
done

# stub NAME LINE...: a script that logs its call, then does the lines.
stub()
{
    # shellcheck disable=SC2016
    printf '%s\n' '#!/bin/bash' 'echo "${0##*/} $*" >>"$STUB_LOG"' "${@:2}" \
        >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}

# shellcheck disable=SC2016  # the dollars are the stubs' own
fresh_world()
{
    : >"$STUB_LOG"
    : >"$STUB_HAVE"
    stub dpkg-query 'name=${!#}' 'grep -qxF -- "$name" "$STUB_HAVE" || exit 1' \
        'printf "install ok installed"'
    stub apt-get 'for a; do case $a in -*|update|install|*=*) ;;' \
        '*) echo "$a" >>"$STUB_HAVE";; esac; done' \
        'echo "$DEBIAN_FRONTEND" >>"$STUB_LOG.frontend"'
    stub apt-cache 'case $1 in' \
        'depends) echo "  Depends: clang-19" ;; policy) echo "$2:" ;; esac'
    stub clang 'grep -q libclang-rt-19-dev "$STUB_HAVE"'
    stub id 'echo 0'
    stub cmake '[[ $1 != --version ]] || echo "cmake version 3.31.6"'
    stub ctest 'echo "100% tests passed, 0 tests failed out of 7"'
    rm -f "$work/bin/sudo"
    mkdir -p "$work/a folder/build/release" "$work/a folder/build/asan"
}

status=0
run()
{
    status=0
    (cd / && PATH=$work/bin "$work/bin/bash" "$work/a folder/bootstrap" \
        "$@" >"$work/out" 2>"$work/err") || status=$?
}

fail()
{
    echo "check_bootstrap: $1"
    for file in log out err; do sed "s/^/  $file: /" "$work/$file"; done
    exit 1
}

calls()
{
    grep -c "^$1" "$STUB_LOG" || true
}

# A bare machine, as root: one update, one install with all, then a build.
fresh_world
run build
[[ $status == 0 ]] || fail "build: status $status"
[[ $(calls "apt-get.*update") == 1 ]] || fail "wanted one apt-get update"
for name in gcc cmake ninja-build libopenblas-dev liblua5.4-dev \
    libcmocka-dev gnuplot-nox; do
    grep -q "^apt-get.* install .*$name" "$STUB_LOG" ||
        fail "$name: not installed"
done
[[ $(sort -u "$STUB_LOG.frontend") == noninteractive ]] ||
    fail "apt-get may ask questions"
grep -q "^cmake --build --preset release" "$STUB_LOG" || fail "not built"

# Again: nothing to install.
: >"$STUB_LOG"
run build
[[ $(calls apt-get) == 0 ]] || fail "apt-get called with nothing missing"

# Another gnuplot will do.
sed -i 's/^gnuplot-nox$/gnuplot-qt/' "$STUB_HAVE"
run build
[[ $(calls apt-get) == 0 ]] || fail "gnuplot-qt: not good enough"

# Only what is missing.
sed -i '/^zlib1g-dev$/d' "$STUB_HAVE"
: >"$STUB_LOG"
run build
grep "^apt-get.* install" "$STUB_LOG" | grep -q "zlib1g-dev$" ||
    fail "wanted zlib1g-dev alone"

# The tests want clang and, of its version, the sanitizers.
: >"$STUB_LOG"
run test
[[ $status == 0 ]] || fail "test: status $status"
grep -q "^apt-get.* install.*clang-tidy" "$STUB_LOG" || fail "no clang-tidy"
grep -q "^apt-get.* install.*libclang-rt-19-dev" "$STUB_LOG" ||
    fail "no sanitizers"
[[ $(tail -n 1 "$work/out") == *"100% tests passed"* ]] ||
    fail "does not end with the tests' summary"

# A failing test preset fails the whole, and the other still runs.
stub ctest 'echo "86% tests passed, 1 tests failed out of 7"' \
    '[[ $* != *release* ]]'
: >"$STUB_LOG"
run test
[[ $status != 0 ]] || fail "a failed test went unnoticed"
[[ $(calls "ctest --preset") == 2 ]] || fail "wanted both presets run"

# Not root: with sudo.
fresh_world
stub id 'echo 1000'
# shellcheck disable=SC2016
stub sudo 'exec "$@"'
run build
[[ $status == 0 && $(calls "sudo env.*apt-get") -ge 2 ]] || fail "no sudo"

# Not root, no sudo; and no apt: a list, and nothing is tried.
for missing in sudo apt-get; do
    fresh_world
    [[ $missing == apt-get ]] || stub id 'echo 1000'
    rm -f "$work/bin/$missing"
    run build
    [[ $status == 1 ]] || fail "no $missing: status $status"
    grep -qx '  libsqlite3-dev' "$work/err" || fail "no $missing: no list"
    [[ $(calls cmake) == 0 ]] || fail "no $missing: went on"
done

# A CMake too old for the presets.
fresh_world
# shellcheck disable=SC2016
stub cmake '[[ $1 != --version ]] || echo "cmake version 3.22.1"'
run build
[[ $status == 1 ]] || fail "CMake 3.22 accepted"
grep -q 'found CMake 3.22.1, wanted 3.25' "$work/err" || fail "no reason"

# Usage.
run nonsense
[[ $status == 2 ]] || fail "nonsense: status $status"
run help
[[ $status == 0 ]] || fail "help: status $status"
