#!/bin/bash
# A disk that is full: a small one in memory, filled up while a sweep of four
# runs, two at a time, is under way. The two go on to their ends, the user is
# told once of each, and what they could not store is there after one more
# command, once there is room: the same values as those of an undisturbed sweep.
# ctest: PROCESSORS 2
source "$(dirname "$0")/cli_lib.sh"
tiny=$LATENT_SOURCE/tests/scripts/tiny.lua
L=$LATENT

mkdir disk
if ! mount -t tmpfs -o size=40m tmpfs disk 2>/dev/null; then
    echo "may not mount a small disk: skipped"
    exit 77
fi
trap 'cd /; umount "$folder/disk"; rm -rf "$folder"' EXIT
export LATENT_DB=disk/results/latent.db

POINTS="SELECT r.config, m.name, m.seq, m.step, m.epoch, m.value, m.kind
    FROM metrics m JOIN runs r ON r.id = m.run WHERE r.sweep"
FINALS="SELECT r.config, f.name, n, first, first_step, last, last_step,
    last_epoch, last_kind, min, min_step, max, max_step, nonfinite, f.bad_step
    FROM finals f JOIN runs r ON r.id = f.run WHERE r.sweep"

# How many rows of $1 sweep 2 has that sweep 1 lacks, and has in all.
compared()
{
    ask "SELECT (SELECT count(*) FROM ($1 = 2 EXCEPT $1 = 1)) || ' ' ||
        (SELECT count(*) FROM ($1 = 2)) AS n"
}

sweep=("$tiny" -s epochs=1200 -s code=2,3,4,5 -s tie=tied -j 2 --no-rehearsal
    --no-space-check)
expect 0 "" "$L" run "${sweep[@]}"
n_points=$(ask "SELECT count(*) FROM ($POINTS = 1)")
"$L" run "${sweep[@]}" >out 2>err </dev/null &
supervisor=$!
wait_for 20 metrics "SELECT count(*) = 2 FROM finals f JOIN runs r
    ON r.id = f.run WHERE r.sweep = 2 AND f.name = 'train.sse'"
dd if=/dev/zero of=disk/filler bs=4096 2>/dev/null
wait "$supervisor"
same "exit status on a full disk" "$?" 4
cp err run.err
n_told=$(grep -c "^run [56]: cannot write to the store: .*full" run.err)
same "told" "$n_told" 2
grep -q "^what 2 runs could not store still waits in disk/results/runs/unsaved/: " \
    run.err || fail "no last word of it: $(cat run.err)"
before=$(compared "$POINTS")
[[ ${before#* } -lt $((n_points / 2)) ]] || fail "the disk was not full"
expect 0 "still waits in disk/results/runs/unsaved/" "$L" ls
expect 6 "other things wait in disk/results/runs/unsaved/5 to be stored" "$L" verify

rm disk/filler
expect 0 "what 2 runs could not store has got there now" "$L" ls
same "the two runs" "$(ask "SELECT group_concat(status || message) FROM runs
    WHERE sweep = 2")" "finished,finished,queued,queued"
same "their points" "$(compared "$POINTS")" "0 $((n_points / 2))"
same "their summaries" "$(compared "$FINALS")" \
    "0 $(($(ask "SELECT count(*) FROM ($FINALS = 1)") / 2))"
expect 0 "nothing is wrong" "$L" verify
expect 0 "" "$L" resume -j 2 --no-space-check
same "all points" "$(compared "$POINTS")" "0 $n_points"
finish
