#!/bin/bash
# A store that is said to lie on a network's file system: no write-ahead log,
# the same metrics as on a local disk, four runs at a time, and nothing that was
# flushed is lost with a worker that is killed.
# ctest: PROCESSORS 2
source "$(dirname "$0")/cli_lib.sh"
tiny=$LATENT_SOURCE/tests/scripts/tiny.lua
L=$LATENT
unset LATENT_NETWORK_STORE

journal()
{
    "$L" doctor --seconds 0.01 --csv | grep "^store's disk"
}

points()
{
    ask "SELECT r.config, m.name, m.seq, m.step, m.epoch, m.value, m.kind
        FROM metrics m JOIN runs r ON r.id = m.run WHERE r.sweep = $1
        ORDER BY r.config, m.name, m.seq"
    ask "SELECT r.config, f.name, n, first, first_step, last, last_step,
        last_epoch, last_kind, min, min_step, max, max_step, nonfinite
        FROM finals f JOIN runs r ON r.id = f.run WHERE r.sweep = $1
        ORDER BY r.config, f.name"
}

mkdir local there
export LATENT_DB=local/latent.db LATENT_NETWORK_STORE=0
expect 0 "" "$L" run "$tiny" -s epochs=60 -j 4 --no-rehearsal
expect 0 "" "$L" run "$tiny" -s epochs=1200 -s code=2,3 -s tie=tied -j 2 \
    --no-rehearsal
points 1 >short
points 2 >long
grep -q "local by LATENT_NETWORK_STORE, journal wal" <<<"$(journal)" ||
    fail "doctor on a local store: $(journal)"

export LATENT_DB=there/latent.db LATENT_NETWORK_STORE=1
expect 0 "" "$L" run "$tiny" -s epochs=60 -j 4 --no-rehearsal
same "exit and words" "$(grep -c "cannot write\|could not store" err)" 0
[[ ! -e there/latent.db-wal ]] || fail "a write-ahead log"
same "journal" "$(od -An -t u1 -j 18 -N 2 there/latent.db)" "   1   1"
grep -q "network's by LATENT_NETWORK_STORE, journal truncate" <<<"$(journal)" ||
    fail "doctor on a store there: $(journal)"
points 1 | cmp - short || fail "metrics there differ from local ones"
same "side files left" "$(ls there/runs/unsaved)" ""

# ---- a worker is killed ----
"$L" run "$tiny" -s epochs=1200 -s code=2,3 -s tie=tied -j 2 --no-rehearsal \
    >out 2>err </dev/null &
supervisor=$!
for ((i = 0; i < 400; i++)); do
    size=$(stat -c %s there/runs/unsaved/5 2>/dev/null || echo 0)
    [[ $size -lt 20000 ]] || break
    sleep 0.05
done
worker=$(ask "SELECT pid FROM runs WHERE id = 5")
kill -KILL "$worker"
wait "$supervisor"
same "exit status" "$?" 1
same "killed" "$(ask "SELECT group_concat(status) FROM runs WHERE sweep = 2")" \
    "lost,finished"
n=$(ask "SELECT count(*) FROM metrics WHERE run = 5")
[[ $n -ge $((size / 40)) ]] || fail "of $size bytes flushed $n values are there"
expect 0 "" "$L" resume -j 2
points 2 | cmp - long || fail "metrics of the resumed sweep differ"
expect 0 "nothing is wrong" "$L" verify

# ---- moved to a local disk, and back ----
cp -r there moved
LATENT_DB=moved/latent.db LATENT_NETWORK_STORE=0 \
    expect 0 "nothing to do" "$L" resume
same "journal of a local copy" "$(od -An -t u1 -j 18 -N 2 moved/latent.db)" \
    "   2   2"
finish
