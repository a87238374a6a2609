#!/bin/bash
# A write call that fails, each in its turn: a sweep of small runs is executed
# with call number N failing once (an I/O error), with all calls from N on
# failing (a broken disk), and with all but those to the runs' side files, which
# have their room (a full disk). After that, nothing that was in the store is damaged, no
# command has crashed, latent verify finds nothing wrong, and latent resume and
# retry bring every run to its end with the metrics of a sweep that nobody
# disturbed. The short form takes every STEPth N from a random one on.
#
# STEP=1 FIRST=1 LAST=9 MODE=full ... repeats a part.
# ctest: TIMEOUT 900
# ctest: PROCESSORS 2
source "$(dirname "$0")/cli_lib.sh"
script=$LATENT_SOURCE/tests/scripts/full_disk.lua
L=$LATENT
faults=$LATENT_BUILD/tests/latent_faults.so
STEP=${STEP:-75}
began=$SECONDS

if grep -q "^LATENT_SANITIZE:STRING=." "$LATENT_BUILD/CMakeCache.txt"; then
    echo "a sanitizer must be loaded first: skipped"
    exit 77
fi
[[ -e $faults ]] || { echo "no $faults" >&2; exit 1; }

POINTS="SELECT r.config, m.name, m.seq, m.step, m.epoch, m.value, m.kind
    FROM metrics m JOIN runs r ON r.id = m.run WHERE r.sweep"
FINALS="SELECT r.config, f.name, n, first, first_step, last, last_step,
    last_epoch, last_kind, min, min_step, max, max_step, nonfinite, f.bad_step
    FROM finals f JOIN runs r ON r.id = f.run WHERE r.sweep"

# How many rows of $1 differ between sweeps 1 and 2, doubled ones too; as SQL.
different()
{
    echo "(SELECT count(*) FROM ($1 = 2 EXCEPT $1 = 1)) +
        (SELECT count(*) FROM ($1 = 1 EXCEPT $1 = 2)) +
        abs((SELECT count(*) FROM ($1 = 2)) - (SELECT count(*) FROM ($1 = 1)))"
}
END="SELECT (SELECT group_concat(status) FROM runs WHERE sweep = 2) || ' ' ||
    ($(different "$POINTS")) || ' ' || ($(different "$FINALS")) || ' ' ||
    (SELECT count(*) FROM artifacts a JOIN runs r ON r.id = a.run
     WHERE sweep = 2 AND a.name = 'net') || ' ' ||
    (SELECT count(*) FROM notes n JOIN runs r ON r.id = n.run WHERE sweep = 2
     AND text IN ('begins', 'the end')) || ' ' ||
    (SELECT count(*) FROM tags t JOIN runs r ON r.id = t.run WHERE sweep = 2)
    AS whole"

old()
{
    "$L" sql --json "SELECT * FROM runs WHERE sweep = 1"
    "$L" sql --json "$POINTS = 1"
}

# What a command may end with, the injected fault being there ($2) or not.
check_status()
{
    local what=$1 status=$2 wanted=$3

    [[ " $wanted " == *" $status "* ]] && return
    fail "$what: exit status $status, wanted one of: $wanted"
    sed 's/^/    /' out err >&2
}

plain()
{
    local wanted=$1 what

    shift
    what="$* after call $n ($mode)"
    timeout 120 "$L" "$@" >out 2>err </dev/null
    check_status "$what" "$?" "$wanted"
}

n_run=0 n_whole=0 n_again=0 n_begun=0 n_none=0

try()
{
    local status left

    rm -rf work/* count
    cp -a base/results work/
    cd work || exit 1
    LD_PRELOAD=$faults LATENT_FAULT_ROOT=$folder/work \
        LATENT_FAULT_COUNT=$folder/count LATENT_FAULT_AT=$n "${how[@]}" \
        timeout 120 "$L" run "$script" -j 2 --no-rehearsal >out 2>err </dev/null
    status=$?
    n_run=$((n_run + 1))
    cp err ../run.err
    check_status "run, call $n failing ($mode)" "$status" "0 1 4"
    grep -q "killed by signal\|Assertion" err &&
        fail "a process crashed at call $n ($mode): $(cat err)"
    plain 0 ls
    plain 0 verify
    same "what was stored before call $n ($mode)" "$(old | sha256sum)" "$before"
    left=$(ask "SELECT coalesce(group_concat(status), '') FROM runs
        WHERE sweep > 1 AND status <> 'finished'")
    case $(ask "SELECT count(*) FROM sweeps") in
    1)
        n_none=$((n_none + 1))
        plain 0 run "$script" -j 2 --no-rehearsal
        ;;
    *)
        if [[ -z $left && $status -eq 0 ]]; then
            n_whole=$((n_whole + 1))
        else
            n_again=$((n_again + 1))
        fi
        [[ $left != *failed* ]] || n_begun=$((n_begun + 1))
        plain 0 resume -j 2
        plain 0 retry --failed -j 2
        ;;
    esac
    same "the end of call $n ($mode)" "$(ask "$END")" \
        "finished,finished 0 0 2 4 2"
    plain 0 verify
    if [[ $n_failed -gt $failed_before ]]; then
        failed_before=$n_failed
        { echo "--- the run with call $n ($mode):"; cat ../run.err; } >&2
        [[ $n_failed -lt 20 ]] || exit 1
    fi
    cd ..
}

mkdir base work
cd base || exit 1
expect 0 "" "$L" run "$script" -j 2 --no-rehearsal
same "reference" "$(ask "SELECT group_concat(status) FROM runs")" \
    "finished,finished"
before=$(old | sha256sum)
cd .. || exit 1

n=0 mode=count how=(env) failed_before=0
try
n_calls=$(od -An -t d8 count | tr -d ' ')
[[ $n_calls -gt 300 ]] || fail "only $n_calls calls were seen"
same "unhindered" "$n_run $n_whole" "1 1"

LAST=${LAST:-$n_calls}
for mode in ${MODE:-once broken full}; do
    case $mode in
    once) how=(env LATENT_FAULT_ERRNO=5) ;;
    broken) how=(env LATENT_FAULT_ERRNO=5 LATENT_FAULT_ON=1) ;;
    full) how=(env LATENT_FAULT_ERRNO=28 LATENT_FAULT_ON=1
        LATENT_FAULT_SPARES=/unsaved/) ;;
    esac
    for ((n = ${FIRST:-1 + RANDOM % STEP}; n <= LAST; n += STEP)); do
        try
    done
done
echo "$((n_run - 1)) faults at $n_calls calls: $n_whole sweeps went through," \
    "$n_again had runs to go on or to be tried again ($n_begun with failed" \
    "ones), $n_none were not begun; $((SECONDS - began)) s"
finish
