#!/bin/bash
# Kills at random moments: supervisors and workers of sweeps of small runs, and
# of the latent resume that follows, die by SIGKILL until there were $KILLS. In
# the end every run is finished; no point is missing, doubled or changed;
# summaries and weights are those of a sweep that nobody killed.
#
# KILLS=300 SEED=7 ... repeats a campaign with its pauses and victims (the
# moments still depend on the machine).
# ctest: TIMEOUT 900
# ctest: PROCESSORS 2
source "$(dirname "$0")/cli_lib.sh"
script=$LATENT_SOURCE/tests/scripts/campaign.lua
L=$LATENT
KILLS=${KILLS:-10}
RANDOM=${SEED:=$((RANDOM % 10000))}
LONGEST=${LONGEST:-2500} # milliseconds between two kills
began=$SECONDS

n_kills=0 n_supervisors=0 n_starts=0 supervisor=0

# Short pauses more often than long ones: deaths while a process starts too.
pause()
{
    local r=$((RANDOM % 1000))
    local ms=$((r * r / 1000 * LONGEST / 1000))

    sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
}

is_alive()
{
    [[ $supervisor -ne 0 ]] && kill -0 "$supervisor" 2>/dev/null
}

# Another sweep when nothing is left of those before.
start()
{
    n_starts=$((n_starts + 1))
    if [[ $(ask "SELECT count(*) FROM runs WHERE status != 'finished'") == 0 ]]
    then
        "$L" run "$script" -j 4 --no-rehearsal >run.out 2>run.err </dev/null &
    else
        "$L" resume -j 4 >run.out 2>run.err </dev/null &
    fi
    supervisor=$!
}

kill_one()
{
    local workers victim=$supervisor

    read -ra workers <<<"$(pgrep -P "$supervisor" -d ' ')"
    if ((RANDOM % 2 && ${#workers[@]})); then
        victim=${workers[RANDOM % ${#workers[@]}]}
    fi
    kill -KILL "$victim" 2>/dev/null || return
    n_kills=$((n_kills + 1))
    if [[ $victim == "$supervisor" ]]; then
        n_supervisors=$((n_supervisors + 1))
        wait "$supervisor" 2>/dev/null
        supervisor=0
    fi
}

# What must be equal: everything but times.
POINTS="SELECT r.config, m.name, m.seq, m.step, m.epoch, m.value, m.kind
    FROM metrics m JOIN runs r ON r.id = m.run WHERE r.sweep"
FINALS="SELECT r.config, f.name, n, first, first_step, last, last_step,
    last_epoch, last_kind, min, min_step, max, max_step, nonfinite,
    f.bad_step FROM finals f JOIN runs r ON r.id = f.run WHERE r.sweep"
WORDS="SELECT r.config, n.text FROM notes n JOIN runs r ON r.id = n.run
    WHERE n.text NOT LIKE '%; queued again' AND n.text NOT LIKE 'resumed at %'
    AND r.sweep"

# How many rows of $1 differ between sweeps 1 and $2, doubled ones too.
n_different()
{
    ask "SELECT (SELECT count(*) FROM ($1 = $2 EXCEPT $1 = 1)) +
        (SELECT count(*) FROM ($1 = 1 EXCEPT $1 = $2)) +
        abs((SELECT count(*) FROM ($1 = $2)) - (SELECT count(*) FROM ($1 = 1)))
        AS n"
}

# The tensors of a sweep's networks, by configuration; the headers in front of
# them name the runs.
weights()
{
    local config path header

    ask "SELECT r.config || ' ' || a.path FROM artifacts a JOIN runs r
        ON r.id = a.run WHERE r.sweep = $1 AND a.name = 'net'
        ORDER BY r.config" |
        while read -r config path; do
            header=$(od -An -t u8 -N 8 "results/$path")
            echo "$config $(tail -c "+$((header + 9))" "results/$path" |
                sha256sum)"
        done
}

expect 0 "" "$L" run "$script" -j 4 --no-rehearsal
n_points=$(ask "SELECT count(*) FROM ($POINTS = 1)")
[[ $n_points -gt 3000 ]] || fail "the sweep has $n_points points only"
reference=$(weights 1)
same "networks" "$(wc -l <<<"$reference")" 12

while [[ $n_kills -lt $KILLS ]]; do
    is_alive || start
    pause
    ! is_alive || kill_one
done
[[ $supervisor -eq 0 ]] || wait "$supervisor" 2>/dev/null
wait_for_deaths 60
expect 0 "" "$L" resume -j 4
expect 0 "nothing to do" "$L" resume

same "runs that are not finished" \
    "$(ask "SELECT count(*) FROM runs WHERE status != 'finished'")" 0
sweeps=$(ask "SELECT count(*) FROM sweeps")
for ((i = 2; i <= sweeps; i++)); do
    same "runs of sweep $i" "$(ask "SELECT count(*) FROM runs WHERE sweep = $i")" 12
    same "points of sweep $i" "$(n_different "$POINTS" $i)" 0
    same "summaries of sweep $i" "$(n_different "$FINALS" $i)" 0
    same "notes of sweep $i" "$(n_different "$WORDS" $i)" 0
    same "weights of sweep $i" "$(weights $i)" "$reference"
done
if command -v sqlite3 >/dev/null; then
    same "integrity" ok "$(sqlite3 results/latent.db "PRAGMA integrity_check")"
fi
n_cut=$(ask "SELECT count(*) FROM notes WHERE text LIKE '%; queued again'")
n_runs=$(ask "SELECT count(*) FROM runs WHERE sweep > 1")
echo "$n_kills kills ($n_supervisors of supervisors), $n_starts starts," \
    "$((sweeps - 1)) sweeps of 12 runs, $n_cut times a run was cut off," \
    "$((n_runs * n_points / 12)) points, $((SECONDS - began)) s (SEED=$SEED)"
finish
