#!/bin/bash
# Each write call of latent merge and latent export fails in its turn, alone or
# with all that follow: whole runs or none, nothing left over, and the next
# attempt makes it whole. STEP=1 tries every call.
# ctest: TIMEOUT 900
source "$(dirname "$0")/cli_lib.sh"
source "${LATENT_SOURCE:?}/tests/exchange_lib.sh"
L=$LATENT
faults=$LATENT_BUILD/tests/latent_faults.so
STEP=${STEP:-7}

command -v sqlite3 >/dev/null || { echo "no sqlite3: skipped"; exit 77; }
if grep -q "^LATENT_SANITIZE:STRING=." "$LATENT_BUILD/CMakeCache.txt"; then
    echo "a sanitizer must be loaded first: skipped"
    exit 77
fi
[[ -e $faults ]] || { echo "no $faults" >&2; exit 1; }

cat >script.lua <<'END_LUA'
local latent = require "latent"
return latent.experiment {
  name = "sent", config = { seed = 1 },
  run = function(run)
    local data = latent.data.curves { n_train = 20, n_test = 10, seed = 5 }
    local net = latent.autoencoder { input = data.train.shape,
      encoder = { latent.dense { 2 } }, output = "sigmoid" }
    for i = 1, 10 do run:log { x = i } end
    run:save("net", net)
    run:save("net2", net)
    run:note("a note")
  end,
}
END_LUA
mkdir base work
cd base || exit 1
expect 0 "" "$L" run ../script.lua -s seed=1,2 -j 1
expect 0 "" "$L" export 1 -o ../old.latent
cd ..

# hindered N MODE COMMAND...: in work, with call N failing; the status.
hindered()
{
    local n=$1 how=(env)

    [[ $2 == once ]] || how=(env LATENT_FAULT_ON=1 LATENT_FAULT_ERRNO=28)
    shift 2
    rm -f count
    (cd work && LD_PRELOAD=$faults LATENT_FAULT_ROOT=$folder/work \
        LATENT_FAULT_COUNT=$folder/count LATENT_FAULT_AT=$n "${how[@]}" \
        timeout 60 "$L" "$@") >out 2>err </dev/null
}

calls() { od -An -t d8 count | tr -d ' '; }

# Status 4, a message and no lie when something failed; 0 when all is done.
check_end()
{
    local status=$1 what=$2

    [[ $status -eq 0 || $status -eq 4 && -s err ]] || {
        fail "$what: exit status $status"
        cat out err >&2
    }
    same "$what: parts of files" "$(find work -name '*.part*' -o \
        -name '.latent-*' -o -name incoming | wc -l)" 0
}

n_done=0 n_failed_calls=0
merge_hindered()
{
    local what="merge, call $1 ($2)" status

    rm -rf work
    mkdir -p work/results
    [[ $3 == new ]] || cp -a begun/. work/
    hindered "$1" "$2" merge ../base/results/latent.db
    status=$?
    check_end $status "$what"
    if [[ $status -eq 0 ]]; then
        n_done=$((n_done + 1))
        agree "$what" base work
    else
        n_failed_calls=$((n_failed_calls + 1))
    fi
    (n_failed=0
        cd work && expect 0 "" "$L" merge ../base/results/latent.db
        expect 0 "nothing is wrong" "$L" verify
        [[ $n_failed -eq 0 ]]) || fail "$what: again"
    agree "$what, again" base work
}

# With --force a file is the old one or the new one.
export_hindered()
{
    local what="export, call $1 ($2)" status

    rm -rf work
    cp -a base work
    cp old.latent work/x.latent
    hindered "$1" "$2" export 2 --force -o x.latent
    status=$?
    check_end $status "$what"
    if [[ $status -eq 0 ]]; then
        n_done=$((n_done + 1))
        expect 0 "nothing is wrong" "$L" --db work/x.latent verify
        same "$what: runs" "$("$L" --db work/x.latent sql --csv \
            "SELECT config FROM runs" | tail -1 | tr -d '\r"')" "{seed:2}"
    else
        n_failed_calls=$((n_failed_calls + 1))
        cmp old.latent work/x.latent || fail "$what: neither old nor new"
    fi
}

mkdir begun
(cd begun && mkdir results && "$L" import ../old.latent) >out 2>err ||
    fail "import: $(cat err)"
for what in new begun export; do
    try=(merge_hindered)
    [[ $what != export ]] || try=(export_hindered)
    "${try[@]}" 0 once $what
    n_calls=$(calls)
    [[ $n_calls -gt 20 ]] || fail "$what: only $n_calls calls were seen"
    for mode in once broken; do
        for ((n = RANDOM % STEP + 1; n <= n_calls; n += STEP)); do
            "${try[@]}" "$n" $mode $what
        done
    done
    echo "$what: $n_calls calls"
done
[[ $n_failed_calls -gt 10 ]] || fail "only $n_failed_calls attempts failed"
echo "$n_failed_calls attempts failed, $n_done did not"
finish
