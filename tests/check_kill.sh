#!/bin/bash
# Sudden deaths: a worker, the supervisor, Ctrl-C. The store stays sound and
# says what happened.
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
expect 0 "lost" "$L" ls sweep=5 --columns id,status --csv
same "after SIGKILL of the supervisor" "$(status_of_sweep 5)" "lost,queued"
sound
finish
