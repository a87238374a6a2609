#!/bin/bash
# Sudden deaths: a worker, the supervisor, Ctrl-C. The store stays sound and
# says what happened, and latent resume brings the sweep to its end.
source "$(dirname "$0")/cli_lib.sh"
tiny=$LATENT_SOURCE/tests/scripts/tiny.lua
L=$LATENT

sound()
{
    if command -v sqlite3 >/dev/null; then
        same "integrity" ok \
            "$(sqlite3 results/latent.db "PRAGMA integrity_check")"
    fi
}

# Starts a sweep of two long runs, one at a time, and waits for metrics.
begin()
{
    "$L" run "$tiny" -s epochs=100000 -s tie=tied -s code=2,3 -j 1 \
        >out 2>err </dev/null &
    supervisor=$!
    wait_for 20 metrics "SELECT count(*) FROM metrics m
        JOIN runs r ON r.id=m.run WHERE r.status='running'"
    worker=$(ask "SELECT pid FROM runs WHERE status='running'")
}

status_of_sweep()
{
    ask "SELECT group_concat(status) FROM
        (SELECT status FROM runs WHERE sweep=$1 ORDER BY id)"
}

ask_gone()
{
    local i

    for ((i = 0; i < 100; i++)); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.05
    done
    fail "process $1 is still there"
}

# ---- a worker is killed: its run is lost, the other begins ----
begin
kill -KILL "$worker"
wait_for 20 "lost run" "SELECT count(*) FROM runs WHERE status='lost'"
wait_for 20 "second run" "SELECT count(*) FROM metrics WHERE run=2"
same "after SIGKILL of the worker" "$(status_of_sweep 1)" "lost,running"
same "its message" "$(ask "SELECT message FROM runs WHERE id=1")" \
    "killed by signal 9 (SIGKILL)"

# ---- Ctrl-C: interrupted, metrics kept ----
kill -INT "$supervisor"
wait "$supervisor"
same "exit status after SIGINT" "$?" 130
same "after SIGINT" "$(status_of_sweep 1)" "lost,interrupted"
grep -qF "to go on: latent resume 1" err || fail "Ctrl-C: no hint at resume"
[[ $(ask "SELECT count(*) FROM metrics WHERE run=2") -gt 0 ]] ||
    fail "metrics were not kept"
sound

# ---- Ctrl-C with runs in the queue: they stay queued ----
begin
kill -INT "$supervisor"
wait "$supervisor"
same "exit status after SIGINT" "$?" 130
same "the rest stays queued" "$(status_of_sweep 2)" "interrupted,queued"
ask_gone "$worker"

# ---- SIGTERM ----
begin
kill -TERM "$supervisor"
wait "$supervisor"
same "exit status after SIGTERM" "$?" 143

# ---- a script in an endless loop of pcall hears Ctrl-C too ----
"$L" run "$tiny" -s act=loop -s tie=tied -s code=2 >out 2>err </dev/null &
supervisor=$!
wait_for 20 "run" "SELECT count(*) FROM runs WHERE status='running'"
sleep 0.3
kill -INT "$supervisor"
wait "$supervisor"
same "exit status of an endless script" "$?" 130
same "an endless script" "$(status_of_sweep 4)" "interrupted"

# ---- the supervisor is killed: its worker goes with it ----
begin
kill -KILL "$supervisor"
wait "$supervisor" 2>/dev/null
ask_gone "$worker"
expect 0 "1 run was cut off (lost or interrupted): latent resume 5" \
    "$L" ls sweep=5
same "after SIGKILL of the supervisor" "$(status_of_sweep 5)" "lost,queued"
sound
rm -r results

# ---- resumed: every run finished, as if nothing had happened ----
# The points of a sweep, run by run in their order; -s keeps the order of runs.
points()
{
    ask "SELECT dense_rank() OVER (ORDER BY r.id) AS run, m.name, m.seq,
        m.step, m.epoch, m.value, m.kind FROM metrics m
        JOIN runs r ON r.id = m.run WHERE r.sweep = $1
        ORDER BY r.id, m.name, m.seq"
}

# All that summaries say, but times.
summaries()
{
    ask "SELECT dense_rank() OVER (ORDER BY r.id), f.name, n, first,
        first_step, last, last_step, last_epoch, last_kind, min, min_step, max,
        max_step, nonfinite, f.bad_step FROM finals f JOIN runs r ON r.id = f.run
        WHERE r.sweep = $1 ORDER BY r.id, f.name"
}

# Runs of some seconds: their first points are in the store after one.
epochs=1500
sweep=("$tiny" -s "epochs=$epochs" -s code=2,3 -s tie=tied)
expect 0 "" "$L" run "${sweep[@]}" -j 2
"$L" run "${sweep[@]}" -j 2 >out 2>err </dev/null &
supervisor=$!
wait_for 20 metrics "SELECT count(*) = 2 FROM finals f JOIN runs r
    ON r.id = f.run WHERE r.sweep = 2 AND f.name = 'train.sse'"
kill -KILL "$supervisor"
wait "$supervisor" 2>/dev/null
wait_for_deaths 30
expect 0 "2 runs queued again: lost or interrupted" "$L" resume 2 -j 2
same "resumed" "$(status_of_sweep 2)" "finished,finished"
same "points of a resumed sweep" "$(points 2 | sha256sum)" \
    "$(points 1 | sha256sum)"
same "summaries of a resumed sweep" "$(summaries 2)" "$(summaries 1)"
[[ $(points 1 | wc -l) -eq $((2 * epochs * (4 + 6))) ]] ||
    fail "points: found $(points 1 | wc -l)"
same "notes" "$(ask "SELECT count(*) FROM notes n JOIN runs r ON r.id = n.run
    WHERE sweep = 2 AND text NOT LIKE 'lost: its process % ended without a word%'")" 2
expect 0 "nothing to do" "$L" resume
sound
finish
